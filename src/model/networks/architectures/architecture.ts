import type { ComponentId } from '../components.ts'
import type { PredictionType } from '../predictions.ts'
import type { DitLayout, DitNetwork } from '../template/network.ts'
import type { Dims } from '../template/row.ts'
import { templateTopology } from '../template/template.ts'
import type { Topology } from '../topology/match.ts'
import {
  type ClipConfig,
  clipOptional,
  clipTopology,
  openClipOptional,
  openClipTopology,
} from '../topology/text.ts'
import { type UnetConfig, unetTopology } from '../topology/unet.ts'
import { type VaeConfig, vaeTopology } from '../topology/vae.ts'

/** The network that denoises. `named` ones are known by the keys that prove them; their other keys are not checked. */
export type DenoisingNetwork =
  | { readonly kind: 'unet'; readonly config: UnetConfig }
  | DitNetwork
  | { readonly kind: 'named'; readonly component: 'unet' | 'dit' }

/**
 * Keys that prove a family, in a layout. Of several families whose proofs a file has, the first in the registry is it, so
 * that `not` names only what the order cannot tell.
 */
export interface Proof {
  readonly layout: DitLayout
  /** All of them are there. Names inside the network; `.scale` of a norm may be `.weight`. */
  readonly keys: readonly string[]
  /** None of them is there. */
  readonly not?: readonly string[]
  /** One size of a weight, where relatives have the same keys. */
  readonly size?: { readonly key: string; readonly axis: number; readonly is: readonly number[] }
}

/** A component as a complete file of the architecture has it. */
export interface ComponentTemplate {
  readonly id: ComponentId
  readonly prefix: string
  readonly topology: () => Topology
  /** Keys that some tools write and others do not. */
  readonly optional: () => Topology
}

/** `z = (mean - shift) * scale`; Playground 2.5 normalises each channel before. */
export interface LatentFormat {
  readonly channels: number
  readonly scale: number
  readonly shift: number
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
}

/** Whose pictures latents stand for: a VAE of one of them makes noise of those of another, whatever its shapes. */
export const LATENT_SPACES = {
  sd: 'Stable Diffusion 1.x and 2.x',
  sdxl: 'Stable Diffusion XL',
  x4: 'the x4 upscaler',
  sd3: 'Stable Diffusion 3',
  flux: 'Flux.1',
  cascade: 'Stable Cascade',
  'cascade-b': 'Stable Cascade stage B',
  flux2: 'Flux.2',
  wan21: 'Wan 2.1',
  wan22: 'Wan 2.2 5B',
  'qwen-image-21': 'Qwen-Image 2.1',
  'hunyuan-video': 'HunyuanVideo',
  'hunyuan-video-15': 'HunyuanVideo 1.5',
  'hunyuan-image': 'HunyuanImage 2.1',
  'hunyuan-image-refiner': 'the refiner of HunyuanImage 2.1',
  ltx: 'LTX-Video',
  ltx2: 'LTX-2',
  cosmos: 'Cosmos 1',
  cogvideox: 'CogVideoX',
  cogview4: 'CogView4',
  mochi: 'Mochi 1',
  sana: 'Sana',
  pixel: 'pixels, without a VAE',
} as const

export type LatentSpace = keyof typeof LATENT_SPACES

export interface Latents extends LatentFormat {
  readonly space: LatentSpace
}

/** First and last beta of a schedule whose square roots are evenly spaced. */
export type BetaRange = readonly [first: number, last: number]

/** A relative with other widths at one place, other markers or another objective. */
export interface Variant {
  readonly id: string
  /** Stands behind the title of the architecture: "inpainting". */
  readonly title: string
  readonly modelspec?: string
  /** What is different in the network. */
  readonly unet?: Partial<Pick<UnetConfig, 'inChannels' | 'adm'>>
  readonly dims?: Dims
  /** Key inside of the network that only this variant has. */
  readonly key?: string
  /** Full names of keys that only this variant has. */
  readonly marker?: string
  readonly prediction?: PredictionType
  /** Only where it is not that of the architecture. */
  readonly resolution?: number
  readonly latent?: Latents
  readonly shift?: number
  readonly fp16?: 'overflows'
  /** Only where they are not those of the architecture. */
  readonly encoders?: readonly ComponentId[]
}

