import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'
import { counted, MAX_NAMES } from '../finding.ts'

export const messages = catalogue({
  predicts: (name: string, prediction: string, evidence: string) =>
    `${name} predicts ${prediction}, by ${evidence}`,
  predictsBecause: (name: string, prediction: string, evidence: string) =>
    `${name} predicts ${prediction} (${evidence})`,
  trainedFor: (lora: string, prediction: string, evidence: string) =>
    `${lora} was trained to predict ${prediction} (${evidence})`,
  trainedForOther: (trained: string, predicts: string) =>
    `${trained}, but ${predicts}: its effect on that may be another one`,
  predictionLost: (predicted: string, name: string) =>
    `${predicted}; nothing in or next to ${name} says so: programs that are not told will render noise with it`,
  withZeroSnr: (prediction: string) => `${prediction}, zero terminal SNR`,
  spreadAbove: (name: string, spread: number, limit: number) =>
    `the spread of ${name} is ${spread.toFixed(4)}, above ${limit}`,
  spreadNotAbove: (name: string, spread: number, limit: number) =>
    `the spread of ${name} is ${spread.toFixed(4)}, not above ${limit}`,
  onlyFileName: (name: string) => `only the file name ${quoted(name)} says so`,
  onlySourceName: (name: string) => `only the name of a file it was made from, ${quoted(name)}, says so`,
  onlyTitle: (title: string) => `only the title in the notes next to it, ${quoted(title)}, says so`,
  maybeOtherLatents: (vae: string, latents: string, evidence: string, base: string, needed: string) =>
    `${vae} may be a VAE of ${latents}, by this: ${evidence}; ${base} needs one of ${needed}`,
  otherLatents: (vae: string, latents: string, evidence: string, base: string, needed: string) =>
    `${vae} is a VAE of ${latents}, by this: ${evidence}; ${base} needs one of ${needed}`,
  brokenLoraNames: (name: string) =>
    `it is a LoRA with broken names: ${quoted(name)} ends as no program writes the tensors of a LoRA (.lora_down.weight and .lora_up.weight, .lora_A.weight and .lora_B.weight)`,
  snapshots: (count: number, token: string) =>
    `contains ${count} states of one embedding (${quoted(token)}) from its training; programs load them as one of ${count} times the vectors; sdtool extract embeddings writes each separately, the last is the one trained longest`,
  fullPrecision: (tensors: number) =>
    `${tensors} ${tensors === 1 ? 'tensor is' : 'tensors are'} F32 or F64; fp16 is enough to make images (sdtool convert --dtype fp16)`,
  emaDuplicate: (withoutWarmUp: boolean) =>
    `the weights are in the file twice, live and as an EMA copy${withoutWarmUp ? ' (its decay had no warm-up: num_updates is -1)' : ''}; sdtool prune keeps the EMA, --ema drop keeps the live ones`,
  customSchedule: (lastAlpha: number | undefined) =>
    lastAlpha === undefined
      ? 'the noise schedule is not the usual one; it is kept, as some programs read it'
      : `the noise schedule is not the usual one; alphas_cumprod ends at ${lastAlpha.toPrecision(3)}; it is kept, as some programs read it`,
  damagedPositionIds: (name: string, wrong: number, index: number, value: number) =>
    `${quoted(name)} has ${wrong} wrong ${wrong === 1 ? 'entry' : 'entries'} (entry ${index} is ${value}), which shifts the tokens of every prompt; sdtool prune repairs it`,
  quantisedWeights: (layers: number, title: string, tables: number) => {
    const stored =
      layers === 1 ? `1 weight is stored in ${title}` : `${layers} weights are stored in ${title}`
    return tables === 0 ? stored : `${stored}, with ${tables} ${tables === 1 ? 'table' : 'tables'}`
  },
  quantisedTables: (title: string) => `the file has tables of ${title}`,
  missingKeys: (names: readonly string[], expected: number) =>
    `${names.length} of ${expected} keys missing: ${names.slice(0, MAX_NAMES).map(quoted).join(', ')}${names.length > MAX_NAMES ? ', ...' : ''}`,
  misshapenKeys: (count: number, first: string, actual: readonly number[], expected: readonly number[]) =>
    `${count} with wrong shapes: ${quoted(first)} is [${actual.join(',')}] instead of [${expected.join(',')}]${count > 1 ? ', ...' : ''}`,
  extraKeys: (count: number) => `${count} extra keys`,
  unknownTextEncoder: (prefix: string) =>
    `the text encoder${prefix === '' ? '' : ` in ${quoted(prefix)}`} is none that sdtool knows`,
  nearestTextEncoder: (said: string, nearest: string, faults: string) =>
    `${said}; the nearest is ${nearest}${faults === '' ? '' : ` (${faults})`}`,
  vae: 'VAE',
  vaeOf: (family: string) => `VAE of ${family}`,
  tinyVae: 'tiny autoencoder (TAESD)',
  tinyVideoVae: 'tiny video autoencoder (TAEHV)',
  halfOf: (half: 'encoder' | 'decoder', name: string) => `${half} of a ${name}`,
  withChannels: (name: string, channels: number) => `${name}, ${channels} latent channels`,
  foreignVae: (vae: string, model: string, latents: string) =>
    `the ${vae} cannot decode what ${model} makes, the latents of ${latents}`,
  vaeKeyTells: (key: string) => `the key ${quoted(key)}, which only such a VAE has`,
  vaeChannelsTell: (channels: number) => `its ${channels} latent channels`,
  missingComponent: (component: string) =>
    `the checkpoint has no ${component}; programs need one in addition`,
  linearProjection: 'proj_in is a linear layer',
  convolutionalProjection: 'proj_in is a 1x1 convolution',
  byItsName: (title: string) => `${title}, by its name`,
  byItsMetadata: (title: string) => `${title}, by its metadata`,
  byItsTitle: (title: string) => `${title}, by its title`,
  familyOverflows: (title: string) => `numbers inside of ${title} are too large for it`,
  bf16Enough: (tensors: number) =>
    `${tensors} ${tensors === 1 ? 'tensor is' : 'tensors are'} F32 or F64; bf16 is enough to make images (sdtool convert --dtype bf16), fp16 is not`,
  storedInHalf: (why: string) =>
    `the network is stored in fp16, in which it cannot be run: ${why}; programs have to cast it to bf16 or fp32`,
  otherGgufWord: (word: string, title: string) =>
    `general.architecture is ${quoted(word)}, but the keys are those of ${title}; programs that go by the word will not load it`,
  withMember: (architecture: string, member: string) => `${architecture} (${member})`,
  memberByName: (title: string, evidence: string) => `${title}: ${evidence}`,
  theKey: (prefix: string, marker: string) => `the key ${prefix}${marker}`,
  severalEmbeddings: (count: number, tokens: string) =>
    `contains ${count} embeddings (${tokens}); most programs load only the first`,
  unevenVectors: (counts: string) => `the text encoders have different numbers of vectors: ${counts}`,
  halfEmbedding: (role: string | undefined) => `only ${role}: SDXL needs both clip_l and clip_g`,
  assumedPrediction: (title: string) => `nothing says otherwise, and this is what ${title} predicts`,
  emaCounters: 'counters of an EMA copy that is not in the file; sdtool prune removes them',
  emaAlone: 'an EMA copy without the weights it is a copy of',
  emaPartial: (covered: number, all: number) =>
    `the EMA copy covers ${covered} of ${all} weights, so it cannot replace them; sdtool prune --ema drop removes it`,
  emaNeverUpdated:
    'the EMA copy was never updated (num_updates is 0): it has the weights that training started with; sdtool prune --ema drop removes it',
  emaOfMerge:
    'the file is a merge, and its EMA copy may be that of one of the merged models; sdtool prune --ema drop removes it',
  trainingLeftovers: (what: readonly string[]) =>
    `training state that is not needed to use the model: ${counted(what, 'part')}`,
  scheduleBuffers: (tensors: number) =>
    `${tensors} buffers of the usual noise schedule, which programs compute themselves`,
  positionIdsType: (name: string, dtype: string) =>
    `${quoted(name)} is ${dtype} instead of I64; sdtool prune repairs it`,
  mixedTypes: (title: string, types: string) => `the ${title} has weights of several types: ${types}`,
  plainNumbers: 'the values are the weights, rounded to 8 bits',
  notDecodedOrMoved:
    'sdtool does not decode them yet, and no other container can store them: for anything but inspecting use the original',
  notDecoded:
    'sdtool keeps them as they are and does not decode them yet: to cast, compare, merge or render use the original',
  sharedBytes: (names: readonly string[]) =>
    `${counted(names, 'tensor')} that share the bytes of another; each is written in full`,
  otherWidth: (title: string, width: string) => `${title} topology, non-standard width: ${width}`,
  unknownUnet: 'the UNet has none of the key names that sdtool knows',
  unknownArchitecture: (nearest: string) => `not a known architecture; nearest: ${nearest}`,
  predictionContradicted: (prediction: string, evidence: string | undefined, against: string) =>
    `it predicts ${prediction}, by ${evidence}; ${against} says otherwise, and is ignored`,
  predictionUnseen: (prediction: string, evidence: string) =>
    `it predicts ${prediction}, by ${evidence}; ComfyUI looks for that in the file, in an empty tensor "v_pred" that is not there, and samples it as one of noise`,
  missingTexts: (encoders: string) => `the checkpoint lacks ${encoders}`,
  textLayout: (title: string, prefix: string, expected: string) =>
    `the ${title} (${prefix}*) has the key names of transformers, but programs look for those of OpenCLIP (${expected}*); sdtool convert --to diffusers, and converting that folder back, gives it those`,
  incompleteComponent: (title: string, faults: string) => `the ${title} is incomplete: ${faults}`,
  extendedVocabulary: (name: string, extra: number) =>
    `${quoted(name)} has ${extra} tokens more than CLIP: embeddings were trained into it`,
  latentConsistency: 'time_embedding.cond_proj is present: a latent consistency model (LCM)',
  markers: (names: readonly string[]) =>
    `${counted(names, 'marker')}, which tell programs how to use the model and are always kept`,
  adapterInside: (names: readonly string[]) =>
    `${counted(names, 'LoRA key')} that programs ignore in a checkpoint`,
  embeddingsInside: (embeddings: readonly string[]) => `contains ${counted(embeddings, 'embedding')}`,
  embeddingTensors: (keys: readonly string[]) => `contains ${counted(keys, 'embedding tensor')}`,
  unknownKeys: (names: readonly string[]) =>
    `${counted(names, 'key')} of no known component; kept unless dropped by name (--drop other)`,
  extraKeysKept: (extra: readonly string[], title: string) =>
    `${counted(extra, 'key')} that a ${title} does not have; kept`,
  trainedOnKnown: (names: string) => `the hash of its base model in the file is that of ${names}`,
  noTensors: 'the file has no tensors',
  unknownKind: (keys: string) => `no kind of model that sdtool knows has keys such as ${keys}`,
  encodersInPlace: 'the text encoders are where this architecture has them',
  key: (name: string) => `the key ${quoted(name)}`,
  everyVariant: (title: string, variant: string) => `every ${title} ${variant} predicts it`,
  publishedStep: (step: unknown) => `global_step ${step} is that of the published model`,
  yamlParameterization: (word: string | undefined) => `parameterization: ${word} in the .yaml next to it`,
  yamlScaling: 'VScaling in the .yaml next to it',
  yamlWithout: 'the .yaml next to it names no parameterization',
  schedulerPrediction: (word: string) => `prediction_type ${quoted(word)} in the scheduler of its folder`,
  metadataSays: (key: string, word: string) => `metadata ${key} = ${quoted(word)}`,
  settingSays: (key: string, setting: string) => `${setting} in the metadata ${key}`,
  sigmaMaxMarker: 'marker tensor edm_vpred.sigma_max',
  edmMarkers: 'marker tensors edm_mean and edm_std',
  vMarker: 'marker tensor v_pred',
  blocksCounted: (blocks: number, list: string) => `${blocks} ${list}`,
  keyOfShape: (name: string, shape: readonly number[]) => `${name} is [${shape.join(', ')}]`,
  keyAbsent: (name: string) => `it has no ${name}`,
  oddNumber: (name: string, value: number) => `${name} ${value}`,
  widths: (widths: string) => `widths ${widths}`,
  context: (context: number) => `context ${context}`,
  inputChannels: (channels: number) => `${channels} input channels`,
  vectorConditioning: (width: number | string) => `vector conditioning ${width}`,
  firstConvolution: (inputs: number, outputs: number) =>
    `the first convolution has ${inputs} input and ${outputs} output channels`,
  crossAttention: (width: number) => `cross-attention to text of width ${width}`,
  transformerDepths: (depths: string, levels: number) => `transformer depths ${depths} over ${levels} levels`,
  labelEmbedding: (width: number) => `vector conditioning (label_emb) of width ${width}`,
  labelTable: (rows: number) => `a label table of ${rows} rows`,
  sameVae: (name: string) => `the VAE is that of ${name}, by all its values`,
  probableVae: (name: string, metric: number) =>
    `the VAE is probably that of ${name}: its metric ${metric} is the one that model-toolkit lists for it`,
  insideOf: (title: string) => `it is inside a ${title}`,
  scalingFactor: (scale: number) => `scaling_factor ${scale} in the config.json next to it`,
  latentsSay: (key: string, value: string) => `metadata ${key} = "${value}"`,
  architectureSays: (id: string) => `metadata modelspec.architecture = "${id}"`,
  nameSays: (name: string) => `its name "${name}"`,
  latentsOf: (space: string, scale: number | undefined) => `${space} (scale ${scale})`,
})
