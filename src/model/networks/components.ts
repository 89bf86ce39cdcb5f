import { type DType, elementCount } from '../../tensor/values/dtype.ts'
import { tensorBytes } from '../../tensor/values/expr.ts'
import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import type { TopologyMatch } from './topology/match.ts'

/** What a component does in a model. Options name a role or a component: `--keep vae`, `--dtype text=fp32`. */
export const ROLES = {
  unet: 'UNet or diffusion transformer',
  text: 'text encoders',
  vae: 'VAE',
  ema: 'EMA copy of the weights',
  vision: 'image encoders',
  control: 'ControlNet',
  depth: 'depth estimator',
  schedule: 'noise schedule buffers',
  marker: 'marker tensors',
  training: 'training state',
  other: 'keys of no known component',
} as const

export type Role = keyof typeof ROLES

/** What a checkpoint is made of: a program cannot use one that lacks one of these, or has to get it elsewhere. */
export const VITAL_ROLES = ['unet', 'text', 'vae'] as const satisfies readonly Role[]

interface ComponentKind {
  readonly role: Role
  readonly title: string
}

function kind(role: Role, title: string): ComponentKind {
  return { role, title }
}

/**
 * Every component `identify` can report. `openclip_*` are OpenCLIP key names, `clip_*` those of transformers;
 * `weights` is all of a file that is no Stable Diffusion model, `other` what is left over in one that is.
 */
export const COMPONENTS = {
  unet: kind('unet', 'UNet'),
  dit: kind('unet', 'diffusion transformer'),
  clip_l: kind('text', 'CLIP-L text encoder'),
  clip_g: kind('text', 'CLIP-G text encoder'),
  clip_h: kind('text', 'CLIP-H text encoder'),
  openclip_h: kind('text', 'OpenCLIP-H text encoder'),
  openclip_g: kind('text', 'OpenCLIP-bigG text encoder'),
  t5xxl: kind('text', 'T5-XXL text encoder'),
  t5xl: kind('text', 'T5-XL text encoder'),
  t5_11b: kind('text', 'T5-11B text encoder'),
  t5base: kind('text', 'T5-Base text encoder'),
  umt5xxl: kind('text', 'UMT5-XXL text encoder'),
  umt5base: kind('text', 'UMT5-Base text encoder'),
  mt5xl: kind('text', 'mT5-XL text encoder'),
  byt5: kind('text', 'ByT5-Small (glyphs) text encoder'),
  t5gemma: kind('text', 'T5Gemma text encoder'),
  gemma2_2b: kind('text', 'Gemma 2 2B text encoder'),
  gemma3_4b: kind('text', 'Gemma 3 4B text encoder'),
  gemma3_12b: kind('text', 'Gemma 3 12B text encoder'),
  gemma4_e2b: kind('text', 'Gemma 4 E2B text encoder'),
  gemma4_e4b: kind('text', 'Gemma 4 E4B text encoder'),
  gemma4_12b: kind('text', 'Gemma 4 12B text encoder'),
  gemma4_31b: kind('text', 'Gemma 4 31B text encoder'),
  qwen25_3b: kind('text', 'Qwen2.5-VL 3B text encoder'),
  qwen25_7b: kind('text', 'Qwen2.5-VL 7B text encoder'),
  qwen3_06b: kind('text', 'Qwen3 0.6B text encoder'),
  qwen3_2b: kind('text', 'Qwen3 2B text encoder'),
  qwen3_4b: kind('text', 'Qwen3 4B text encoder'),
  qwen3_8b: kind('text', 'Qwen3 8B text encoder'),
  qwen3vl_4b: kind('text', 'Qwen3-VL 4B text encoder'),
  qwen3vl_8b: kind('text', 'Qwen3-VL 8B text encoder'),
  qwen3vl_32b: kind('text', 'Qwen3-VL 32B text encoder'),
  qwen35_08b: kind('text', 'Qwen3.5 0.8B text encoder'),
  qwen35_2b: kind('text', 'Qwen3.5 2B text encoder'),
  qwen35_4b: kind('text', 'Qwen3.5 4B text encoder'),
  qwen35_9b: kind('text', 'Qwen3.5 9B text encoder'),
  qwen35_27b: kind('text', 'Qwen3.5 27B text encoder'),
  mistral3_24b: kind('text', 'Mistral Small 3 24B text encoder'),
  ministral3_3b: kind('text', 'Ministral 3 3B text encoder'),
  llama3_8b: kind('text', 'Llama 3 8B text encoder'),
  gpt_oss_20b: kind('text', 'GPT-OSS 20B text encoder'),
  chatglm3_6b: kind('text', 'ChatGLM3 6B text encoder'),
  jina_clip_2: kind('text', 'Jina CLIP 2 text encoder'),
  hydit_clip: kind('text', 'BERT text encoder of HunyuanDiT'),
  text: kind('text', 'text encoder'),
  vae: kind('vae', 'VAE'),
  unet_ema: kind('ema', 'EMA copy of the UNet'),
  vae_ema: kind('ema', 'EMA copy of the VAE'),
  vision: kind('vision', 'image encoder'),
  noise_augmentor: kind('vision', 'noise augmentor'),
  controlnet: kind('control', 'ControlNet'),
  audio: kind('other', 'audio VAE and vocoder'),
  depth: kind('depth', 'depth estimator (MiDaS)'),
  schedule: kind('schedule', 'noise schedule buffers'),
  markers: kind('marker', 'marker tensors'),
  training: kind('training', 'training leftovers'),
  adapter: kind('other', 'adapter weights'),
  embedding: kind('other', 'embedding vectors'),
  weights: kind('other', 'weights'),
  other: kind('other', 'unknown keys'),
} as const satisfies Record<string, ComponentKind>

