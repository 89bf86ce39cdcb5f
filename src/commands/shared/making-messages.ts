/** Texts that several of the commands share which make model files. */
import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  modelFiles: 'Model files or folders',
  dtype: (types: readonly string[]) =>
    `Type of the weights: ${types.join(', ')}; for one component: vae=fp32. Repeatable`,
  verifyComputed: 'Read back and compare every tensor, including unchanged ones; --no-verify: none',
  noSuchType: (type: string) => `--dtype ${type}: no such type`,
  types: (types: readonly string[]) => `Types are ${types.join(', ')}.`,
  wouldWriteFolder: (folder: string) => `would write ${folder}/`,
  wouldWriteModules: (file: string, modules: number) =>
    `would write ${file}: ${modules} ${modules === 1 ? 'module' : 'modules'}`,
})
