/** Which autoencoder the keys of a file prove. */
import type { Shape, ShapeOf } from '../topology/match.ts'
import type { Autoencoder, AutoencoderLayout, HalfProof } from './autoencoder.ts'
import { AUTOENCODERS } from './registry.ts'

/** An autoencoder that keys prove, and the halves of it that are there. */
export interface ProvenAutoencoder {
  readonly autoencoder: Autoencoder
  readonly layout: AutoencoderLayout
  readonly encoder: boolean
  readonly decoder: boolean
  /** The key that gave it away. */
  readonly evidence: string
}

/** @param shapeOf by names inside the autoencoder */
export function provenAutoencoder(shapeOf: ShapeOf): ProvenAutoencoder | undefined {
  for (const autoencoder of AUTOENCODERS) {
    for (const { layout, encoder, decoder } of autoencoder.names) {
      const halves = { encoder: isMet(encoder, shapeOf), decoder: isMet(decoder, shapeOf) }
      if (!halves.encoder && !halves.decoder) continue
      const evidence = (halves.decoder ? decoder : encoder)!.keys[0]!
      return { autoencoder, layout, ...withOtherHalf(halves, shapeOf), evidence }
    }
  }
  return undefined
}

/** A half whose own keys prove nothing is there where any of its first layers is. */
function withOtherHalf(
  halves: { readonly encoder: boolean; readonly decoder: boolean },
  shapeOf: ShapeOf,
): { readonly encoder: boolean; readonly decoder: boolean } {
  const has = (half: string) => FIRST.some((layer) => shapeOf(`${half}.${layer}.bias`) !== undefined)
  return { encoder: halves.encoder || has('encoder'), decoder: halves.decoder || has('decoder') }
}

const FIRST = ['conv_in', 'conv_in.conv', 'conv1', 'conv_in.conv_s', 'proj_in', 'layers.0', 'blocks.0.0']

function isMet(proof: HalfProof | undefined, shapeOf: ShapeOf): boolean {
  if (proof === undefined) return false
  const { keys, not = [], shape } = proof
  if (!keys.every((key) => shapeOf(key) !== undefined) || not.some((key) => shapeOf(key) !== undefined))
    return false
  return shape === undefined || isOfSizes(shapeOf(shape[0]), shape[1])
}

function isOfSizes(shape: Shape | undefined, sizes: string): boolean {
  const wanted = sizes.split(' ')
  return (
    shape?.length === wanted.length && wanted.every((size, i) => size === '*' || Number(size) === shape[i])
  )
}

/** A key by which a file of one autoencoder is known as such; what it is, all its keys together say. */
export function isAutoencoderKey(name: string): boolean {
  return PROVING_KEYS.has(name)
}

const PROVING_KEYS: ReadonlySet<string> = new Set(
  AUTOENCODERS.flatMap(({ names }) =>
    names.flatMap(({ encoder, decoder }) => [encoder?.keys[0] ?? [], decoder?.keys[0] ?? []].flat()),
  ),
)
