import { vaeNameInDiffusers } from '../networks/topology/diffusers.ts'
import { vaeTopology } from '../networks/topology/vae.ts'

/** Key names of a KL autoencoder in both layouts, without prefix. */
export interface VaeNames {
  /** ldm -> diffusers, one to one. */
  readonly toDiffusers: ReadonlyMap<string, string>
  /** diffusers -> ldm, with the names that diffusers gave the attention before 0.17, too. */
  readonly toLdm: ReadonlyMap<string, string>
}

const known = new Map<number, VaeNames>()

/**
 * Names of a VAE of `levels` levels (4 for the usual one), whatever its widths. The weights of the attention
 * (`attn_1.q`, `k`, `v`, `proj_out`) are 1x1 convolutions (C, C, 1, 1) in ldm and linear layers (C, C) in diffusers.
 */
export function vaeNames(levels: number): VaeNames {
  const names = known.get(levels) ?? buildNames(levels)
  known.set(levels, names)
  return names
}

function buildNames(levels: number): VaeNames {
  // A width that grows at each level gives every shortcut that any VAE of so many levels can have
  const widths = Array.from({ length: levels }, (_, level) => 2 ** level)
  const topology = vaeTopology({ widths, resBlocks: 2, latentChannels: 4, quantConv: true })
  const toDiffusers = new Map<string, string>()
  const toLdm = new Map<string, string>()
  for (const ldm of topology.keys()) {
    const name = vaeNameInDiffusers(ldm, levels)
    toDiffusers.set(ldm, name)
    toLdm.set(name, ldm)
    toLdm.set(vaeNameInDiffusers(ldm, levels, true), ldm)
  }
  return { toDiffusers, toLdm }
}
