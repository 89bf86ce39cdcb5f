/**
 * TAESD, the tiny autoencoder: sequences of convolutions whose parameters say all but where the size changes.
 * Source: taesd.py of madebyollin/taesd.
 */
import type { Operand } from '../onnx/builder.ts'
import { add, conv, multiply, upsample } from './layers.ts'
import { input, type Net, numbers, output } from './net.ts'

/** Values beyond +-3 are rare and far off: they are pressed into that range. */
const CLAMP = 3

/** No published one has 30. */
const MAX_LAYERS = 64

/** Input `z` [1, C, h, w] as the denoiser knows it; output `out` [1, 3, H, W] in [0, 1]. */
export function taesdDecoderGraph(net: Net, channels: number, height: number, width: number): void {
  const z = input(net, 'z', [1, channels, height, width])
  const small = unary(net, 'Tanh', multiply(net, z, numbers(net, [1 / CLAMP], [1])))
  const clamped = multiply(net, small, numbers(net, [CLAMP], [1]))
  output(
    net,
    'out',
    sequence(net, clamped, (x, name) => conv(net, upsample(net, x), name)),
  )
}

/** Input `picture` [1, 3, H, W] in [0, 1]; output `out` [1, C, h, w] as the denoiser knows it. */
export function taesdEncoderGraph(net: Net, height: number, width: number): void {
  const picture = input(net, 'picture', [1, 3, height, width])
  output(
    net,
    'out',
    sequence(net, picture, (x, name) => conv(net, x, name, { stride: 2 })),
  )
}

/** The layers in order; `resize` is done at convolutions without bias, which stand only where the size changes. */
function sequence(net: Net, x: Operand, resize: (x: Operand, name: string) => Operand): Operand {
  const indices = Array.from({ length: MAX_LAYERS }, (_, index) => `${index}`)
  const first = indices.find((index) => net.weights.has(`${index}.weight`))
  return indices.reduce((h, index) => {
    if (net.weights.has(`${index}.conv.0.weight`)) return block(net, h, index)
    if (!net.weights.has(`${index}.weight`)) return h
    if (!net.weights.has(`${index}.bias`)) return resize(h, index)
    const made = conv(net, h, index)
    // an activation without parameters stands behind the first convolution of the decoder
    return index === first && !net.weights.has(`${Number(index) + 1}.conv.0.weight`) ? relu(net, made) : made
  }, x)
}

function block(net: Net, x: Operand, name: string): Operand {
  const first = relu(net, conv(net, x, `${name}.conv.0`))
  const second = relu(net, conv(net, first, `${name}.conv.2`))
  const third = conv(net, second, `${name}.conv.4`)
  const skip = `${name}.skip`
  return relu(net, add(net, third, net.weights.has(`${skip}.weight`) ? conv(net, x, skip) : x))
}

function relu(net: Net, x: Operand): Operand {
  return unary(net, 'Relu', x)
}

function unary({ graph }: Net, op: string, x: Operand): Operand {
  return graph.node(op, [x], x.shape)
}
