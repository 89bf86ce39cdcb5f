import { defined } from '../../system/defined.ts'
import { DIT_ARCHITECTURES } from '../networks/architectures/proof.ts'
import { isNumbered } from './cloneofsimo-order.ts'
import { type DitFit, ditFits } from './dit-bases.ts'
import { messages } from './messages.ts'
import type { AdapterModule } from './modules.ts'

interface Base {
  readonly title: string
  /** Ids of the registry; an adapter of the family may be for any of them. */
  readonly architectures: readonly string[]
  /** Id of the model specification; only where every member of the family has the same. */
  readonly modelspec?: string
}

/** Families of several architectures, by the names people use. One for SD 1.x fits its variants (inpainting ...), too. */
const SHARED = {
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
  'stable-cascade': { title: 'Stable Cascade', architectures: ['stable-cascade', 'stable-cascade-b'] },
  animatediff: { title: 'AnimateDiff motion module', architectures: [] },
} as const satisfies Record<string, Base>

const SHARED_ARCHITECTURES: readonly string[] = Object.values<Base>(SHARED).flatMap(
  ({ architectures }) => architectures,
)

/** Every transformer is a family of its own; one whose files have names of two kinds is two architectures of one title. */
function ditBases(): Map<string, Base> {
  const bases = new Map<string, Base>()
  const ids = new Map<string, string>()
  for (const { id, title, modelspec } of DIT_ARCHITECTURES) {
    if (SHARED_ARCHITECTURES.includes(id)) continue
    const base = ids.get(title) ?? id
    ids.set(title, base)
    const architectures = [...(bases.get(base)?.architectures ?? []), id]
    bases.set(base, { title, architectures, ...defined({ modelspec }) })
  }
  return bases
}

/** Id of a family that adapters are for: `sdxl`, `flux`, `qwen-image`. */
export type BaseId = string

const BASES: ReadonlyMap<BaseId, Base> = new Map([...Object.entries<Base>(SHARED), ...ditBases()])

export const BASE_IDS: readonly BaseId[] = [...BASES.keys()]

export function baseById(id: BaseId): Base {
  const base = BASES.get(id)
  if (base === undefined) throw new TypeError(`"${id}" is not a family of adapters`)
  return base
}

/** The family that adapters for an architecture are for. */
export function baseOfArchitecture(id: string): BaseId | undefined {
  return BASE_IDS.find((base) => baseById(base).architectures.includes(id))
}

/** Width of the text embedding, which is the input of `attn2.to_k` and `attn2.to_v`. */
const CONTEXT_WIDTHS: Readonly<Record<number, BaseId>> = {
  768: 'sd1',
  1024: 'sd2',
  2048: 'sdxl',
  1280: 'sdxl-refiner',
}

/** Names that stand in no dictionary, and in adapters of one family alone. */
const OWN_NAMES: readonly { pattern: RegExp; base: BaseId; block: string }[] = [
  { pattern: /motion_modules[._]/, base: 'animatediff', block: 'motion_modules' },
  {
    pattern: /^(double|single)_blocks[._]\d+[._]processor[._]/,
    base: 'flux',
    block: 'double_blocks or single_blocks',
  },
  {
    pattern: /^(down|up)_blocks[._]\d+[._]\d+[._]attention[._]/,
    base: 'stable-cascade',
    block: 'attention in down_blocks and up_blocks',
  },
]

const LIKE_FLUX = ['chroma', 'chroma-radiance', 'hunyuan-video', 'hunyuan-image-2.1', 'hunyuan-video-1.5']

interface Usual {
  readonly usual: BaseId
  readonly others: readonly BaseId[]
  /** Whatever its widths are: those of no published model say nothing of what else is usual. */
  readonly always?: true
}

/**
 * What adapters are trained for as a rule where the modules of families have the same names and shapes. In diffusers names,
 * attention of Qwen-Image is that of the double blocks of Flux.1 and its like, which are never trained without the single
 * ones (source: InvokeAI, configs/lora.py); a few blocks of Flux.1, of Chroma, HunyuanVideo and others are alike; Anima is
 * Cosmos-Predict2 with a text adapter.
 */
