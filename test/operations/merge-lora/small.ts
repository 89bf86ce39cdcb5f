/** Bases and adapters of a few numbers, for tests that follow every one of them. */
import { describeAdapter } from '../../../src/model/adapters/describe.ts'
import { identify } from '../../../src/model/identify/identify.ts'
import { FLUX_NETWORK } from '../../../src/model/networks/architectures/flux.ts'
import { templateTopology } from '../../../src/model/networks/template/template.ts'
import type { Topology } from '../../../src/model/networks/topology/match.ts'
import { clip, clipTopology, openClipTopology } from '../../../src/model/networks/topology/text.ts'
import { type MergeLoraPlan, planMergeLora } from '../../../src/operations/merge-lora/plan.ts'
import type {
  LoraInput,
  LoraRatio,
  MergeLoraPlanOptions,
} from '../../../src/operations/merge-lora/plan-options.ts'
import { elementsOf } from '../../../src/tensor/numeric/float.ts'
import { elementCount } from '../../../src/tensor/values/dtype.ts'
import { evaluateInto, newEvaluation, readValues, tensorBytes } from '../../../src/tensor/values/expr.ts'
import type { Tensor, TensorTable } from '../../../src/tensor/values/table.ts'
import { floatTensor, tableOf } from '../../tables.ts'

/** A number for each element that no other has, exact in binary32. */
function counting(count: number, start: number): number[] {
  return Array.from({ length: count }, (_, i) => start + i / 64)
}

/** A table of F32 tensors with all different values. */
export function filled(prefix: string, topology: Topology): TensorTable {
  return tableOf(
    [...topology].map(([name, shape], i) => {
      return floatTensor(prefix + name, [...shape], counting(elementCount(shape), i))
    }),
  )
}

/** The text encoder of SD 1.x with one layer of width 4. */
export const CLIP = filled('cond_stage_model.transformer.', clipTopology({ ...clip(4, 1), vocabulary: 3 }))
export const CLIP_LAYER = 'cond_stage_model.transformer.text_model.encoder.layers.0.'

/** The second text encoder of SDXL, with q, k and v in one weight. */
export const OPEN_CLIP = filled(
  'conditioner.embedders.1.model.',
  openClipTopology({ ...clip(4, 1, true), vocabulary: 3 }),
)
export const OPEN_CLIP_BLOCK = 'conditioner.embedders.1.model.transformer.resblocks.0.'

export const FLUX = filled(
  '',
  templateTopology(FLUX_NETWORK.template, {
    hidden: 4,
    head: 2,
    double: 1,
    single: 1,
    in: 3,
    out: 3,
    context: 5,
    vector: 2,
    guidance: 0,
  }),
)

const read = (tensor: Tensor) => readValues(tensor, async () => {})

/** A LoRA of rank 1 on each module: `up` is a column, `down` a row. */
export function rankOne(
  modules: Readonly<Record<string, readonly [up: readonly number[], down: readonly number[]]>>,
): Tensor[] {
  return Object.entries(modules).flatMap(([name, [up, down]]) => [
    floatTensor(`${name}.lora_up.weight`, [up.length, 1], [...up]),
    floatTensor(`${name}.lora_down.weight`, [1, down.length], [...down]),
  ])
}

/** An adapter with these tensors. */
export function adapter(
  tensors: readonly Tensor[],
  ratio: number | LoraRatio = 1,
  metadata: Record<string, string> = {},
): LoraInput {
  const table = tableOf([...tensors], metadata)
  const described = describeAdapter(table)
  if (described === undefined) throw new Error('these tensors are no adapter')
  const both = typeof ratio === 'number' ? { unet: ratio, text: ratio } : ratio
  return { name: 'lora.safetensors', table, adapter: described, ratio: both, read }
}

export async function planOf(
  file: TensorTable,
  loras: readonly LoraInput[],
  options: MergeLoraPlanOptions = {},
): Promise<MergeLoraPlan> {
  const identity = await identify(file, read)
  return planMergeLora({ name: 'base.safetensors', file, identity }, loras, options)
}

/** Values of an F32 tensor of a plan or a base. */
export async function valuesOf(table: TensorTable, name: string): Promise<number[]> {
  const tensor = table.tensors.get(name)!
  const out = new Uint8Array(tensorBytes(tensor))
  await evaluateInto(
    tensor,
    0,
    elementCount(tensor.shape),
    out,
    newEvaluation(async () => {}),
  )
  return [...elementsOf(Float32Array, out)]
}

/** up @ down, row-major. */
export function outer(up: readonly number[], down: readonly number[]): number[] {
  return up.flatMap((u) => down.map((d) => u * d))
}

export function plus(a: readonly number[], b: readonly number[], factor = 1): number[] {
  return a.map((value, i) => value + factor * b[i]!)
}
