import { defined } from '../../system/defined.ts'
import { quoted } from '../../system/text.ts'
import { isNumbered } from './cloneofsimo-order.ts'
import { messages } from './messages.ts'
import type { AdapterModule } from './modules.ts'

interface Base {
  readonly title: string
  /** Ids of the registry; an adapter of the family may be for any of them. */
  readonly architectures: readonly string[]
  /** Id of the model specification; only where every member of the family has the same. */
  readonly modelspec?: string
}

/** Families an adapter can be for, by the names people use. One for SD 1.x fits its variants (inpainting ...), too. */
export const BASES = {
  sd1: {
    title: 'Stable Diffusion 1.x',
    architectures: ['stable-diffusion-v1'],
    modelspec: 'stable-diffusion-v1',
  },
  sd2: { title: 'Stable Diffusion 2.x', architectures: ['stable-diffusion-v2'] },
  sdxl: {
    title: 'Stable Diffusion XL',
    architectures: ['stable-diffusion-xl-v1-base', 'ssd-1b', 'segmind-vega', 'koala-700m', 'koala-1b'],
    modelspec: 'stable-diffusion-xl-v1-base',
  },
  'sdxl-refiner': {
    title: 'Stable Diffusion XL refiner',
    architectures: ['stable-diffusion-xl-v1-refiner'],
    modelspec: 'stable-diffusion-xl-v1-refiner',
  },
  sd3: {
    title: 'Stable Diffusion 3',
    architectures: [
      'stable-diffusion-v3-medium',
      'stable-diffusion-v3.5-medium',
      'stable-diffusion-v3.5-large',
    ],
  },
  flux: { title: 'Flux.1', architectures: ['flux-1-dev'] },
  animatediff: { title: 'AnimateDiff motion module', architectures: [] },
} as const satisfies Record<string, Base>

export type BaseId = keyof typeof BASES

export function baseById(id: BaseId): Base {
  return BASES[id]
}

/** Width of the text embedding, which is the input of `attn2.to_k` and `attn2.to_v`. */
const CONTEXT_WIDTHS: Readonly<Record<number, BaseId>> = {
  768: 'sd1',
  1024: 'sd2',
  2048: 'sdxl',
  1280: 'sdxl-refiner',
}

/** Block names that only one family has. `single_transformer_blocks` before its own ending. */
const BLOCK_NAMES: readonly { pattern: RegExp; base: BaseId; block: string }[] = [
  { pattern: /motion_modules[._]/, base: 'animatediff', block: 'motion_modules' },
  { pattern: /^(double|single)_blocks[._]/, base: 'flux', block: 'double_blocks or single_blocks' },
  { pattern: /^single_transformer_blocks[._]/, base: 'flux', block: 'single_transformer_blocks' },
  { pattern: /^joint_blocks[._]/, base: 'sd3', block: 'joint_blocks' },
]

/** Diffusers names of SD3 and of the double stream of Flux are the same; the width of the stream decides. */
const JOINT_ATTENTION = /^transformer_blocks[._]\d+[._]attn[._]add_k_proj$/
const FLUX_WIDTH = 3072

const CROSS_ATTENTION = /attn2[._](?:processor\.)?to_[kv]$/

export interface ShapeVerdict {
  readonly base?: BaseId
  readonly evidence: readonly string[]
  /** Set if modules speak for different families. */
  readonly contradiction?: string
}

/** The family an adapter was made for, by names and shapes. */
export function baseByShapes(modules: readonly AdapterModule[]): ShapeVerdict {
  return (
    byBlockNames(modules) ??
    byContextWidth(modules) ??
    byNumberedModules(modules) ??
    byNumberedEncoder(modules) ??
    byTextEncoder(modules)
  )
}

function byBlockNames(modules: readonly AdapterModule[]): ShapeVerdict | undefined {
  for (const { pattern, base, block } of BLOCK_NAMES) {
    if (modules.some(({ path }) => pattern.test(path)))
      return { base, evidence: [messages.blocksNamed(block)] }
  }
  const joint = modules.find(({ path }) => JOINT_ATTENTION.test(path))
  if (joint === undefined) return undefined
  const { columns } = joint.shape
  if (columns === undefined) return { evidence: [messages.jointAttention] }
  const base = columns === FLUX_WIDTH ? 'flux' : 'sd3'
  return { base, evidence: [messages.jointAttentionOfWidth(columns)] }
}

function byContextWidth(modules: readonly AdapterModule[]): ShapeVerdict | undefined {
  const widths = new Set<number>()
  for (const { target, path, shape } of modules) {
    if (target.startsWith('te') || !CROSS_ATTENTION.test(path)) continue
    const { columns } = shape
    if (columns !== undefined) widths.add(columns)
  }
  return widths.size === 0 ? undefined : judgeWidths([...widths], messages.crossAttentionKeysTake)
}