const USUAL: readonly Usual[] = [
  { usual: 'qwen-image', others: ['flux', 'flux-2', 'ovis-image', 'longcat-image', ...LIKE_FLUX] },
  { usual: 'flux', others: ['ovis-image', 'longcat-image', 'auraflow', ...LIKE_FLUX] },
  { usual: 'chroma', others: ['chroma-radiance'] },
  { usual: 'anima', others: ['cosmos-predict2'], always: true },
]

const CROSS_ATTENTION = /attn2[._](?:processor\.)?to_[kv]$/

export interface ShapeVerdict {
  readonly base?: BaseId
  /** "Flux.2 klein 4B": the only published network of the family that has these shapes. */
  readonly title?: string
  /** All families of transformers that have these layers; that of `base` is among them. */
  readonly possible?: readonly BaseId[]
  readonly evidence: readonly string[]
  /** Set if modules speak for different families. */
  readonly contradiction?: string
}

/**
 * The family an adapter was made for, by names and shapes.
 * @param claimed by its metadata: it decides between families that have the same layers
 */
export function baseByShapes(modules: readonly AdapterModule[], claimed?: BaseId): ShapeVerdict {
  return (
    byOwnNames(modules) ??
    byTransformer(modules, claimed) ??
    byContextWidth(modules) ??
    byNumberedModules(modules) ??
    byNumberedEncoder(modules) ??
    byTextEncoder(modules)
  )
}

function byOwnNames(modules: readonly AdapterModule[]): ShapeVerdict | undefined {
  for (const { pattern, base, block } of OWN_NAMES) {
    if (modules.some(({ path }) => pattern.test(path)))
      return { base, evidence: [messages.blocksNamed(block)] }
  }
  return undefined
}

function byTransformer(
  modules: readonly AdapterModule[],
  claimed: BaseId | undefined,
): ShapeVerdict | undefined {
  const fits = ditFits(modules.filter(({ target }) => target === 'unet'))
  if (fits.length === 0) return undefined
  const base = likeliest(fits, claimed)
  const members = fits.flatMap(({ architecture, members }) =>
    baseOfArchitecture(architecture.id) === base ? members : [],
  )
  const [title, another] = new Set(members)
  const evidence = [
    messages.layersOf(
      fits[0]!.modules,
      basesOf(fits).map((id) => baseById(id).title),
    ),
  ]
  return {
    evidence,
    possible: basesOf(fits),
    ...defined({ base, title: another === undefined ? title : undefined }),
  }
}

function basesOf(fits: readonly DitFit[]): BaseId[] {
  return [...new Set(fits.flatMap(({ architecture }) => baseOfArchitecture(architecture.id) ?? []))]
}

/** Of several families: the one in the metadata, else that of which every block is changed, else the usual one. */
function likeliest(fits: readonly DitFit[], claimed: BaseId | undefined): BaseId | undefined {
  const bases = basesOf(fits)
  if (claimed !== undefined && bases.includes(claimed)) return claimed
  const complete = basesOf(fits.filter(({ isComplete }) => isComplete))
  const [base, ...others] = complete.length > 0 ? complete : bases
  if (others.length === 0) return base
  return usualOf([base!, ...others], fits[0]!.members.length > 0)
}

function usualOf(bases: readonly BaseId[], isPublished: boolean): BaseId | undefined {
  return USUAL.filter(({ always }) => isPublished || always).find(
    ({ usual, others }) =>
      bases.includes(usual) && bases.every((base) => base === usual || others.includes(base)),
  )?.usual
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

/** Layers of language models, which CLIP does not have. */
const LANGUAGE_MODEL = /(?:^|[._])mlp[._](?:gate|up|down)_proj$|self_attn[._]o_proj$/

/** Without cross attention, the widths of the text encoders may still tell. */
function byTextEncoder(modules: readonly AdapterModule[]): ShapeVerdict {
  if (modules.some(({ path }) => LANGUAGE_MODEL.test(path))) return { evidence: [messages.languageModel] }
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
