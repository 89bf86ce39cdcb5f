/**
 * KL autoencoder, under its ldm names.
 * Source: ldm/modules/diffusionmodules/model.py of CompVis/latent-diffusion.
 */
import type { VaeConfig } from '../../model/networks/topology/vae.ts'
import type { Operand } from '../onnx/builder.ts'
import { attention } from './attention.ts'
import { add, conv, groupNorm, linear, reshape, silu, transpose, upsample } from './layers.ts'
import { input, type Net, output } from './net.ts'

const EPSILON = 1e-6

/** Input `z` [1, C, h, w], scaled back; output `out` [1, 3, H, W] in [-1, 1]. */
export function vaeDecoderGraph(net: Net, config: VaeConfig, height: number, width: number): void {
  const { widths, resBlocks, latentChannels } = config
  const z = input(net, 'z', [1, latentChannels, height, width])
  let h = net.weights.has('post_quant_conv.weight') ? conv(net, z, 'post_quant_conv') : z
  h = middle(net, conv(net, h, 'decoder.conv_in'), 'decoder.mid')
  // level 0 is the picture: it comes last
  for (let level = widths.length - 1; level >= 0; level--) {
    for (let j = 0; j <= resBlocks; j++) h = resBlock(net, h, `decoder.up.${level}.block.${j}`)
    if (level > 0) h = conv(net, upsample(net, h), `decoder.up.${level}.upsample.conv`)
  }
  output(net, 'out', conv(net, norm(net, h, 'decoder.norm_out'), 'decoder.conv_out'))
}

/** Below and right only. Top, left, bottom, right. */
const DOWN_PADS = [0, 0, 1, 1] as const

/** Input `picture` [1, 3, H, W] in [-1, 1]; output `out` [1, 2C, h, w]: means, then logarithms of variances. */
export function vaeEncoderGraph(net: Net, config: VaeConfig, height: number, width: number): void {
  const { widths, resBlocks } = config
  let h = conv(net, input(net, 'picture', [1, 3, height, width]), 'encoder.conv_in')
  for (let level = 0; level < widths.length; level++) {
    for (let j = 0; j < resBlocks; j++) h = resBlock(net, h, `encoder.down.${level}.block.${j}`)
    if (level < widths.length - 1)
      h = conv(net, h, `encoder.down.${level}.downsample.conv`, { stride: 2, pads: DOWN_PADS })
  }
  h = middle(net, h, 'encoder.mid')
  h = conv(net, norm(net, h, 'encoder.norm_out'), 'encoder.conv_out')
  output(net, 'out', net.weights.has('quant_conv.weight') ? conv(net, h, 'quant_conv') : h)
}

function middle(net: Net, x: Operand, name: string): Operand {
  const first = resBlock(net, x, `${name}.block_1`)
  return resBlock(net, selfAttention(net, first, `${name}.attn_1`), `${name}.block_2`)
}

/** Norm and activation. */
function norm(net: Net, x: Operand, name: string): Operand {
  return silu(net, groupNorm(net, x, name, EPSILON))
}

function resBlock(net: Net, x: Operand, name: string): Operand {
  const first = conv(net, norm(net, x, `${name}.norm1`), `${name}.conv1`)
  const second = conv(net, norm(net, first, `${name}.norm2`), `${name}.conv2`)
  const shortcut = `${name}.nin_shortcut`
  return add(net, net.weights.has(`${shortcut}.weight`) ? conv(net, x, shortcut) : x, second)
}

/** Every pixel looks at every other, with one head. [1, C, h, w] */
function selfAttention(net: Net, x: Operand, name: string): Operand {
  const [, channels, height, width] = x.shape as [number, number, number, number]
  const normed = transpose(net, groupNorm(net, x, `${name}.norm`, EPSILON), [0, 2, 3, 1])
  const pixels = reshape(net, normed, [height * width, channels])
  const [q, k, v] = ['q', 'k', 'v'].map((part) => linear(net, pixels, `${name}.${part}`))
  const attended = attention(net, q!, k!, v!, { batch: 1, heads: 1 })
  const planes = reshape(net, linear(net, attended, `${name}.proj_out`), [1, height, width, channels])
  return add(net, x, transpose(net, planes, [0, 3, 1, 2]))
}
