import { defined } from '../../system/defined.ts'
import { quoted } from '../../system/text.ts'
import { isFloat } from '../../tensor/values/dtype.ts'
import type { Finding, PlainValue, Tensor, TensorTable } from '../../tensor/values/table.ts'
import type { BaseId } from '../adapters/base.ts'
import { MAX_NAMES, warning } from '../finding.ts'
import { SOURCE_PREFIX } from '../metadata/carry.ts'
import { trainedOnKnown } from './hashes-known.ts'
import { messages } from './messages.ts'
import { BARE_TENSOR } from './other-kinds.ts'

/** Which text encoder the vectors are for. `single`: the file has one kind and does not say. */
export type EmbeddingRole = 'single' | 'clip_l' | 'clip_g' | 't5xxl'

export interface EmbeddingPart {
  readonly role: EmbeddingRole
  /** The text that calls it, where the file has one: `<birb-style>`, `*`. */
  readonly token?: string
  /** Stored as [d] or [n, d]; the rows of all, in this order, are the vectors. */
  readonly tensors: readonly Tensor[]
  readonly vectors: number
  readonly dim: number
}

export type EmbeddingLayout = keyof typeof LAYOUTS

/** Texts are as they stand in the file: print them through `printable`. */
export interface EmbeddingInfo {
  readonly layout: EmbeddingLayout
  /** How the file keeps its vectors, for people. */
  readonly title: string
  readonly name?: string
  /** The text that calls it; only if the file has just one. */
  readonly token?: string
  readonly parts: readonly EmbeddingPart[]
  /** Tokens of a prompt it takes: of one part, as `clip_l` and `clip_g` stand at the same places. */
  readonly vectors: number
  /**
   * Of a file of training progress: the states of one embedding, the oldest first. `parts` are those of the last.
   */
  readonly snapshots?: readonly (readonly EmbeddingPart[])[]
  /** Undefined if the widths fit none, or several. */
  readonly architecture?: BaseId
  readonly steps?: number
  readonly trainedOn?: { readonly name?: string; readonly hash?: string }
  readonly findings: readonly Finding[]
}

const LAYOUTS = {
  a1111: 'A1111 textual inversion',
  ldm: 'original textual inversion (ParameterDict)',
  diffusers: 'diffusers learned embedding',
  list: 'list of learned embeddings',
  snapshots: 'snapshots of a learned embedding',
  emb_params: 'embedding for one text encoder (emb_params)',
  encoders: 'embedding with a tensor for each text encoder',
  bundle: 'bundled embeddings (bundle_emb)',
} as const

/** Token width of CLIP-L, OpenCLIP-H, OpenCLIP-bigG and T5-XXL; the role where a model has several encoders. */
const WIDTHS: Readonly<Record<number, EmbeddingRole>> = {
  768: 'clip_l',
  1024: 'single',
  1280: 'clip_g',
  4096: 't5xxl',
}

/** Which widths, in ascending order, belong to which model. Others fit none alone. */
const FAMILIES: Readonly<Record<string, BaseId>> = {
  '768': 'sd1',
  '1024': 'sd2',
  '768,1280': 'sdxl',
  '768,1280,4096': 'sd3',
}

/** Keys that name their text encoder: ComfyUI, and `text_encoders_N` of diffusers' older training scripts. */
const ENCODER_KEYS: ReadonlyMap<string, EmbeddingRole> = new Map([
  ['emb_params', 'single'],
  ['clip_l', 'clip_l'],
  ['clip_g', 'clip_g'],
  ['t5xxl', 't5xxl'],
  ['text_encoders_0', 'clip_l'],
  ['text_encoders_1', 'clip_g'],
])

/** Four prompt chunks of 75 tokens: longer than any embedding, far below a token table or a projection. */
const MAX_VECTORS = 300

/** A file holds one embedding, or a handful trained together. */
const MAX_TENSORS = 64

/** What `describeEmbedding` uses of a `ModelFile`. */
export interface EmbeddingFile extends TensorTable {
  readonly extras?: Readonly<Record<string, PlainValue>>
}

interface Found {
  readonly layout: EmbeddingLayout
  readonly parts: readonly EmbeddingPart[]
  readonly snapshots?: readonly (readonly EmbeddingPart[])[]
}

/**
 * Describes a textual-inversion embedding. Undefined if the table is none: every tensor must be a few vectors as
 * wide as a text encoder, under a name that embeddings use.
 */
export function describeEmbedding(file: EmbeddingFile): EmbeddingInfo | undefined {
  if (file.tensors.size === 0 || file.tensors.size > MAX_TENSORS) return undefined
  const tensors = [...file.tensors.values()].filter(({ name }) => !TOKEN_ID.test(name))
  const found =
    parameterDict(tensors) ??
    namedEncoders(tensors) ??
    bundle(tensors) ??
    listForm(tensors) ??
    learned(tensors)
  return found === undefined ? undefined : describe(found, file)
}

/** LDM keeps the ids of the placeholder tokens as tensors beside the vectors. */
const TOKEN_ID = /^string_to_token(?:\/|$)/

