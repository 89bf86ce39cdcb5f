/** Texts of `convert`: help, wrong usage, page. */
import { formatBytes } from '../../report/text/text.ts'
import { catalogue } from '../../system/language.ts'
import { plural } from '../../system/plural.ts'

export const messages = catalogue({
  example: 'Write model.safetensors next to it; the pickle is read, never run',
  exampleTypes: 'Half precision, but the VAE in full',
  exampleDiffusers: 'A folder model-diffusers/; without --to, such a folder becomes one file',
  exampleFolder: 'Every model file of a folder, each compared after writing',
  exampleNative: 'A transformer of diffusers under the names that other programs load',
  to: 'ckpt: a torch zip; diffusers: a folder with a file for each network; single: one file of such a folder; native, comfyui: a transformer under the names of its authors, or as ComfyUI saves them',
  part: 'With --to diffusers: only this network, as one file with diffusers names',

  partWithoutDiffusers: '--part requires --to diffusers',
  onlyFolder: 'a diffusers folder has to be converted alone',
  nameOneModel: 'Name one model.',
  noFile: 'no file was named',
  nameFile: 'Name a model file, or a diffusers folder.',
  notDiffusersFolder: (name: string, index: string) =>
    `${name} is not a diffusers folder: it has no ${index}`,
  singleIsForFolders: '--to single makes one file of such a folder; for a model file, leave it out.',
  singleFirst: (to: string) => `--to ${to}: a diffusers folder becomes a single file first`,
  convertAgain: 'Run convert on that file again.',
  typesOfComponents: '--dtype of single components cannot be used with diffusers folders',
  convertSingle: 'Convert the precision of the single file.',

  folderPart: (part: string, tensors: number, bytes: number) =>
    `${part}: ${plural(tensors, 'tensor')}, ${formatBytes(bytes)}`,
  wroteFolder: (folder: string, bytes: number) => `${folder}/: ${formatBytes(bytes)}`,
})
