import { catalogue } from '../system/language.ts'

export const messages = catalogue({
  noFileNamed: 'no file was named',
  nameFilesOrFolders: 'Name one or more model files or folders.',
  emptyFileName: 'a file name is empty',
  noModelInFolder: (folder: string) => `${folder}: no model file found`,
  modelEndings: (endings: string) => `sdtool looks for ${endings} files.`,
  notAFolder: (path: string) => `${path} is not a folder`,
  inspectAFile: 'To look at a file: sdtool inspect.',
  folderTooLarge: (folder: string, limit: number) => `${folder} holds more than ${limit} files and folders`,
  nameCloserFolder:
    'Name a folder closer to the models (--models or SDTOOL_MODELS), or give the path of the file.',

  skippedProgram: (paths: string) => `skipped (a program keeps its own files there): ${paths}`,
  skippedUnreadable: (paths: string) => `skipped (cannot be read): ${paths}`,
  skippedDeep: (paths: string, levels: number) => `skipped (more than ${levels} folders deep): ${paths}`,
  skippedSystem: (paths: string) => `skipped (system folder): ${paths}`,
  skippedLoop: (paths: string) => `skipped (leads back to a parent folder): ${paths}`,
  skippedSpelling: (paths: string) => `skipped (the name is not UTF-8, rename it): ${paths}`,

  doesNotExist: (path: string) => `${path} does not exist`,
  noModelFolders: 'Bare names are looked up in the folders of --models or SDTOOL_MODELS, and neither is set.',
  modelNotFound: (name: string, folders: string) =>
    `${name} does not exist, and there is no model of that name in ${folders}`,
  missingFolder: (folder: string) => `${folder} (does not exist)`,
  similarNames: (names: string) => `Similar names: ${names}.`,
  noSimilarName: (files: number) =>
    files === 0
      ? 'There are no model files.'
      : files === 1
        ? 'The one model file there has a different name.'
        : `None of the ${files} model files there has a similar name.`,
  ambiguousName: (name: string, paths: string, unlisted: number) =>
    `${name} is ambiguous: it could be ${paths}${unlisted > 0 ? ` and ${unlisted} more` : ''}`,
  giveMoreOfPath: 'Give the path, or more of it: its folder or its ending.',
  preferredFile: (name: string, used: string, others: string) =>
    `${name}: using ${used} instead of ${others} next to it`,

  loraByAlias: (name: string, path: string) => `${name}: using ${path}, whose metadata has this name`,
  ambiguousAlias: (name: string, paths: string) => `${name} is the name in the metadata of ${paths}`,
  nameFile: (file: string) => `Name the file: ${file}.`,

  noDenoiserWeights: (folder: string) => `${folder}: there are no weights in unet/ or transformer/`,
  expectedWeights: 'sdtool looks for diffusion_pytorch_model.safetensors and .bin.',
  imageEncoder: (folder: string) =>
    `${folder} is not in it: programs load the image encoder from a file of its own`,
  secondTransformer: (folder: string) =>
    `${folder} is not in it: programs load the second transformer from a file of its own, which sdtool convert ${folder} --to native writes`,
  otherWeights: (part: string, used: string, others: string) => `${part}: using ${used}, not ${others}`,
  isFolder: (path: string) => `${path} is a folder`,
  nameFileInIt: 'Name a file in it.',
  pipelineFolder: (folder: string) =>
    `${folder} is a folder of diffusers, with its networks in folders of their own`,
  convertFirst: (folder: string) =>
    `sdtool convert ${folder} makes one file of it; a network in it can be named alone.`,
  missingShards: (folder: string, there: number, all: number, shard: string) =>
    `${folder}: only ${there} of the ${all} shards of ${shard} ${there === 1 ? 'is' : 'are'} there`,
  downloadOtherShards: 'Download the other shards, too.',
  unreadableIndex: (path: string) => `${path} does not list the shards of a model`,
  tensorInTwoShards: (folder: string, tensor: string) => `${folder}: ${tensor} is in two of the shards`,
  incompleteShards: (folder: string, tensors: string) =>
    `${folder}: listed in the index, but in none of the shards: ${tensors}`,
})
