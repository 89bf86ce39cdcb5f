/** Texts that several of the commands share which make model files. */
import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  modelFiles: 'Model files or folders',
  dtype: (types: readonly string[]) =>
    `Type of the weights: ${types.join(', ')}; for one component: vae=fp32. Repeatable`,
  verifyComputed: 'Read back and compare every tensor, including unchanged ones; --no-verify: none',
  blockNames:
    'Blocks: a kind and a number, as sdtool diff shows those of a file (IN04, MID or M00, TE07); * stands for any text:',
  blocksByNumber:
    'layers.12, body.7, double_stream_blocks.*: blocks of networks that sdtool has no such names for, as their files number them',
  fileOfModules: (file: string, modules: number) =>
    `${file}: ${modules} ${modules === 1 ? 'module' : 'modules'}`,
})
