import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

const checkedText = (hasLength: boolean, hasKind: boolean): string => {
  if (hasLength && hasKind) return 'only the length and the kind of file were checked'
  if (hasLength) return 'only the length was checked'
  return hasKind ? 'only the kind of file was checked' : 'nothing was checked'
}

export const messages = catalogue({
  examplePage: 'The newest version, the file that most people want',
  exampleDryRun: 'What would be downloaded, how large it is, and where it goes',
  exampleAir: 'A LoRA into the folder for LoRAs',
  exampleHash: 'The file with this hash, as image metadata names it',
  whatArgument: 'Page or API address, AIR, model:ID, version:ID, hash:HEX, or a number',
  outputOption: 'File to write, or folder',
  layoutOption: 'Put files where this program looks for them (default: as the model folder shows)',
  fpOption: 'Precision of the file: fp16, bf16, fp32, fp8',
  sizeOption: 'full or pruned',
  formatOption: 'SafeTensor, PickleTensor, GGUF',
  fileOption: 'This file of the version: its ID, a name ("*.yaml"), or all. Repeatable',
  jobsOption: 'Downloads at the same time',
  anyOption: 'Also download kinds of files that sdtool does not know and cannot check',
  forceOption: 'Replace existing files',
  dryRunOption: 'Show what would be downloaded, write nothing',
  emptyName: 'a name is empty',
  jobsRange: (most: number) => `--jobs must be a whole number from 1 to ${most}`,
  outputAndLayout: '-o and --layout cannot be combined',
  useModels: 'Name the folder of the program with --models.',
  oneFileForMany: (output: string, count: number) => `-o ${output} names one file for ${count} downloads`,
  nameAFolder: 'Name a folder: -o downloads/',
  tokenIgnored: 'the token in the address is not used; save it with sdtool login, or set CIVITAI_TOKEN',
  partsKept: 'what was received is kept; the same command continues from there',

  actionColumn: 'action',
  modelColumn: 'model',
  versionColumn: 'version',
  fileColumn: 'file',
  sizeColumn: 'size',
  whatColumn: 'what',
  folderColumn: 'to',
  have: 'have',
  resume: 'resume',
  fetch: 'fetch',
  warning: 'warning',
  warningAbout: (model: string, warning: string) => `${model}: ${warning}`,
  earlyAccess: 'early access: only for those who bought it',
  earlyAccessUntil: (until: string) => `early access until ${until}: only for those who bought it`,
  downloadsDisabled: 'the creator has disabled downloads',
  pickleFlagged: "the site's pickle scanner calls it dangerous",
  noHash: 'the site gives no hash: the content cannot be verified',

  alreadyThere: (path: string, verified: string) => `${path} already exists: ${verified}`,
  wrote: (path: string, size: string, verified: string) => `wrote ${path}: ${size}, ${verified}`,
  onlyChecked: (hasLength: boolean, hasKind: boolean) =>
    `not verified, as the site gives no hash: ${checkedText(hasLength, hasKind)}`,
  notInspected: 'sdtool does not know this kind of file: its content was not inspected',
  triggerWords: (words: string) => `trigger words: ${words}`,
  belongsElsewhere: (path: string, folder: string, reason: string) =>
    `${path} belongs in ${folder} by its content, but could not be moved there: ${reason}`,
  otherBase: (said: string, found: string) => `the site says that it is for ${said}, but it is for ${found}`,
  alsoWrote: (paths: readonly string[]) => `also wrote ${paths.join(', ')}`,

  unknownKind: (name: string) =>
    `${quoted(name)}: sdtool does not know this kind of file and could not check it`,
  useAny: 'With --any it is downloaded and kept unchecked.',
  disguisedPickle: (target: string) => `${target}: the file is a pickle, not what its name says`,
  notItsKind: (target: string, kind: string) => `${target}: the file is not ${kind}, as its name says`,
  doNotLoad: 'Do not load it with anything.',
  doNotOpen: 'Do not open it with anything.',
  otherFileExists: (target: string) => `${target} already exists, and is another file`,
  forceOrOtherPlace: 'Use --force to replace it, or -o to choose another name or folder.',
  flagged: (title: string, name: string) => `${title}: the site's virus scanner calls ${name} dangerous`,
  takeAnother: 'Choose another file or version.',
  diskTooSmall: (count: number, needed: string, folder: string, free: string) =>
    count === 1
      ? `the download needs ${needed}, the disk of ${folder} has ${free} free`
      : `the ${count} downloads need ${needed}, the disk of ${folder} has ${free} free`,
  freeSpace: (missing: string) => `Free ${missing}, or name a folder on another disk with -o or --models.`,
})