/** `string_to_param/*`, or under `_parameters` where it is a torch ParameterDict. */
const STRING_TO_PARAM = /^string_to_param(?:(?:\{state\})?\/_parameters)?\/(.+)$/s

function parameterDict(tensors: readonly Tensor[]): Found | undefined {
  const parts = tensors.map((tensor) => {
    const token = STRING_TO_PARAM.exec(tensor.name)?.[1]
    return token === undefined ? undefined : part([tensor], 'single', token, true)
  })
  const isModule = tensors.some(({ name }) => name.includes('/_parameters/'))
  return complete(isModule ? 'ldm' : 'a1111', parts)
}

/** SDXL and SD3 files have `clip_l`, `clip_g`, at times `t5xxl`; those for one encoder `emb_params`. */
function namedEncoders(tensors: readonly Tensor[]): Found | undefined {
  const parts = tensors.map((tensor) => {
    const role = ENCODER_KEYS.get(tensor.name)
    return role === undefined ? undefined : part([tensor], role, undefined, role === 'single')
  })
  return complete(tensors.length === 1 && parts[0]?.role === 'single' ? 'emb_params' : 'encoders', parts)
}

/** An embedding inside another file; A1111 ends the name at the first dot. */
const BUNDLE = /^bundle_emb\.([^.]+)\.(?:string_to_param\.)?(.+)$/s

/** Name of the bundled embedding that a key belongs to. */
export function bundleName(key: string): string | undefined {
  return key.startsWith('bundle_emb.') ? BUNDLE.exec(key)?.[1] : undefined
}

function bundle(tensors: readonly Tensor[]): Found | undefined {
  const parts = tensors.map((tensor) => {
    const [, name, key] = BUNDLE.exec(tensor.name) ?? []
    return name === undefined ? undefined : part([tensor], ENCODER_KEYS.get(key!) ?? 'single', name)
  })
  return complete('bundle', parts)
}

/** Names of the embeddings carried inside a LoRA or a checkpoint, each once. */
export function bundledNames(keys: Iterable<string>): string[] {
  const names = new Set<string>()
  for (const key of keys) {
    const name = bundleName(key)
    if (name !== undefined) names.add(name)
  }
  return [...names]
}

/** A list of dicts of a token and its vectors. */
const LIST_ENTRY = /^\[\d+\]\/(.+)$/s

/**
 * A token that comes once is an embedding. One that comes again, with vectors for the same encoder, is the same embedding
 * at a later time of its training: trainers write such lists of their progress.
 */
function listForm(tensors: readonly Tensor[]): Found | undefined {
  const times = new Map<string, number>()
  const states: (EmbeddingPart | undefined)[][] = []
  for (const tensor of tensors) {
    const token = LIST_ENTRY.exec(tensor.name)?.[1]
    if (token === undefined) return undefined
    const id = `${tensor.shape.at(-1)} ${token}`
    const time = times.get(id) ?? 0
    times.set(id, time + 1)
    states[time] = [...(states[time] ?? []), part([tensor], 'single', token)]
  }
  const found = states.map((parts) => complete('snapshots', parts))
  const last = found.at(-1)
  if (last === undefined || !found.every((state) => state !== undefined)) return undefined
  return found.length === 1
    ? { layout: 'list', parts: last.parts }
    : { ...last, snapshots: found.map(({ parts }) => parts) }
}

/** Names that networks give their weights; what people call a token looks different. */
const WEIGHT_NAME =
  /(?:^|[._])(?:weight|bias|alpha)$|^(?:lora|lycoris|unet|te\d?)_|^position(?:al)?_embedding|\w\.\w+\.|\/|^\[\d+\]$/

/** diffusers `learned_embeds.bin`: the token is the key. */
function learned(tensors: readonly Tensor[]): Found | undefined {
  const parts = tensors.map((tensor) => {
    const taken =
      WEIGHT_NAME.test(tensor.name) || ENCODER_KEYS.has(tensor.name) || BARE_TENSOR.test(tensor.name)
    return taken ? undefined : part([tensor], 'single', tensor.name)
  })
  return complete('diffusers', parts)
}

/** Undefined if something in the file is not an embedding. With several widths, the width tells the encoder. */
function complete(layout: EmbeddingLayout, parts: readonly (EmbeddingPart | undefined)[]): Found | undefined {
  const fitting = parts.filter((entry) => entry !== undefined)
  if (fitting.length === 0 || fitting.length < parts.length) return undefined
  const widths = new Set(fitting.map(({ dim }) => dim))
  if (widths.size === 1) return { layout, parts: fitting }
  return { layout, parts: fitting.map((entry) => ({ ...entry, role: WIDTHS[entry.dim]! })) }
}

/**
 * Undefined if the tensors are not vectors of the width their role has. Under a name that only embeddings have
 * (`anyWidth`) they are vectors whatever their width: of a text encoder that is not one of the published ones.
 */
