/** Texts that several of the commands share which make model files. */
import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  modelFiles: 'Model files or folders',
  dtype: (types: readonly string[]) =>
    `Type of the weights: ${types.join(', ')}; for one component: vae=fp32. Repeatable`,
  verifyComputed: 'Read back and compare every tensor, including unchanged ones; --no-verify: none',
  fileOfModules: (file: string, modules: number) =>
    `${file}: ${modules} ${modules === 1 ? 'module' : 'modules'}`,
})
