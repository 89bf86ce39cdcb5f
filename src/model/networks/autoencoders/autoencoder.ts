import type { LatentSpace } from '../architectures/architecture.ts'
import type { ShapeOf, Topology } from '../topology/match.ts'

/** Names of its authors, which ComfyUI reads, or those of diffusers. */
export type AutoencoderLayout = 'ldm' | 'diffusers'

/** What shows one half of an autoencoder. */
export interface HalfProof {
  /** All of them are there. */
  readonly keys: readonly string[]
  /** None of them is there. */
  readonly not?: readonly string[]
  /** Sizes of a weight, `*` for one that may be any: of a convolution over pictures, or over frames as well. */
  readonly shape?: readonly [key: string, sizes: string]
}

export interface AutoencoderNames {
  readonly layout: AutoencoderLayout
  readonly encoder?: HalfProof
  readonly decoder?: HalfProof
}

/** An autoencoder of its own layers. */
export interface Autoencoder {
  readonly id: string
  /** For people, in front of "VAE". */
  readonly title: string
  /** Undefined where files of several spaces have the same keys. */
  readonly space?: LatentSpace
  readonly channels?: number
  /** Pixels per latent pixel, along one side. */
  readonly downscale?: number
  /** Its layers are those of the autoencoder of Stable Diffusion, with others beside them. */
  readonly likeKl?: true
  readonly names: readonly AutoencoderNames[]
  /** Where its keys are known. */
  readonly layers?: AutoencoderLayers
}

/** Keys and shapes of an autoencoder, in the names of its authors. */
export interface AutoencoderLayers {
  /** Those of a file, whose widths are its own. */
  readonly topology: (shapeOf: ShapeOf) => Topology
  readonly inDiffusers: (name: string) => string
}

type Shown = readonly [key: string, sizes: string]

/**
 * Both halves by the same key, with `encoder.` and `decoder.` in front, and by what goes out of the one and into the
 * other.
 * @param more keys of the whole autoencoder, and keys of either half that are not there
 */
export function halves(
  layout: AutoencoderLayout,
  key: string,
  [out, into]: readonly [out: Shown, into: Shown],
  { whole = [], not = [] }: { readonly whole?: readonly string[]; readonly not?: readonly string[] } = {},
): AutoencoderNames {
  const half = (name: string, [layer, sizes]: Shown): HalfProof => ({
    keys: [...whole, `${name}.${key}`],
    not: not.map((one) => `${name}.${one}`),
    shape: [`${name}.${layer}`, sizes],
  })
  return { layout, encoder: half('encoder', out), decoder: half('decoder', into) }
}

/** Layers at the ends of the halves: sizes of the convolution that makes moments, and of the one that takes latents. */
export function ends(moments: number, channels: number, kernel: string, { wrapped = false } = {}) {
  const leaf = wrapped ? 'conv.weight' : 'weight'
  return [
    [`conv_out.${leaf}`, `${moments} * ${kernel}`],
    [`conv_in.${leaf}`, `* ${channels} ${kernel}`],
  ] as const
}

/** Those of Wan, in the names of its authors. */
export function wanEnds(moments: number, channels: number, kernel: string) {
  return [
    ['head.2.weight', `${moments} * ${kernel}`],
    ['conv1.weight', `* ${channels} ${kernel}`],
  ] as const
}

/** Kernels of convolutions over pictures, and over frames as well. */
export const PICTURE = '3 3'
export const VIDEO = '3 3 3'