function part(
  tensors: readonly Tensor[],
  role: EmbeddingRole,
  token?: string,
  anyWidth = false,
): EmbeddingPart | undefined {
  const dim = tensors[0]!.shape.at(-1) ?? 0
  const known = anyWidth || (Object.hasOwn(WIDTHS, dim) && (role === 'single' || WIDTHS[dim] === role))
  if (!known) return undefined
  let vectors = 0
  for (const { shape, dtype } of tensors) {
    if (shape.length > 2 || shape.at(-1) !== dim || !isFloat(dtype)) return undefined
    vectors += shape.length === 1 ? 1 : shape[0]!
  }
  if (vectors === 0 || vectors > MAX_VECTORS) return undefined
  return { role, tensors, vectors, dim, ...defined({ token }) }
}

function describe({ layout, parts, snapshots }: Found, file: EmbeddingFile): EmbeddingInfo {
  const facts = {
    layout,
    title: LAYOUTS[layout],
    parts,
    ...(snapshots && { snapshots }),
    vectors: promptTokens(parts),
    ...names(parts, file),
    ...architectureOf(parts),
    ...trainingOf(file),
  }
  return { ...facts, findings: [...embeddingFindings(facts), ...trainedOnKnown(facts.trainedOn?.hash)] }
}

/** Parts of different encoders stand at the same places of the prompt; parts of the same encoder follow each other. */
function promptTokens(parts: readonly EmbeddingPart[]): number {
  const byRole = new Map<EmbeddingRole, number>()
  for (const { role, vectors } of parts) byRole.set(role, (byRole.get(role) ?? 0) + vectors)
  return Math.max(...byRole.values())
}

/** Beside the vectors in files whose keys have no room for the token. */
export const TOKEN_KEY = 'token'

/** A1111 calls every embedding `*` inside and keeps its name beside. */
function names(parts: readonly EmbeddingPart[], file: EmbeddingFile): Pick<EmbeddingInfo, 'name' | 'token'> {
  const tokens = new Set(parts.map(({ token }) => token))
  const kept = valueBeside(file, TOKEN_KEY)
  const token =
    tokens.size === 1 ? ([...tokens][0] ?? (typeof kept === 'string' ? kept : undefined)) : undefined
  const name = valueBeside(file, 'name') ?? file.metadata['modelspec.title']
  return {
    ...(typeof name === 'string' && name !== '' ? { name } : {}),
    ...(token !== undefined && token !== '*' ? { token } : {}),
  }
}

function architectureOf(parts: readonly EmbeddingPart[]): Pick<EmbeddingInfo, 'architecture'> {
  const widths = [...new Set(parts.map(({ dim }) => dim))].sort((a, b) => a - b)
  // A lone clip_l may be half of an SDXL embedding
  const lone = widths.length === 1 && parts[0]!.role !== 'single'
  const architecture = lone ? undefined : FAMILIES[widths.join()]
  return defined({ architecture })
}

/** A value beside the vectors: in the pickle, or in the metadata that a converted pickle carries. */
function valueBeside({ extras = {}, metadata }: EmbeddingFile, key: string): PlainValue | undefined {
  const carried = SOURCE_PREFIX + key
  return extras[key] ?? (Object.hasOwn(metadata, carried) ? metadata[carried] : undefined)
}

/** What A1111 keeps beside the vectors: AutoV1 (8) or AutoV2 (10 hex digits) of the checkpoint, and its name. */
function trainingOf(file: EmbeddingFile): Pick<EmbeddingInfo, 'steps' | 'trainedOn'> {
  const [hash, name] = [valueBeside(file, 'sd_checkpoint'), valueBeside(file, 'sd_checkpoint_name')]
  const trainedOn = {
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof hash === 'string' ? { hash } : {}),
  }
  const steps = Number(valueBeside(file, 'step') ?? Number.NaN)
  return {
    ...(Number.isSafeInteger(steps) ? { steps } : {}),
    ...(Object.keys(trainedOn).length === 0 ? {} : { trainedOn }),
  }
}

function embeddingFindings({ layout, parts, snapshots }: Omit<EmbeddingInfo, 'findings'>): Finding[] {
  const findings: Finding[] = []
  if (snapshots !== undefined) {
    const { token = '' } = parts[0]!
    findings.push(warning('embedding-snapshots', messages.snapshots(snapshots.length, token)))
  }
  const roles = new Set(parts.map(({ role }) => role))
  if (parts.length > roles.size) {
    const tokens = parts.slice(0, MAX_NAMES).map(({ token }) => quoted(token ?? ''))
    const message = messages.severalEmbeddings(parts.length, tokens.join(', '))
    if (layout !== 'bundle') findings.push(warning('embedding-several', message))
  } else if (new Set(parts.map(({ vectors }) => vectors)).size > 1) {
    const counts = parts.map(({ role, vectors }) => `${role} ${vectors}`).join(', ')
    const message = messages.unevenVectors(counts)
    findings.push(warning('embedding-uneven', message))
  }
  if (roles.size === 1 && !roles.has('single')) {
    const message = messages.halfEmbedding([...roles][0])
    findings.push(warning('embedding-half', message))
  }
  return findings
}
