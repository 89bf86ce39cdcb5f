/** Models with the topology of published ones and only a few numbers in each layer. */

import { FLUX_NETWORK } from '../src/model/networks/architectures/flux.ts'
import { SD1_UNET } from '../src/model/networks/architectures/sd1.ts'
import { SD2_UNET } from '../src/model/networks/architectures/sd2.ts'
import { sd3Medium } from '../src/model/networks/architectures/sd3.ts'
import { SDXL_UNET } from '../src/model/networks/architectures/sdxl.ts'
import { refiner } from '../src/model/networks/architectures/sdxl-refiner.ts'
import { templateTopology } from '../src/model/networks/template/template.ts'
import { clip, clipTopology, openClipTopology } from '../src/model/networks/topology/text.ts'
import { type UnetConfig, unetTopology } from '../src/model/networks/topology/unet.ts'
import { VAE_KL_F8, vaeTopology } from '../src/model/networks/topology/vae.ts'
import { elementCount } from '../src/tensor/values/dtype.ts'
import type { Tensor, TensorTable } from '../src/tensor/values/table.ts'
import { bytesTensor, floatTensor, tableOf } from './tables.ts'

type Topology = ReadonlyMap<string, readonly number[]>

/** Gives the tensors of a topology their values. */
export type Fill = (topology: Topology, prefix: string) => Tensor[]

/** Half-precision tensors, every one with other bytes. */
export const halves: Fill = (topology, prefix) =>
  [...topology].map(([name, shape], at) => {
    const data = new Uint8Array(2 * elementCount(shape)).map((_, i) => (i * 31 + at * 7) & 0x3f)
    return bytesTensor(prefix + name, 'F16', [...shape], data)
  })

/** Single-precision tensors of small numbers. */
export const waves: Fill = (topology, prefix) =>
  [...topology].map(([name, shape], at) => {
    const values = Array.from({ length: elementCount(shape) }, (_, i) => Math.sin(i * 0.37 + at) / 4)
    return floatTensor(prefix + name, [...shape], values)
  })

const VAE = vaeTopology({ ...VAE_KL_F8, widths: [32, 32, 32, 32] })

/** SDXL; its encoders have two layers. */
export function narrowXl(fill: Fill, changes: Partial<UnetConfig> = {}): TensorTable {
  const unet: UnetConfig = {
    ...SDXL_UNET,
    channels: 32,
    widths: [32, 32, 64],
    context: 40,
    adm: 96,
    depthMid: 2,
    depthIn: [0, 0, 1, 1, 2, 2],
    depthOut: [2, 2, 2, 1, 1, 1, 0, 0, 0],
    ...changes,
  }
  return tableOf([
    ...fill(unetTopology(unet), 'model.diffusion_model.'),
    ...fill(VAE, 'first_stage_model.'),
    ...fill(clipTopology({ ...clip(16, 2), vocabulary: 50 }), 'conditioner.embedders.0.transformer.'),
    ...fill(openClipTopology({ ...clip(24, 2, true), vocabulary: 50 }), 'conditioner.embedders.1.model.'),
  ])
}

/** The refiner of SDXL: four levels, the second text encoder alone. */
export function narrowRefiner(fill: Fill): TensorTable {
  if (refiner.network.kind !== 'unet') throw new Error('the refiner is a UNet')
  const unet = { ...refiner.network.config, channels: 32, widths: [32, 32, 64, 64], context: 24, adm: 96 }
  return tableOf([
    ...fill(unetTopology(unet), 'model.diffusion_model.'),
    ...fill(VAE, 'first_stage_model.'),
    ...fill(openClipTopology({ ...clip(24, 2, true), vocabulary: 50 }), 'conditioner.embedders.0.model.'),
  ])
}

/** SD 2.x; only the encoder has the width of the published one, which gives it away. */
export function narrowSd2(fill: Fill, changes: Partial<UnetConfig> = {}): TensorTable {
  const unet: UnetConfig = { ...SD2_UNET, channels: 32, widths: [32, 32, 32, 32], ...changes }
  const text = { ...clip(1024, 3, true), hidden: 32, vocabulary: 8, positions: 4 }
  return tableOf([
    ...fill(unetTopology(unet), 'model.diffusion_model.'),
    ...fill(VAE, 'first_stage_model.'),
    ...fill(openClipTopology(text), 'cond_stage_model.model.'),
  ])
}

export function narrowSd1(fill: Fill, changes: Partial<UnetConfig> = {}): TensorTable {
  const unet: UnetConfig = { ...SD1_UNET, channels: 32, widths: [32, 32, 32, 32], context: 16, ...changes }
  return tableOf([
    ...fill(unetTopology(unet), 'model.diffusion_model.'),
    ...fill(VAE, 'first_stage_model.'),
    ...fill(clipTopology({ ...clip(16, 2), vocabulary: 50 }), 'cond_stage_model.transformer.'),
  ])
}

export function narrowFlux(fill: Fill): TensorTable {
  const dims = {
    hidden: 8,
    head: 4,
    double: 1,
    single: 1,
    in: 64,
    out: 64,
    context: 6,
    vector: 4,
    guidance: 1,
  }
  return tableOf(fill(templateTopology(FLUX_NETWORK.template, dims), ''))
}

/** SD 3: its width is 64 x depth. */
export function narrowSd3(fill: Fill): TensorTable {
  if (sd3Medium.network.kind !== 'dit') throw new Error('SD 3 is a transformer')
  const dims = { joint: 2, hidden: 128, head: 64, in: 16, positions: 16, context: 8, vector: 8, dual: 0 }
  return tableOf(fill(templateTopology(sd3Medium.network.template, dims), 'model.diffusion_model.'))
}
