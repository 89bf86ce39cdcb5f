import { catalogue } from '../../system/language.ts'
import { plural } from '../../system/plural.ts'

const more = (n: number) => `and ${n} more`

export const messages = catalogue({
  exampleModel: 'What it is, what is in it, what could be saved',
  exampleMetadata: 'All metadata of a LoRA',
  exampleKeys: 'Names, types and shapes for a program',
  exampleFolder: 'One line for each model file and picture in a folder',
  examplePicture: 'How a picture was made: A1111 parameters; --metadata=workflow for ComfyUI',
  exampleRemote: 'A model on a server, by reading a few hundred kB of it',
  filesArgument:
    'Model files, folders, pictures (PNG, JPEG, WebP, AVIF, GIF); addresses, AIRs, model:ID, version:ID, hash:HEX',
  keysOption: 'List the tensors, all or those that match: --keys="*vae*"',
  metadataOption: 'Print all metadata, or one key: --metadata=ss_tag_frequency',
  hashesOption: 'SHA-256, AutoV1/V2/V3, CRC32, BLAKE3 (reads the file)',
  scanOption:
    'Check all values for NaN, Inf and fp16 limits (reads the file). The results are findings, not failures: exit code 0',
  briefOption: 'One line for each file (default for folders)',

  needsLocalFile: (option: string) => `--${option} reads the whole file, and this one is not on this machine`,
  downloadFirst: 'Download it first: sdtool download.',
  noPicturePreview: (path: string) => `${path}: only PNG and lossless WebP pictures have a preview`,
  briefAlone: '--brief cannot be combined with --keys, --metadata, --hashes or --scan',
  noTensor: (path: string, pattern: string) => `${path} has no tensor ${pattern}`,
  seeKeys: 'See all of them with --keys.',
  noMetadataKey: (path: string, key: string) => `${path} has no metadata key ${key}`,
  seeMetadata: 'See all keys with --metadata.',
  noMetadata: (name: string) => `${name} has no metadata`,
  pictureTooLarge: (path: string, bytes: number, limit: number) =>
    `${path}: ${bytes} bytes, more than ${limit} for a picture`,

  training: 'Training',
  topTags: 'Top tags',
  modelCard: 'Model card',
  merge: 'Merge',
  alsoInFile: 'Also in the file',
  values: 'Values',
  hashes: 'Hashes',
  findings: 'Findings',
  prompt: 'Prompt',
  embedding: 'Embedding',
  negativePrompt: 'Negative prompt',
  settings: 'Settings',
  tensorCount: (n: number) => plural(n, 'tensor'),
  seenBy: (bytes: string) => `identified from ${bytes} of it`,
  more,

  needs: 'Needs',
  belongsIn: 'belongs in',
  vaeOf: (latents: string) => `VAE of ${latents}`,
  notThere: 'not found',
  maybeFile: (path: string) => `perhaps ${path}`,
  nameFolders: '--models or SDTOOL_MODELS names folders in which to look for them',
  lookedAt: ({ looked, files }: { readonly looked: number; readonly files: number }) =>
    looked === files
      ? `looked at ${plural(files, 'model file')}`
      : `looked at ${looked} of ${plural(files, 'model file')}`,
  because: 'because',
  shift: 'flow shift',
  predicts: 'predicts',
  trainedToPredict: 'trained on',
  prediction: (type: string, zeroSnr: boolean, sigmaMax: number | undefined, evidence: string) =>
    [
      type,
      zeroSnr ? ', zero terminal SNR' : '',
      sigmaMax === undefined ? '' : `, largest sigma ${sigmaMax}`,
      ` (${evidence})`,
    ].join(''),
  ema: 'EMA',
  emaUpdates: (updates: number, decay: number | undefined) =>
    `${updates} updates, decay ${decay === undefined ? 'unknown' : decay}`,
  madeBy: 'made by',
  madeBySdtool: (version: string, operation: string, inputs: string) =>
    `sdtool ${version} ${operation} from ${inputs}`,
  savedBy: 'saved by',
  savedByComfy: 'ComfyUI, with its workflow',

  algorithm: 'algorithm',
  names: 'names',
  rank: 'rank',
  alpha: 'alpha',
  changes: 'changes',
  for: 'for',
  convolutions: 'convolutions',
  embeddings: 'embeddings',
  moduleCount: (n: number) => plural(n, 'module'),
  modulesOf: (target: string, modules: number) => `${target}: ${plural(modules, 'module')}`,
  claimedBy: (base: string, source: string | undefined) => `${base} by ${source ?? 'metadata'}`,
  unknownBase: 'unknown base',
  configuredAlpha: (facts: {
    readonly alpha: number | undefined
    readonly rankStabilised: boolean
    readonly target: string | undefined
    readonly source: string
    readonly patterns: number
  }) =>
    [
      facts.alpha ?? '',
      facts.rankStabilised ? ', rank-stabilised' : '',
      facts.target === undefined ? '' : ` for ${facts.target}`,
      ` by ${facts.source}`,
      facts.patterns === 0 ? '' : `; different for ${plural(facts.patterns, 'pattern')}`,
    ].join(''),
  noAlpha: (modules: number) => `none in ${plural(modules, 'module')} (scale 1)`,
  notFetched: 'not fetched',
  distribution: (least: string, largest: string, most: string) => `${least} to ${largest}, mostly ${most}`,
  vectors: 'vectors',
  name: 'name',
  token: 'token',
  steps: 'steps',
  trainedOn: 'trained on',
  pickle: 'pickle',
  safePickle: (foreign: number) =>
    `safe, nothing was run${foreign > 0 ? `; ${plural(foreign, 'foreign class', 'foreign classes')} not loaded` : ''}`,

  component: 'component',
  incomplete: (component: string) => `${component} (incomplete)`,
  tensors: 'tensors',
  parameters: 'parameters',
  dtype: 'dtype',
  size: 'size',
  keys: 'keys',
  entry: 'entry',
  what: 'what',
  valueCount: 'values',
  nan: 'NaN',
  inf: 'Inf',
  fp16Overflow: 'too large for fp16',
  fp16Underflow: 'zero in fp16',
  largest: 'largest',
  shape: 'shape',
  errorCount: (n: number) => plural(n, 'error'),
  warningCount: (n: number) => plural(n, 'warning'),
  refusedPickle: 'REFUSED: unsafe pickle',
  refused: 'REFUSED',
  refusedCode: (code: string) => `refused (${code})`,
  globalNames: 'the pickle names',
  verdict: 'verdict',
  atByte: 'at byte',

  pixels: (width: number, height: number) => `${width} x ${height} pixels`,
  pictureMadeBy: (program: string) => `made by ${program}`,
  withEmbedding: (name: string | undefined, vectors: string) =>
    `with ${name === undefined ? 'an embedding' : `the embedding ${name}`} (${vectors})`,
  noPictureText: 'It has no text that says how it was made.',
  text: 'text',
  begins: 'begins',
})
