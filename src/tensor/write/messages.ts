import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

export const messages = catalogue({
  dtypeNotWritable: (name: string, dtype: string) =>
    `tensor ${quoted(name)} is ${dtype}, which safetensors cannot store`,
  nameNotWritable: (name: string) => `tensor name ${quoted(name)} cannot be stored in a safetensors file`,
  metadataNotUnicode: (key: string) =>
    `metadata ${quoted(key)} is not Unicode text, which safetensors requires`,
  headerTooLarge: (length: number, limit: number) =>
    `the header takes ${length} bytes, the limit is ${limit}`,
  damagedFile: (path: string, damage: string) => `${path}: ${damage}: the file is damaged`,
  downloadAgain: 'Download or copy it again.',
  checksumMismatch: (name: string) => `entry ${quoted(name)} does not match its checksum`,
  otherBytes: (offset: number, end: number) =>
    `bytes ${offset} to ${end} of the file are not those that were computed`,
  offByUlps: (name: string, ulps: string, dtype: string) =>
    `tensor ${quoted(name)} is off by ${ulps} units in the last place of ${dtype}`,
  recomputed: (detail: string) => `read back and computed again: ${detail}`,
  nothingKept: 'Nothing was kept. Run again; if an input changed meanwhile, wait until it is complete.',
  otherTensorCount: (written: number, planned: number) =>
    `${written} tensors were written, ${planned} were planned`,
  notWrittenAs: (name: string, dtype: string, shape: string) =>
    `tensor ${quoted(name)} was not written as ${dtype} [${shape}]`,
  notAtOffset: (name: string, planned: number) =>
    `the header does not say that tensor ${quoted(name)} starts at byte ${planned}`,
  metadataDiffers: (key: string) => `metadata ${quoted(key)} was not written as planned`,
  valuesDiffer: (name: string) => `the values of tensor ${quoted(name)} are not those of the plan`,
  someValuesDiffer: (name: string, others: number) =>
    `the values of tensor ${quoted(name)} or of ${others === 1 ? 'the tensor' : `one of the ${others} tensors`} after it are not those of the plan`,
  readBack: (detail: string) => `read back and compared: ${detail}`,
})
