import { catalogue } from './language.ts'

export const messages = catalogue({
  nameAnotherOutput: 'Name another output with -o.',
  makeSpace: 'Free some space, or write to another disk with -o.',
  outputIsFolder: (path: string) => `${path} is a folder`,
  nameOutputFile: 'Name a file with -o.',
  outputIsPipe: (path: string) => `${path} is a pipe and cannot be replaced by a file`,
  outputIsSocket: (path: string) => `${path} is a socket and cannot be replaced by a file`,
  outputIsDevice: (path: string) => `${path} is a device and cannot be replaced by a file`,
  outputIsInput: (path: string) => `${path} is an input of this run and would be overwritten`,
  outputExists: (path: string) => `${path} already exists`,
  forceOrOtherName: 'Use --force to replace it, or -o to name another file.',
  notAFolder: (path: string) => `${path} is not a folder`,
  diskTooSmall: (folder: string, free: number, name: string, bytes: number) =>
    `${folder} has ${free} bytes free, ${name} needs ${bytes}`,
  diskFull: (path: string, reason: string) => `${path}: the disk is full (${reason}); nothing was kept`,
  cannotWrite: (path: string, reason: string) => `${path} cannot be written (${reason})`,
  nameWritablePlace: 'Name a writable location with -o.',

  notRegularFile: (path: string) => `${path} is not a regular file`,
  truncatedRead: (path: string, end: number, missing: number) =>
    `${path}: ends at byte ${end}, but ${missing} more bytes are needed`,
  truncatedSource: (path: string, end: number, needed: number) =>
    `${path}: ends at byte ${end}, but ${needed} are needed`,
  incompleteFile: 'The file is incomplete: download or copy it again.',
  readTooLarge: (path: string, bytes: number) => `${path}: a single read of ${bytes} bytes is too large`,
  inputGone: (path: string) => `${path} was removed while it was being read`,
  inputReplaced: (path: string) => `${path} was replaced by another file while it was being read`,
  inputModified: (path: string) => `${path} was modified while it was being read`,
  inputResized: (path: string, before: string, now: string) =>
    `${path} changed from ${before} to ${now} bytes while it was being read`,
  runWhenComplete: 'Nothing was kept. Run again when the file is complete and nothing is writing to it.',

  folderNotUtf8: (name: string) => `the name of the current folder is not UTF-8: ${name}`,
  argumentNotUtf8: (name: string) => `an argument on the command line is not UTF-8: ${name}`,
  renameToUtf8: 'sdtool cannot open such names: rename the file or folder, for example with convmv or mv.',
  threadEnded: 'a worker thread ended early',
})
