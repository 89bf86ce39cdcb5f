import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

export const messages = catalogue({
  pickleTooLarge: (path: string, bytes: number, limit: number) =>
    `${path}: a pickle of ${bytes} bytes, the limit is ${limit}`,
  saveWithTorch:
    'Weights of this size are saved by torch.save, not by pickle. Save the model again with torch or safetensors.',
  argumentCut: (length: number, left: number) =>
    `its argument needs ${length} bytes, but only ${left} are left`,
  impossibleLength: (bytes: bigint) => `its argument has a length of ${bytes} bytes`,
  lineDoesNotEnd: 'a line of text does not end',
  textNotUtf8: 'a text is not UTF-8',
  textWithoutQuotes: 'a text without its quotes',
  notACharacter: (code: string) => `\\U${code} is not a character`,
  tooManyDigits: (digits: number, limit: number) => `a number of ${digits} digits, the limit is ${limit}`,
  notAnInteger: (text: string) => `${quoted(text)} is not an integer`,
  notANumber: (text: string) => `${quoted(text)} is not a number`,
  integerTooLong: (bytes: number, limit: number) => `an integer of ${bytes} bytes, the limit is ${limit}`,
  noStop: 'the pickle ends without STOP',
  notAnOpcode: (byte: string) => `byte 0x${byte} is not an opcode`,
  emptyStack: 'the stack is empty',
  noMark: 'no MARK on the stack',
  tooManyContainers: (limit: number) => `more than ${limit} containers`,
  keyWithoutValue: 'a key without a value',
  targetNotADict: 'the target is not a dict',
  targetNotA: (kind: string) => `the target is not a ${kind}`,
  callsNonName: 'a call of something that is not a plain name',
  argumentsNotATuple: 'the arguments of the call are not a tuple',
  stateOfNonObject: 'sets attributes of something that is not an object',
  nameNotText: 'the name of a global is not text',
  tooManyGlobals: (limit: number) => `more than ${limit} names`,
  badMemoIndex: 'not a valid memo index',
  tooManyMemo: (limit: number) => `more than ${limit} memo entries`,
  memoNeverWritten: (index: unknown) => `memo entry ${index} was never written`,
  frameInFrame: 'a frame inside another frame',
  frameBeyondEnd: (bytes: unknown) => `a frame of ${bytes} bytes extends beyond the end`,
  unknownProtocol: (arg: unknown, newest: number) => `protocol ${arg} is not known, the newest is ${newest}`,
  outsideBuffer: 'needs a buffer from outside of the file',
  tooManyOpcodes: (limit: number) => `more than ${limit} opcodes in one pickle`,
  beyondFrame: 'extends beyond its frame',
  unusedMark: 'a MARK was not used',
  unsafeName: (where: string, offset: number, name: string) =>
    `${where}: byte ${offset}: the pickle names ${quoted(name)}, which could run code; nothing was run`,
  unknownName: (where: string, offset: number, name: string) =>
    `${where}: byte ${offset}: the pickle names ${quoted(name)}, which sdtool does not know; nothing was run`,
  doNotLoad:
    'Do not load this file with any program. Get the model from a source you trust, as .safetensors.',
  convertIfTrusted: 'If you trust the file, convert it with the program that made it.',
  atByte: (where: string, offset: number, problem: string) => `${where}: byte ${offset}: ${problem}`,
  damagedPickle: 'The pickle is damaged or was made to confuse programs that read it.',
  bytesAfterPickle: (where: string, bytes: number, end: number) =>
    `${where}: ${bytes} bytes follow the end of the pickle at byte ${end}`,
  onePickle: 'A model file contains one pickle. The rest could be anything.',
  madeToExhaust: 'The file was made to exhaust programs that read it.',
  tooManySteps: (limit: number) => `the object takes more than ${limit} steps to walk`,
  tooDeep: (limit: number) => `the object nests more than ${limit} levels deep`,
  arraysTooLarge: (bytes: number) => `its arrays take ${bytes} bytes, more than the pickle`,
  notByTorch: 'The file is damaged or was not written by torch.',
  legacyVersion: (version: number) => `not version ${version} of torch's stream`,
  badStorageList: 'the list of storages is damaged',
  storageListedTwice: 'the list of storages names one twice',
  storageTwoWays: (where: string, key: string) => `${where}: storage ${quoted(key)} is described in two ways`,
  unusedStorage: (key: string) => `storage ${quoted(key)} is used by no tensor, so its size is unknown`,
  storagesBeyondFile: (path: string, bytes: number, end: number) =>
    `${path}: the file has ${bytes} bytes, but its storages end at byte ${end}`,
  downloadAgain: 'This is what an incomplete download looks like: download or copy the file again.',
  storageCount: (key: string, found: bigint, count: number) =>
    `storage ${quoted(key)} has ${found} elements, its tensors say ${count}`,
  bytesAfterStorages: (bytes: number) => `${bytes} bytes follow the last storage`,
  storageMissing: (where: string, path: string, key: string, bytes: number) =>
    `${where}: tensor ${quoted(path)} needs storage ${quoted(key)} of ${bytes} bytes, which is not in the file`,
  incomplete: 'The file is incomplete or damaged: download it again.',
  storageTooSmall: (where: string, path: string, bytes: number, key: string, available: number) =>
    `${where}: tensor ${quoted(path)} needs ${bytes} bytes of storage ${quoted(key)}, the file has only ${available}`,
  expansion: (where: string, bytes: number, size: number) =>
    `${where}: its tensors would take ${bytes} bytes, from a file of ${size}`,
  repeatedViews: 'Views that repeat a few bytes endlessly are an attack, not a model.',
  tensorTwice: (where: string, name: string) => `${where}: two tensors are named ${quoted(name)}`,
  noTensors: (content: string) => `no tensors in the file: it contains ${content}`,
  storageAt: (where: string, offset: number, problem: string) =>
    `${where}: the storage at byte ${offset}: ${problem}`,
  storageNotByTorch: 'not described the way torch describes storages',
  storageWithoutType: 'no type',
  storageType: (type: string) => `unsupported type ${type}`,
  storageKey: 'no valid key and size',
  storageSizes: 'impossible sizes',
  tensorProblem: (where: string, path: string, detail: string) =>
    `${where}: tensor ${quoted(path)}: ${detail}`,
  damagedPickleFile: 'The file is damaged or was made to confuse programs that read it.',
  tensorUnsupported: (where: string, path: string, what: string) =>
    `${where}: tensor ${quoted(path)} is ${what}, which sdtool does not read`,
  tensorDimensions: (dimensions: number, limit: number) => `${dimensions} dimensions, the limit is ${limit}`,
  noValid: (what: string) => `no valid ${what}`,
  noStorage: 'no storage',
  noValidOffset: 'no valid offset',
  stridesMismatch: (dimensions: number, strides: number) =>
    `${dimensions} dimensions, but ${strides} strides`,
  impossibleShape: (shape: string) => `impossible shape [${shape}]`,
  beyondStorage: (end: number, key: string, bytes: number) =>
    `its values end at byte ${end} of storage ${quoted(key)}, which has ${bytes} bytes`,
  unnamedType: 'of an unnamed type',
  ofType: (type: string) => `of type ${type}`,
  noNumpyArray: 'not a readable numpy array',
  keptAs: (dtype: string, storedAs: string) => `${dtype} kept as ${storedAs}`,
  sparse: 'sparse',
  nested: 'nested',
  quantisedByTorch: 'quantised by torch',
  withoutValues: 'without values (meta)',
  tooManyWrappers: (where: string, path: string, limit: number) =>
    `${where}: tensor ${quoted(path)} is wrapped in more than ${limit} parameters`,
  numpyShape: 'a numpy array whose data does not fit its shape',
  torchScript: (path: string) =>
    `${path}: a TorchScript archive (torch.jit.save): it contains program code as well as weights`,
  saveStateDict:
    'Load it in the program it came from and save its state_dict() with torch.save or safetensors.',
  numpyArrays: (path: string) => `${path}: numpy arrays (.npz), not a model file`,
  notATorchZip: (path: string, entries: number, shown: string) =>
    `${path}: a zip archive, but not one of torch: no <name>/data.pkl among its ${entries} entries (${shown})`,
  unpackModels: 'If it contains model files, unpack it first.',
  entryOutside: (path: string, stray: string, prefix: string) =>
    `${path}: entry ${quoted(stray)} is outside of ${quoted(prefix)}: two programs could read two different models`,
  oneFolder: 'torch writes one folder. Get the original file.',
  entryCompressed: (path: string, name: string, method: number) =>
    `${path}: entry ${quoted(name)} is compressed (method ${method}); torch stores without compression`,
  repacked:
    'The archive was packed again: unpack it and save the model with torch, or get the original file.',
  byteOrder: (path: string, text: string) => `${path}: byteorder is ${quoted(text)}, not little or big`,
  unusedEntries: (shown: readonly string[], more: number) =>
    `entries of the archive that the model does not use: ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
  entryWithSize: (name: string, bytes: number) => `${quoted(name)} (${bytes} bytes)`,
})
