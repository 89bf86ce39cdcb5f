import { catalogue } from '../../system/language.ts'
import { printable, quoted } from '../../system/text.ts'

type Gone = 'Archived' | 'TakenDown'

export const messages = catalogue({
  versionTitle: (model: string, version: string, id: number) =>
    `${printable(model, 80)} ${printable(version, 40)} (version ${id})`,
  fileList: (files: readonly string[], more: number) =>
    more === 0 ? files.join('; ') : `${files.join('; ')} and ${more} more`,
  noSuchFile: (title: string, name: string) => `${title} has no file ${quoted(name)}`,
  itsFiles: (files: string) => `Its files: ${files}.`,
  severalFiles: (title: string, files: string) => `${title} has several suitable files: ${files}`,
  chooseOneOrAll: 'Choose one by its ID with --file ID, or take all with --file all.',
  noFiles: (title: string) => `${title} has no files`,
  mayBeDraft: 'It may be a draft, or usable only on the site: see its page.',
  filesGone: (title: string, gone: Gone) =>
    gone === 'Archived'
      ? `${title}: the model is archived; its files can no longer be downloaded`
      : `${title}: the model has been taken down; its files can no longer be downloaded`,
  noFileWith: (title: string, asked: readonly string[], files: string) =>
    asked.length === 0
      ? `${title} has no model file, only ${files}`
      : `${title} has no file with ${printable(asked.join(', '))}, only ${files}`,
  chooseOne: 'Choose one with --file ID.',

  versionOfAnotherModel: (version: number, model: number, name: string, asked: number) =>
    `version ${version} belongs to model ${model} (${quoted(name)}), not to model ${asked}`,
  modelGone: (id: number, name: string, gone: Gone) =>
    gone === 'Archived'
      ? `model ${id} (${quoted(name)}) is archived`
      : `model ${id} (${quoted(name)}) has been taken down`,
  noVersionWithFiles: (id: number, name: string) =>
    `model ${id} (${quoted(name)}) has no version with a file`,
  seePage: 'See its page on the site.',
  modelAndVersion: (id: number, model: string, modelOfVersion: string) =>
    `${id} is both the model ${quoted(model)} and a version of ${quoted(modelOfVersion)}`,
  writeWhich: (id: number) => `Write model:${id} or version:${id}.`,
  neitherModelNorVersion: (id: number, host: string) => `${id} is neither a model nor a version on ${host}`,
  mayBeOnAnotherHost:
    'It may have been deleted, or exist only on another host of the site: --civitai-url https://civitai.red.',
  unknownHash: (hash: string, host: string) => `no published file on ${host} has the hash ${hash}`,
  tryAnotherHash:
    'Unpublished and deleted versions cannot be found by hash; try another hash of the file (sdtool inspect --hashes).',

  otherKindOfFile: (planned: string, delivered: string) =>
    `${planned}: the server sends ${quoted(delivered)}, a different kind of file`,
  chooseById: 'Choose the file by its ID: --file ID.',
  safetensorsFile: 'a safetensors file',
  checkpoint: 'a checkpoint',
  ggufFile: 'a GGUF file',
  zipArchive: 'a zip archive',
  sevenZipArchive: 'a 7z archive',
  rarArchive: 'a rar archive',
  textFile: 'a text file',
  jsonFile: 'a JSON file',
  pngPicture: 'a PNG picture',
  jpegPicture: 'a JPEG picture',
  webpPicture: 'a WebP picture',

  sidecarIsTheModel: (sidecar: string) => `${sidecar} was not written: the file itself has that name`,
  sidecarIsAnotherFile: (sidecar: string, file: string) =>
    `${sidecar} was not written: ${file}, another file of this run, has that name`,
  sidecarOfAnotherVersion: (sidecar: string, own: string, wanted: number) =>
    `${sidecar} belongs to version ${own}, not to version ${wanted}; it was left unchanged`,
  sidecarOfAnotherFile: (sidecar: string) =>
    `${sidecar} belongs to a file with another SHA-256; it was left unchanged`,
  notNotes: (path: string) => `${path} does not hold notes of A1111; it was left unchanged`,
  notAPicture: (path: string) => `${path}: the preview from the site is not a picture`,
  previewAddress: (host: string) => `the preview was not fetched: ${host} is not a public web address`,
  previewStatus: (host: string, status: number) =>
    `the preview was not fetched: ${host} answered with status ${status}`,
})
