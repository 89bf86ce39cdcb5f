import { readFileSync } from 'node:fs'
import type { ValueReader } from '../../src/model/identify/identify.ts'
import type { ComponentTemplate } from '../../src/model/networks/architectures/architecture.ts'
import { SD1_UNET } from '../../src/model/networks/architectures/sd1.ts'
import { SDXL_UNET } from '../../src/model/networks/architectures/sdxl.ts'
import type { Shape, Topology } from '../../src/model/networks/topology/match.ts'
import { clip, clipTopology, openClipTopology } from '../../src/model/networks/topology/text.ts'
import { unetTopology } from '../../src/model/networks/topology/unet.ts'
import { VAE_KL_F8, vaeTopology } from '../../src/model/networks/topology/vae.ts'
import { markedTensors } from '../../src/tensor/quantised/recognise.ts'
import { byteLength, type DType, elementCount } from '../../src/tensor/values/dtype.ts'
import type { Tensor, TensorTable } from '../../src/tensor/values/table.ts'
import { realFile } from '../real-files.ts'

export interface TableOptions {
  readonly dtype?: DType
  /** Types of single keys that are not `dtype`. */
  readonly dtypes?: Readonly<Record<string, DType>>
  readonly metadata?: Readonly<Record<string, string>>
}

/** A table of stored tensors with these names and shapes, back to back in a file that does not exist. */
export function tableOf(
  shapes: Iterable<readonly [string, Shape]>,
  { dtype = 'F32', dtypes = {}, metadata = {} }: TableOptions = {},
): TensorTable {
  const tensors = new Map<string, Tensor>()
  let offset = 0
  for (const [name, shape] of shapes) {
    const type = dtypes[name] ?? dtype
    const nbytes = byteLength(type, shape)!
    const file = { path: 'model.safetensors', size: Number.MAX_SAFE_INTEGER }
    tensors.set(name, { name, dtype: type, shape, source: { kind: 'stored', file, offset, nbytes } })
    offset += nbytes
  }
  return { tensors: markedTensors({ tensors, metadata }), metadata }
}

/** Keys of a component as they are in a checkpoint. */
export function prefixed(prefix: string, topology: Topology): [string, Shape][] {
  return [...topology].map(([name, shape]) => [prefix + name, shape])
}

export function componentKeys({ prefix, topology }: ComponentTemplate): [string, Shape][] {
  return prefixed(prefix, topology())
}

/** A reader that knows the values of some tensors and fails for every other. */
export function valuesOf(known: Readonly<Record<string, readonly number[]>> = {}): ValueReader {
  return async (tensor) => {
    const values = known[tensor.name]
    if (values === undefined) throw new Error(`read of ${tensor.name}, which no evidence needs`)
    return Float64Array.from(values)
  }
}

export function parameters(topology: Topology): number {
  return [...topology.values()].reduce((sum, shape) => sum + elementCount(shape), 0)
}

/** Names and shapes of a real model, from the key lists of InvokeAI's tests. */
export function realKeys(name: string): [string, Shape][] {
  const path = realFile(`keys/invoke-ai__InvokeAI__tests__test_model_probe__${name}.json`)!
  const keys = JSON.parse(readFileSync(path, 'utf8')) as Record<string, { shape: number[] }>
  return Object.entries(keys).map(([key, { shape }]) => [key, shape])
}

/** Key maps ldm -> diffusers of ostris/ai-toolkit. */
export interface KeyMap {
  readonly ldm_diffusers_keymap: Readonly<Record<string, string>>
  readonly ldm_diffusers_operator_map?: Readonly<Record<string, unknown>>
}

export function realKeyMap(name: string): KeyMap {
  const path = realFile(`keys/ostris__ai-toolkit__toolkit__keymaps__stable_diffusion_${name}.json`)!
  return JSON.parse(readFileSync(path, 'utf8')) as KeyMap
}

/** An SD 1.x checkpoint with the topology of the real one and few channels: 686 + 36 + 248 tensors. */
export function narrowSd1(channels = 32, factors = [1, 2, 4, 4]): [string, Shape][] {
  const widths = factors.map((factor) => factor * channels)
  return [
    ...prefixed('model.diffusion_model.', unetTopology({ ...SD1_UNET, channels, widths, context: 48 })),
    ...prefixed('cond_stage_model.transformer.', clipTopology({ ...clip(48, 2), vocabulary: 1000 })),
    ...prefixed('first_stage_model.', vaeTopology({ ...VAE_KL_F8, widths: [32, 64, 128, 128] })),
  ]
}

/** An SDXL checkpoint of few channels; the text encoders are one and two layers deep. */
export function narrowSdxl(): [string, Shape][] {
  const unet = { ...SDXL_UNET, channels: 32, widths: [32, 64, 128], context: 80, adm: 96 }
  return [
    ...prefixed('model.diffusion_model.', unetTopology(unet)),
    ...prefixed('conditioner.embedders.0.transformer.', clipTopology({ ...clip(32, 1), vocabulary: 1000 })),
    ...prefixed(
      'conditioner.embedders.1.model.',
      openClipTopology({ ...clip(48, 2, true), vocabulary: 1000 }),
    ),
    ...prefixed('first_stage_model.', vaeTopology({ ...VAE_KL_F8, widths: [32, 64, 128, 128] })),
  ]
}