export type ComponentId = keyof typeof COMPONENTS

/** What options take to name components: an id, or a role for all components that have it. */
export type Selector = ComponentId | Role

export function isSelector(name: string): name is Selector {
  return Object.hasOwn(COMPONENTS, name) || Object.hasOwn(ROLES, name)
}

/** Every word `isSelector` accepts, roles first, for help and error texts. */
export const SELECTORS: readonly Selector[] = [
  ...new Set<Selector>([...(Object.keys(ROLES) as Role[]), ...(Object.keys(COMPONENTS) as ComponentId[])]),
]

/** The names of its keys make no other encoder: `clip_g` means that of SDXL in either spelling. */
const SAME_ENCODER: Readonly<Partial<Record<Selector, Selector>>> = {
  openclip_g: 'clip_g',
  openclip_h: 'clip_h',
}

/** Two words of options that select the same component. */
export function sameSelector(a: Selector, b: Selector): boolean {
  return (SAME_ENCODER[a] ?? a) === (SAME_ENCODER[b] ?? b)
}

export function isSelected(
  { id, role }: Pick<Component, 'id' | 'role'>,
  selectors: readonly Selector[],
): boolean {
  return selectors.some((selector) => selector === role || sameSelector(selector, id))
}

/** Key names as written by which family of programs. */
export type KeyLayout = 'ldm' | 'diffusers' | 'transformers' | 'openclip' | 'llama.cpp'

/** The tensors of one component of a file, and how they compare with what such a component should have. */
export interface Component {
  readonly id: ComponentId
  readonly role: Role
  readonly title: string
  /** What stands before the component's own names: `model.diffusion_model.`, '' in a file of its own. */
  readonly prefix: string
  readonly layout?: KeyLayout
  /** Full names, in file order. */
  readonly names: readonly string[]
  readonly tensors: number
  readonly parameters: number
  readonly bytes: number
  /** Tensors of each dtype. */
  readonly dtypes: Readonly<Partial<Record<DType, number>>>
  /** Only where the keys and shapes of such a component are known. */
  readonly match?: TopologyMatch
}

/** The tensors of a component, in file order. */
export function tensorsOf({ tensors }: TensorTable, { names }: Pick<Component, 'names'>): Tensor[] {
  return names.map((name) => tensors.get(name)!)
}

/** Sums over the tensors of a component. Parameters are those of the weights, however they are stored. */
export function measure(
  tensors: Iterable<Tensor>,
): Pick<Component, 'names' | 'tensors' | 'parameters' | 'bytes' | 'dtypes'> {
  const names: string[] = []
  const dtypes: Partial<Record<DType, number>> = {}
  let parameters = 0
  let bytes = 0
  for (const tensor of tensors) {
    names.push(tensor.name)
    if (tensor.quantised?.role !== 'table')
      parameters += elementCount(tensor.quantised?.shape ?? tensor.shape)
    bytes += tensorBytes(tensor)
    dtypes[tensor.dtype] = (dtypes[tensor.dtype] ?? 0) + 1
  }
  return { names, tensors: names.length, parameters, bytes, dtypes }
}
