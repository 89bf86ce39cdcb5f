import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

export const messages = catalogue({
  damagedGguf: 'The file is damaged: download or convert it again.',
  impossibleNumber: (what: string, value: bigint) => `${what} is ${value}, which is not possible`,
  lengthOf: (what: string) => `the length of ${what}`,
  longerThanFile: (what: string, length: number) => `${what} has ${length} bytes, more than the whole file`,
  metadataLength: (key: string) => `the length of metadata ${quoted(key)}`,
  metadataNamed: (key: string) => `metadata ${quoted(key)}`,
  unknownMetadataType: (key: string, type: number) => `metadata ${quoted(key)} has the unknown type ${type}`,
  metadataTooDeep: (key: string, limit: number) =>
    `metadata ${quoted(key)} nests arrays more than ${limit} deep`,
  tooManyElements: (key: string, count: number) =>
    `metadata ${quoted(key)} has ${count} elements, more than the file has bytes`,
  firstElements: (shown: string, count: number) => `[${shown}, ... ${count} elements]`,
  notInt32Array: (key: string) => `metadata ${quoted(key)} is not an array of 32-bit integers`,
  metadataDimensions: (key: string, count: number, limit: number) =>
    `metadata ${quoted(key)} has ${count} dimensions, the limit is ${limit}`,
  nameOfTensor: 'the name of a tensor',
  tensorDimensions: (name: string, dimensions: number, limit: number) =>
    `tensor ${quoted(name)} has ${dimensions} dimensions, the limit is ${limit}`,
  shapeOfTensor: (name: string) => `the shape of tensor ${quoted(name)}`,
  unknownGgmlType: (name: string, type: number) => `tensor ${quoted(name)} has the unknown ggml type ${type}`,
  offsetOfTensor: (name: string) => `the offset of tensor ${quoted(name)}`,
  impossibleSize: (name: string, shape: string, dtype: string) =>
    `tensor ${quoted(name)}: shape [${shape}] of ${dtype} is not a possible size`,
  numberOfTensors: 'the number of tensors',
  numberOfEntries: 'the number of metadata entries',
  tooManyEntries: (tensorCount: number, pairCount: number) =>
    `${tensorCount} tensors and ${pairCount} metadata entries are too many`,
  metadataKey: 'a metadata key',
  metadataTwice: (key: string) => `metadata ${quoted(key)} appears twice`,
  impossibleShape: (name: string, fault: string) => `tensor ${quoted(name)}: its original shape ${fault}`,
  bigEndianGguf: 'big-endian GGUF is not supported',
  ggufVersion: (version: number) => `GGUF version ${version} is not supported, only 2 and 3`,
  cutInHeader: (bytes: number) => `the file ends after ${bytes} bytes, in the middle of its header`,
  headerTooLong: (limit: number) => `the header has more than ${limit} bytes`,
  downloadAgain: 'This is what an incomplete download looks like: download or copy the file again.',
  alignmentType: (key: string, type: number, u32: number) => `${key} has the type ${type}, not ${u32} (u32)`,
  badAlignment: (alignmentKey: string, value: string) =>
    `${alignmentKey} is ${quoted(value)}, not a power of two within the limits`,
  tensorTwice: (name: string) => `tensor ${quoted(name)} appears twice`,
  tensorsOverlap: (name: string, offset: number) =>
    `tensor ${quoted(name)} starts at byte ${offset}, inside the tensor before it`,
  cutInTensors: (bytes: number, end: number) =>
    `the file ends after ${bytes} bytes, but its tensors end at byte ${end}`,
  originalDimensions: (shape: string, dimensions: number, limit: number) =>
    `${shape} has ${dimensions} dimensions, it must have 1 to ${limit}`,
  notAShape: (shape: string) => `${shape} is not a shape`,
  originalValues: (shape: string, wanted: number, count: number) =>
    `${shape} has ${wanted} values, the tensor has ${count}`,
  tooManyTensors: (limit: number) => `the file has more than ${limit} tensors`,
  nameTooLong: (name: string, length: number, limit: number) =>
    `the name of tensor ${quoted(name)} has ${length} characters, the limit is ${limit}`,
  namesTooLong: (limit: number) => `the names of the tensors have more than ${limit} characters`,
  madeToExhaust: 'The file was made to exhaust programs that read it.',
  unknownFormat: (path: string, start: string) =>
    `${path}: not a known model format: the file starts with the bytes ${start}`,
  textFile: (path: string, start: string) =>
    `${path}: a text file, not a model: it starts with ${quoted(start)}`,
  tooSmall: (path: string, bytes: number) =>
    `${path}: the file has only ${bytes} ${bytes === 1 ? 'byte' : 'bytes'}, too few for a model`,
  bytesReplaced: (path: string) =>
    `${path}: the file was saved as text: its bytes above 127 were replaced by the character U+FFFD and are lost`,
  bytesExpanded: (path: string) =>
    `${path}: the file was saved as text: its bytes above 127 were written as two bytes each`,
  copyAsBinary: 'Download or copy it again, as a binary file, and do not save it in a text editor.',
  knownFormats: (titles: string) => `Known formats: ${titles}.`,
  damagedSafetensors: 'The file is damaged or was written by a faulty tool: download or export it again.',
  headerLength: (length: bigint, limit: number) => `header of ${length} bytes, the limit is ${limit}`,
  headerBeyondFile: (length: bigint, bytes: number) =>
    `header of ${length} bytes, but the file has only ${bytes} bytes`,
  headerTooDeep: (limit: number) => `the header nests more than ${limit} levels deep`,
  tooManyKeys: (limit: number) => `the header has more than ${limit} keys`,
  tooManyDimensions: (limit: number) => `a tensor has more than ${limit} dimensions`,
  headerNotUtf8: 'the header is not valid UTF-8',
  headerNotJson: 'the header is not valid JSON',
  headerNotObject: 'the header is not a JSON object',
  keyTwice: 'the header has the same key twice',
  halfSurrogate: 'the header escapes half of a surrogate pair, which is not Unicode text',
  oddSize: (size: string) => `the header writes a size as ${quoted(size)}, not as a whole number`,
  metadataNotObject: '__metadata__ is not an object',
  metadataNotString: (key: string) => `__metadata__ ${quoted(key)} is not a string`,
  entryNotObject: (name: string) => `tensor ${quoted(name)} is not an object`,
  unknownDtype: (name: string, dtype: string) =>
    `tensor ${quoted(name)} has the unknown dtype ${quoted(dtype)}`,
  noValidShape: (name: string) => `tensor ${quoted(name)} has no valid shape`,
  noValidOffsets: (name: string) => `tensor ${quoted(name)} has no valid data_offsets`,
  sizeMismatch: (name: string, dtype: string, shape: string, expected: number, given: number) =>
    `tensor ${quoted(name)}: ${dtype} [${shape}] takes ${expected} bytes, but data_offsets give ${given}`,
  tensorMisplaced: (name: string, start: number, end: number) =>
    `tensor ${quoted(name)} starts at byte ${start} of the data, but the tensor before it ends at ${end}`,
  describedBeyondFile: (bytes: number, expected: number) =>
    `the file has ${bytes} bytes, but the header describes ${expected}`,
  bytesAfterTensors: (bytes: number) => `${bytes} bytes follow the last tensor`,
  damagedZip: 'The archive is damaged or was made to confuse programs that read it.',
  zipWithoutEnd: (path: string, bytes: number) =>
    `${path}: a zip archive without its end: the file stops after ${bytes} bytes, before the directory`,
  bytesAfterZip: 'bytes follow the end record of the archive',
  zip64Value: (value: bigint) => `a zip64 field holds ${value}, which is not a position in a file`,
  splitZip: 'part of an archive that is split over several files',
  zip64EndOutside: (at: number) =>
    `the zip64 end record should be at byte ${at}, which is not before its locator`,
  noZip64End: (at: number) => `no zip64 end record at byte ${at}`,
  twoDirectories: 'the two end records describe two different directories',
  directoryTooLarge: (bytes: number, limit: number) => `directory of ${bytes} bytes, the limit is ${limit}`,
  directoryMisplaced: (bytes: number, offset: number, end: number) =>
    `directory of ${bytes} bytes at byte ${offset}, but its end record is at byte ${end}`,
  entryEscapes: (name: string) => `entry ${quoted(name)} would be unpacked outside of the archive's folder`,
  noZip64Sizes: (name: string) => `entry ${quoted(name)} lacks its zip64 sizes`,
  noDirectoryEntry: (at: number) => `no directory entry at byte ${at} of the directory`,
  entryBeyondDirectory: (at: number) => `a directory entry at byte ${at} extends beyond the directory`,
  entryElsewhere: (name: string) => `entry ${quoted(name)} is in another file`,
  twoSizes: (name: string) => `entry ${quoted(name)} is stored, but has two different sizes`,
  entryEncrypted: (path: string, name: string) => `${path}: entry ${quoted(name)} is encrypted`,
  unpackWithPassword: 'Unpack it with its password first.',
  overlapsDirectory: (name: string, limit: number) =>
    `entry ${quoted(name)} overlaps the directory at byte ${limit}`,
  overlapsEntry: (name: string, next: string, limit: number) =>
    `entry ${quoted(name)} overlaps entry ${quoted(next)} at byte ${limit}`,
  entryTwice: (name: string) => `two entries are named ${quoted(name)}`,
  wrongCount: (found: number, stated: number) =>
    `${found} directory entries, but the end record counts ${stated}`,
  entryCompressed: (path: string, name: string, method: number) =>
    `${path}: entry ${quoted(name)} is compressed (method ${method}); torch stores without compression`,
  unpackAndSave: 'Unpack the archive and save the model with torch, or download the original file.',
  localHeader: (name: string, contradiction: string) => `entry ${quoted(name)}: ${contradiction}`,
  entryTooLong: (name: string, end: number, next: number) =>
    `entry ${quoted(name)} ends at byte ${end}, beyond the start of the next at ${next}`,
  noLocalHeader: 'there is no local header',
  localEncrypted: 'the local header says that it is encrypted',
  localMethod: 'the local header gives another compression method',
  localSize: 'the local header gives another size',
  localName: 'the local header gives another name',
  entryTooLarge: (name: string, size: number, limit: number) =>
    `entry ${quoted(name)} has ${size} bytes, the limit is ${limit}`,
  checksumMismatch: (name: string) => `entry ${quoted(name)} does not match its checksum`,
  unpackFirst: 'Unpack it first.',
  saveAsSafetensors: 'Save its weights as .safetensors with the program that made it.',
  downloadWithLogin: 'Download the file again; the site may require a login or a token.',
  webPage: 'a web page (HTML), not a model: the download was an error page',
  lfsPointer: 'a git-lfs pointer, not the model itself',
  pullLfs: 'Run `git lfs pull`, or download the file from its page.',
  errorMessage: 'an error message (JSON), not a model',
  jsonFile: 'a JSON file, not a model',
  shardIndex: 'the list of the shards of a model (JSON), not the model',
  nameShardFolder: 'Name the folder it is in: sdtool takes the shards in it as one model.',
  jsonConfig: 'the configuration of a model (JSON), not the model',
  jsonWorkflow: 'a workflow of ComfyUI (JSON), not a model',
  jsonRecipe: 'a recipe of sdtool (JSON), not a model',
  replayIt: 'sdtool replay makes the model of it.',
  onnxModel: 'an ONNX model',
  giveExported: 'Give the model that it was exported from.',
  avifImage: 'an AVIF image',
  heifImage: 'a HEIF image',
  videoFile: 'a video or audio file (MP4)',
  sevenZipArchive: 'a 7z archive',
  bzip2File: 'a bzip2 file',
  rarArchive: 'a rar archive',
  gzipFile: 'a gzip file',
  xzFile: 'an xz file',
  zstdFile: 'a zstd file',
  pngImage: 'a PNG image',
  embeddingsInImages: 'Embeddings in images are only read by name, as .png files of a WebUI.',
  jpegImage: 'a JPEG image',
  giveModel: 'Give a model file.',
  gifImage: 'a GIF image',
  webpImage: 'a WebP image',
  numpyArray: 'a numpy array (.npy)',
  hdf5File: 'an HDF5 file (Keras)',
  pdfDocument: 'a PDF document',
  earlyTorchScript: 'a TorchScript archive of mobile torch or a very early torch',
  mobileTorchScript: 'a TorchScript file of mobile torch',
  oldGgml: 'a GGML file from before GGUF',
  convertGgml: 'Convert it to GGUF or .safetensors with the program that made it.',
  elfProgram: 'a program (ELF)',
  doNotRun: 'Do not run it. Give a model file.',
  windowsProgram: 'a Windows program',
  emptyFile: (path: string) => `${path}: an empty file`,
  zeroBytes: (path: string, bytes: number) =>
    `${path}: starts with ${bytes} zero bytes: an incomplete download or copy`,
  torchTar: (path: string) => `${path}: a tar archive of torch 0.1, too old to be read`,
  resaveTorchTar: 'Load it with a torch below 2 and save it again.',
  tarArchive: (path: string) => `${path}: a tar archive`,
  metadataNotWritable: (key: string) =>
    `metadata ${quoted(key)} cannot be kept in a torch file: its name belongs to the weights`,
  nameNotInTorch: (name: string) => `tensor name ${quoted(name)} cannot be stored in a torch file`,
  dtypeNotInTorch: (name: string, dtype: string) =>
    `tensor ${quoted(name)} is ${dtype}, which torch cannot store`,
})
