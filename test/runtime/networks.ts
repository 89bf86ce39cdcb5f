/** Narrow models of every topology with seeded weights, and what diffusers and others made of them. */
import { join } from 'node:path'
import { seededTensors, uniform } from '../../fixtures/seeded-weights.ts'
import { identify } from '../../src/model/identify/identify.ts'
import type { Model } from '../../src/model/model.ts'
import { SD1_UNET } from '../../src/model/networks/architectures/sd1.ts'
import { SD2_UNET } from '../../src/model/networks/architectures/sd2.ts'
import { SDXL_UNET, ssd1b } from '../../src/model/networks/architectures/sdxl.ts'
import type { Topology } from '../../src/model/networks/topology/match.ts'
import { type ClipConfig, clipTopology, openClipTopology } from '../../src/model/networks/topology/text.ts'
import { type UnetConfig, unetTopology } from '../../src/model/networks/topology/unet.ts'
import { type VaeConfig, vaeTopology } from '../../src/model/networks/topology/vae.ts'
import { CPU } from '../../src/runtime/devices/devices.ts'
import type { EngineOptions } from '../../src/runtime/engine/engine.ts'
import { elementCount } from '../../src/tensor/values/dtype.ts'
import { readValues } from '../../src/tensor/values/expr.ts'
import type { Tensor, TensorTable } from '../../src/tensor/values/table.ts'
import { type Contents, contentsOf, floatsOf } from '../model-files.ts'
import { tableOf } from '../tables.ts'

/** Sessions are loaded in these tests: seconds each, and more where several run at a time. */
export const SLOW = { timeout: 240_000 }

export const ON_CPU: EngineOptions = { device: CPU, threads: 0 }

const ssd1bUnet = ssd1b.network.kind === 'unet' ? ssd1b.network.config : undefined

/** As in fixtures/goldens/networks.py. */
export const SD1 = { ...SD1_UNET, channels: 32, widths: [32, 64, 64, 64], context: 128 }
export const SD2 = { ...SD2_UNET, channels: 64, widths: [64, 128, 128, 64], context: 128 }
const XL = { channels: 64, widths: [64, 128, 64], context: 192, adm: 128 + 6 * 256 }
export const SDXL = { ...SDXL_UNET, ...XL }
export const SSD1B: UnetConfig = { ...ssd1bUnet!, ...XL }
export const VAE: VaeConfig = { widths: [32, 64, 64, 32], resBlocks: 2, latentChannels: 4, quantConv: true }

export function clip(width: number, projection = false): ClipConfig {
  return { width, layers: 3, hidden: 4 * width, vocabulary: 49408, positions: 77, projection }
}

export const SD1_TEXT = ['cond_stage_model.transformer.', clipTopology(clip(128))] as const
export const SD2_TEXT = ['cond_stage_model.model.', openClipTopology(clip(128, true))] as const
export const SDXL_TEXT_L = ['conditioner.embedders.0.transformer.', clipTopology(clip(64))] as const
export const SDXL_TEXT_G = ['conditioner.embedders.1.model.', openClipTopology(clip(128, true))] as const
export const VAE_PART = ['first_stage_model.', vaeTopology(VAE)] as const

export function unetPart(config: UnetConfig): readonly [string, Topology] {
  return ['model.diffusion_model.', unetTopology(config)]
}

/** A model of these parts, its weights in memory. */
export function seededModel(...parts: (readonly [prefix: string, topology: Topology])[]): Promise<Model> {
  return modelOf(parts.flatMap(([prefix, topology]) => seededTensors(prefix, topology)))
}

export function modelOf(tensors: readonly Tensor[]): Promise<Model> {
  return renderModel(tableOf([...tensors]))
}

export async function renderModel(table: TensorTable): Promise<Model> {
  const identity = await identify(table, (tensor) => readValues(tensor, async () => {}))
  return { name: 'model.safetensors', file: table, identity }
}

/** An input of about unit variance. */
export function values(name: string, ...shape: number[]): Float32Array {
  const scale = Math.fround(Math.sqrt(12))
  return uniform(name, elementCount(shape)).map((value) => value * scale)
}

let opened: Promise<Contents> | undefined

export async function golden(name: string): Promise<Float32Array> {
  opened ??= contentsOf(join(import.meta.dirname, '../../fixtures/goldens/networks.safetensors'))
  return floatsOf(await opened, name)
}

/** Largest difference, as a share of the largest value. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY
  let difference = 0
  let largest = 0
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!))
    largest = Math.max(largest, Math.abs(expected[i]!))
  }
  return difference / largest
}

/** The two chunks of the goldens: a few words, and one filled to the end. */
export function chunks(padding: number): { ids: number[] }[] {
  const short = [49406, 320, 2368, 537, 550, 49407]
  return [
    { ids: [...short, ...new Array<number>(77 - short.length).fill(padding)] },
    { ids: [49406, ...Array.from({ length: 75 }, (_, i) => 1000 + i), 49407] },
  ]
}