function judgeWidths(widths: readonly number[], describe: (widths: string) => string): ShapeVerdict {
  const sorted = widths.toSorted((a, b) => a - b)
  const sentence = describe(sorted.join(' and '))
  const base = sorted.length === 1 ? CONTEXT_WIDTHS[sorted[0]!] : undefined
  return {
    evidence: [sentence],
    ...defined({ base }),
    ...(sorted.length > 1 ? { contradiction: sentence } : {}),
  }
}

/** Inputs of attention and GEGLU layers inside a UNet of 320 channels; anything else is the text embedding. */
const UNET_WIDTHS = new Set([320, 640, 1280, 2560, 5120])

/** cloneofsimo's files number their modules, so the odd one out among the widths of the UNet is the context. */
function byNumberedModules(modules: readonly AdapterModule[]): ShapeVerdict | undefined {
  const unet = modules.filter(({ dialect, target }) => dialect === 'cloneofsimo' && target === 'unet')
  if (unet.length === 0) return undefined
  const widths = new Set<number>()
  for (const { shape } of unet) {
    const { columns } = shape
    if (columns !== undefined && !UNET_WIDTHS.has(columns)) widths.add(columns)
  }
  return widths.size === 0 ? undefined : judgeWidths([...widths], messages.crossAttentionTakes)
}

/** Where the order of a text encoder alone is known: it is that of SD 1.x or 2.x, of which each has its width. */
function byNumberedEncoder(modules: readonly AdapterModule[]): ShapeVerdict | undefined {
  const [first] = modules
  if (first === undefined || modules.some((module) => module.dialect !== 'cloneofsimo' || isNumbered(module)))
    return undefined
  const width = first.shape.columns ?? 0
  const base = CONTEXT_WIDTHS[width]
  return { evidence: [messages.numberedEncoder(modules.length, width)], ...defined({ base }) }
}

const TEXT_ATTENTION = /self_attn[._](?:to_)?[qkv](?:_proj)?$/

/** Without cross attention, the widths of the text encoders may still tell. */
function byTextEncoder(modules: readonly AdapterModule[]): ShapeVerdict {
  const seen = new Map<string, number>()
  for (const { target, path, prefix, shape } of modules) {
    if (!target.startsWith('te') || !TEXT_ATTENTION.test(path)) continue
    const { columns } = shape
    if (columns !== undefined) seen.set(prefix, columns)
  }
  if (seen.size === 0) return { evidence: [] }
  const evidence = [...seen].map(([prefix, width]) => messages.encoderWidth(prefix || 'text_model.', width))
  const widths = [...seen.values()]
  if (widths.includes(1024)) return { base: 'sd2', evidence }
  if (widths.includes(1280)) return widths.includes(768) ? { base: 'sdxl', evidence } : { evidence }
  // Some trainers write lora_te1_ for SD 1.x, others for the first encoder of SDXL
  if (seen.has('lora_te_')) return { base: 'sd1', evidence }
  return { evidence: [...evidence, messages.sharedBySd1AndSdxl] }
}

/** What trainers write; the first pattern that matches counts. Sources: kohya `sai_model_spec.py`, `train_util.py`; ai-toolkit `metadata.py`. */
const CLAIMS: readonly { key: string; pattern: RegExp; base: BaseId }[] = [
  { key: 'ss_base_model_version', pattern: /^sdxl_/, base: 'sdxl' },
  { key: 'ss_base_model_version', pattern: /^sd_(?:v1|1\.)/, base: 'sd1' },
  { key: 'ss_base_model_version', pattern: /^sd_(?:v2|2\.)/, base: 'sd2' },
  { key: 'ss_base_model_version', pattern: /^sd3/, base: 'sd3' },
  { key: 'ss_base_model_version', pattern: /^flux/, base: 'flux' },
  { key: 'modelspec.architecture', pattern: /^stable-diffusion-v1(?![\w.])/, base: 'sd1' },
  { key: 'modelspec.architecture', pattern: /^stable-diffusion-v2(?![\w.])/, base: 'sd2' },
  { key: 'modelspec.architecture', pattern: /^stable-diffusion-xl-v1-refiner/, base: 'sdxl-refiner' },
  { key: 'modelspec.architecture', pattern: /^stable-diffusion-xl/, base: 'sdxl' },
  { key: 'modelspec.architecture', pattern: /^stable-diffusion-(v)?3/, base: 'sd3' },
  { key: 'modelspec.architecture', pattern: /^flux-1/i, base: 'flux' },
  { key: 'ss_v2', pattern: /^True$/, base: 'sd2' },
  // Trainers for SDXL always write ss_base_model_version, so only older SD 1.x files reach this line
  { key: 'ss_v2', pattern: /^False$/, base: 'sd1' },
]

export interface Claim {
  readonly base: BaseId
  /** `ss_base_model_version="sd_v1"`. */
  readonly source: string
}

/** The family the metadata names; undefined if it names none we know. */
export function baseByMetadata(metadata: Readonly<Record<string, string>>): Claim | undefined {
  for (const { key, pattern, base } of CLAIMS) {
    const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined
    if (value !== undefined && pattern.test(value)) return { base, source: `${key}=${quoted(value)}` }
  }
  return undefined
}