/** A network that F16 holds only where a norm near its end spreads little. */
export interface SpreadLimit {
  readonly list: string
  /** 1 is the last block. */
  readonly fromEnd: number
  readonly norm: string
  /** Of the network that the limit was found on. */
  readonly width: number
  readonly below: number
}

/** A member of a family, or a relative trained further, that has the keys and shapes of others. */
export interface NamedMember {
  readonly id: string
  readonly title: string
  /** What a file of it is called, or its metadata say. */
  readonly words: RegExp
  /** Only of these variants; '' is the network without one. */
  readonly of?: readonly string[]
  /** Of a pair that shares the work: an adapter for one does harm to the other. */
  readonly expert?: true
}

/** One family of models: what a file of it contains, and how to tell it from others. */
export interface Architecture {
  readonly id: string
  readonly title: string
  /** Value of `modelspec.architecture`; undefined where the specification has none. */
  readonly modelspec?: string
  readonly network: DenoisingNetwork
  /** What its authors, or ComfyUI, write before all names of a file of it. */
  readonly prefix?: string
  /** Empty for UNets, which are told by their blocks and widths. */
  readonly proofs?: readonly Proof[]
  /** Everything a complete checkpoint has, in the order of use. */
  readonly components: readonly ComponentTemplate[]
  /**
   * Text encoders it is used with, only where `components` do not have them: none for a network that reads the text
   * itself. Not known without both.
   */
  readonly encoders?: readonly ComponentId[]
  /** What the network predicts unless there is evidence for something else. */
  readonly prediction: PredictionType
  /** Side of the square pictures it was trained for, in pixels; undefined if its members differ, or it makes none. */
  readonly resolution?: number
  readonly latent: Latents
  /** By how much programs shift the timesteps of flow towards noise, unless they are told otherwise; 1 is not at all. */
  readonly shift?: number
  /** Whether its activations are too large for F16. Source of these: ComfyUI, `supported_inference_dtypes`. */
  readonly fp16?: 'overflows' | SpreadLimit
  /** Only where it is not that of SD 1.x. */
  readonly betas?: BetaRange
  readonly variants: readonly Variant[]
  /** What only names tell apart; a name that fits several says nothing. */
  readonly names?: readonly NamedMember[]
}

export const UNET_PREFIX = 'model.diffusion_model.'
export const VAE_PREFIX = 'first_stage_model.'
/** In files of a transformer with its parts that ComfyUI has saved. */
export const COMFYUI_VAE_PREFIX = 'vae.'

const NOTHING: Topology = new Map()

function template(
  id: ComponentId,
  prefix: string,
  build: () => Topology,
  optional: () => Topology = () => NOTHING,
): ComponentTemplate {
  let topology: Topology | undefined
  return {
    id,
    prefix,
    topology: () => {
      topology ??= build()
      return topology
    },
    optional,
  }
}

export function unet(config: UnetConfig): ComponentTemplate {
  return template('unet', UNET_PREFIX, () => unetTopology(config))
}

export function dit({ template: rows, dims }: DitNetwork): ComponentTemplate {
  return template('dit', UNET_PREFIX, () => templateTopology(rows, dims))
}

/** A CLIP with the names of transformers; `prefix` ends before `text_model.`. */
export function clipText(id: ComponentId, prefix: string, config: ClipConfig): ComponentTemplate {
  return template(
    id,
    prefix,
    () => clipTopology(config),
    () => clipOptional(config),
  )
}

export function openClipText(id: ComponentId, prefix: string, config: ClipConfig): ComponentTemplate {
  return template(
    id,
    prefix,
    () => openClipTopology(config),
    () => openClipOptional(config),
  )
}

export function vae(config: VaeConfig, prefix = VAE_PREFIX): ComponentTemplate {
  return template('vae', prefix, () => vaeTopology(config))
}
