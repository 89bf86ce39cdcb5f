import { conv, type Keys, norm } from './layers.ts'
import type { Topology } from './match.ts'

/** Everything that decides the keys and shapes of a KL autoencoder in ldm layout. */
export interface VaeConfig {
  /** Width of each level, from the picture down to the latent. */
  readonly widths: readonly number[]
  /** Res blocks of a level of the encoder; the decoder has one more. */
  readonly resBlocks: number
  readonly latentChannels: number
  /** SD3 and Flux have none. */
  readonly quantConv: boolean
}

/** The VAE of SD 1.x, 2.x and SDXL. */
export const VAE_KL_F8: VaeConfig = {
  widths: [128, 256, 512, 512],
  resBlocks: 2,
  latentChannels: 4,
  quantConv: true,
}

/** The VAE of SD3 and Flux. */
export const VAE_16: VaeConfig = { ...VAE_KL_F8, latentChannels: 16, quantConv: false }

/** The VAE of the x4 upscaler: one level less, so a latent pixel is 4x4 pixels. */
export const VAE_KL_F4: VaeConfig = { ...VAE_KL_F8, widths: [128, 256, 512] }

/** Keys and shapes of a KL autoencoder, without prefix. Source: ldm/modules/diffusionmodules/model.py. */
export function vaeTopology(config: VaeConfig): Topology {
  const keys: Keys = new Map()
  encoder(keys, config)
  decoder(keys, config)
  if (config.quantConv) {
    const z = config.latentChannels
    conv(keys, 'quant_conv', 2 * z, 2 * z, 1)
    conv(keys, 'post_quant_conv', z, z, 1)
  }
  return keys
}

function encoder(keys: Keys, { widths, resBlocks, latentChannels }: VaeConfig): void {
  let width = widths[0]!
  conv(keys, 'encoder.conv_in', width, 3, 3)
  for (const [level, next] of widths.entries()) {
    for (let j = 0; j < resBlocks; j++) {
      resBlock(keys, `encoder.down.${level}.block.${j}`, width, next)
      width = next
    }
    if (level < widths.length - 1) conv(keys, `encoder.down.${level}.downsample.conv`, width, width, 3)
  }
  middle(keys, 'encoder.mid', width)
  norm(keys, 'encoder.norm_out', width)
  conv(keys, 'encoder.conv_out', 2 * latentChannels, width, 3) // mean and log variance
}

function decoder(keys: Keys, { widths, resBlocks, latentChannels }: VaeConfig): void {
  let width = widths.at(-1)!
  conv(keys, 'decoder.conv_in', width, latentChannels, 3)
  middle(keys, 'decoder.mid', width)
  for (let level = widths.length - 1; level >= 0; level--) {
    for (let j = 0; j <= resBlocks; j++) {
      resBlock(keys, `decoder.up.${level}.block.${j}`, width, widths[level]!)
      width = widths[level]!
    }
    if (level > 0) conv(keys, `decoder.up.${level}.upsample.conv`, width, width, 3)
  }
  norm(keys, 'decoder.norm_out', width)
  conv(keys, 'decoder.conv_out', 3, width, 3)
}

function middle(keys: Keys, name: string, width: number): void {
  resBlock(keys, `${name}.block_1`, width, width)
  norm(keys, `${name}.attn_1.norm`, width)
  for (const part of ['q', 'k', 'v', 'proj_out']) conv(keys, `${name}.attn_1.${part}`, width, width, 1)
  resBlock(keys, `${name}.block_2`, width, width)
}

function resBlock(keys: Keys, name: string, input: number, out: number): void {
  norm(keys, `${name}.norm1`, input)
  conv(keys, `${name}.conv1`, out, input, 3)
  norm(keys, `${name}.norm2`, out)
  conv(keys, `${name}.conv2`, out, out, 3)
  if (input !== out) conv(keys, `${name}.nin_shortcut`, out, input, 1)
}
