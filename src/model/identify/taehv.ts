import type { TensorTable } from '../../tensor/values/table.ts'
import type { TaesdFacts } from './taesd.ts'

const PREFIXES = ['', 'first_stage_model.', 'vae.'] as const

/**
 * What only a tiny autoencoder of videos has: layers that put frames together (encoder) and take them apart (decoder), in
 * a sequence of so many layers. Source: madebyollin/taehv, `taehv.py`.
 */
const HALVES = {
  encoder: { keys: ['encoder.2.conv.weight', 'encoder.0.weight'], latent: 'encoder.17.weight', axis: 0 },
  decoder: { keys: ['decoder.7.conv.weight', 'decoder.22.weight'], latent: 'decoder.1.weight', axis: 1 },
} as const

/** Describes a tiny autoencoder of videos, or one half of it; undefined if the table is none. */
export function identifyTaehv(table: TensorTable): TaesdFacts | undefined {
  for (const prefix of PREFIXES) {
    const shapeOf = (name: string) => table.tensors.get(prefix + name)?.shape
    const has = (half: 'encoder' | 'decoder') => HALVES[half].keys.every((key) => shapeOf(key) !== undefined)
    const halves = { encoder: has('encoder'), decoder: has('decoder') }
    if (!halves.encoder && !halves.decoder) continue
    const { latent, axis } = halves.decoder ? HALVES.decoder : HALVES.encoder
    const latentChannels = shapeOf(latent)?.[axis]
    const own = [...table.tensors.keys()].filter((name) => RE_OWN.test(name.slice(prefix.length)))
    return {
      prefix,
      ...halves,
      tensors: own.length,
      ...(latentChannels === undefined ? {} : { latentChannels }),
    }
  }
  return undefined
}

const RE_OWN = /^(?:encoder|decoder)\.\d+\./
