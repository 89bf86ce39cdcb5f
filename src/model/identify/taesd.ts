import type { TensorTable } from '../../tensor/values/table.ts'

/**
 * What the keys of a tiny autoencoder look like. Its halves are sequences of layers: a first convolution, blocks of
 * three convolutions, and convolutions without bias where the size changes.
 * Source: madebyollin/taesd, `taesd.py`; diffusers `AutoencoderTiny` calls the sequence `layers`.
 */
const STEMS: readonly { prefix: string; stem: string; half: 'encoder' | 'decoder' | 'either' }[] = [
  ...['', 'first_stage_model.', 'vae.'].flatMap((prefix) => {
    return (['encoder', 'decoder'] as const).flatMap((half) => [
      { prefix, stem: `taesd_${half}.`, half },
      { prefix, stem: `${half}.layers.`, half },
      { prefix, stem: `${half}.`, half },
    ])
  }),
  { prefix: '', stem: '', half: 'either' }, // taesd_decoder.pth: the sequence itself
]

export interface TaesdFacts {
  readonly prefix: string
  readonly encoder: boolean
  readonly decoder: boolean
  readonly latentChannels?: number
  readonly downscale?: number
  readonly tensors: number
}

/** One sequence of layers. */
export interface TaesdHalf {
  readonly kind: 'encoder' | 'decoder'
  readonly prefix: string
  /** What stands before the number of a layer: `taesd_decoder.`, `decoder.layers.`. */
  readonly start: string
  readonly latentChannels: number
  readonly downscale: number
  readonly tensors: number
}

/** The halves of a tiny autoencoder that a table has. */
export function taesdHalves(table: TensorTable): TaesdHalf[] {
  return STEMS.flatMap(({ prefix, stem, half }) => {
    const found = describeHalf(table, prefix, stem)
    return found !== undefined && (half === 'either' || half === found.kind) ? [found] : []
  })
}

/** Describes a tiny autoencoder, or one half of it; undefined if the table is none. */
export function identifyTaesd(table: TensorTable): TaesdFacts | undefined {
  const halves = taesdHalves(table)
  const [first] = halves
  if (first === undefined) return undefined
  return {
    prefix: first.prefix,
    encoder: halves.some(({ kind }) => kind === 'encoder'),
    decoder: halves.some(({ kind }) => kind === 'decoder'),
    latentChannels: first.latentChannels,
    downscale: first.downscale,
    tensors: halves.reduce((sum, { tensors }) => sum + tensors, 0),
  }
}

const RGB = 3
/** The encoder starts with its first convolution; the decoder clamps before, except in diffusers. */
const FIRST_LAYERS = [0, 1] as const

function describeHalf(table: TensorTable, prefix: string, stem: string): TaesdHalf | undefined {
  const start = prefix + stem
  const first = FIRST_LAYERS.find((layer) => table.tensors.has(`${start}${layer}.weight`))
  if (first === undefined) return undefined
  const inputs = table.tensors.get(`${start}${first}.weight`)!.shape[1] ?? 0
  const kind = inputs === RGB ? 'encoder' : 'decoder'
  // Between the first convolution and the first block, the decoder has an activation
  if (!table.tensors.has(`${start}${first + (kind === 'encoder' ? 1 : 2)}.conv.0.weight`)) return undefined
  const layers = plainLayers(table, start)
  const outputs = layers.at(-1)?.outputs ?? 0
  if (kind === 'decoder' && outputs !== RGB) return undefined
  return {
    kind,
    prefix,
    start,
    latentChannels: kind === 'encoder' ? outputs : inputs,
    downscale: 2 ** layers.filter(({ biased }) => !biased).length,
    tensors: [...table.tensors.keys()].filter((name) => name.startsWith(start)).length,
  }
}

interface PlainLayer {
  readonly outputs: number
  readonly biased: boolean
}

/** TAESD has 20 layers, its larger relatives have fewer than 30. */
const MAX_LAYERS = 64

/** The convolutions outside of blocks, in order. */
function plainLayers(table: TensorTable, start: string): PlainLayer[] {
  const layers: PlainLayer[] = []
  for (let layer = 0; layer < MAX_LAYERS; layer++) {
    const weight = table.tensors.get(`${start}${layer}.weight`)
    if (weight === undefined) continue
    const biased = table.tensors.has(`${start}${layer}.bias`)
    layers.push({ outputs: weight.shape[0] ?? 0, biased })
  }
  return layers
}
