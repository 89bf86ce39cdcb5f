/** A command line for every command that makes a model, on inputs small enough to go through all of them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { VAE_KL_F8, vaeTopology } from '../../src/model/networks/topology/vae.ts'
import { OPERATIONS } from '../../src/operations/registry.ts'
import { elementCount } from '../../src/tensor/values/dtype.ts'
import type { Tensor, TensorTable } from '../../src/tensor/values/table.ts'
import { writeModel } from '../model-files.ts'
import { narrowSd1, waves } from '../narrow-models.ts'
import { floatTensor, tableOf } from '../tables.ts'

/** Where the inputs are: `base`, `other` (of the same kind), `vae`, `lora`, `lora2`, all .safetensors. */
export type PathOf = (name: keyof typeof INPUTS) => string

const VAE = vaeTopology({ ...VAE_KL_F8, widths: [32, 32, 32, 32] })
const LAYER = 'input_blocks_1_1_transformer_blocks_0_attn1_to_'

/** Other values, of the same size. */
function shifted(table: TensorTable): TensorTable {
  const tensors = [...table.tensors.values()].map(({ name, shape }, at) =>
    floatTensor(name, [...shape], valuesOf(elementCount(shape), at + 5)),
  )
  return tableOf(tensors, table.metadata)
}

function valuesOf(count: number, at: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.cos(i * 0.29 + at) / 4)
}

function lora(at: number): TensorTable {
  const module = (name: string, i: number): Tensor[] => [
    floatTensor(`lora_unet_${LAYER}${name}.lora_down.weight`, [2, 32], valuesOf(64, at + i)),
    floatTensor(`lora_unet_${LAYER}${name}.lora_up.weight`, [32, 2], valuesOf(64, at + i + 1)),
    floatTensor(`lora_unet_${LAYER}${name}.alpha`, [], [2]),
  ]
  return tableOf([...module('q', 0), ...module('k', 2)])
}

const INPUTS = {
  base: () => bundled(narrowSd1(waves)),
  other: () => shifted(bundled(narrowSd1(waves))),
  vae: () => shifted(tableOf(waves(VAE, ''))),
  lora: () => lora(1),
  lora2: () => lora(2),
}

/** With an embedding inside. */
function bundled({ tensors }: TensorTable): TensorTable {
  const name = 'bundle_emb.neg.string_to_param.*'
  return tableOf([...tensors.values(), floatTensor(name, [1, 768], valuesOf(768, 3))])
}

export interface ModelMaker {
  readonly args: (path: PathOf, out: string) => readonly string[]
  /** Which input's values come into a model they were not in, or are computed with. */
  readonly brings?: keyof typeof INPUTS
  /** The output holds the network that denoises, or a change of it. */
  readonly hasNetwork: boolean
}

/** By the names of the registry; of some, each of their ways. */
export const MODEL_MAKERS: Readonly<Record<string, readonly ModelMaker[]>> = {
  convert: [
    { args: (path, out) => ['convert', path('base'), '--dtype', 'fp16', '-o', out], hasNetwork: true },
    {
      args: (path, out) => ['convert', path('base'), '--to', 'diffusers', '--part', 'unet', '-o', out],
      hasNetwork: true,
    },
  ],
  prune: [
    { args: (path, out) => ['prune', path('base'), '--drop', 'embedding', '-o', out], hasNetwork: true },
  ],
  'merge-lora': [
    {
      args: (path, out) => ['merge-lora', path('base'), path('lora'), '-o', out],
      brings: 'lora',
      hasNetwork: true,
    },
  ],
  merge: [
    {
      args: (path, out) => ['merge', path('base'), path('other'), '--alpha', '0.3', '-o', out],
      brings: 'other',
      hasNetwork: true,
    },
    {
      args: (path, out) => ['merge', path('base'), path('other'), '--vae', path('vae'), '-o', out],
      brings: 'vae',
      hasNetwork: true,
    },
  ],
  'bake-vae': [
    {
      args: (path, out) => ['bake-vae', path('base'), path('vae'), '-o', out],
      brings: 'vae',
      hasNetwork: true,
    },
  ],
  join: [
    {
      args: (path, out) => ['join', path('base'), '--vae', path('vae'), '-o', out],
      brings: 'vae',
      hasNetwork: true,
    },
  ],
  extract: [
    { args: (path, out) => ['extract', 'unet', path('base'), '-o', out], hasNetwork: true },
    { args: (path, out) => ['extract', 'vae', path('base'), '-o', out], hasNetwork: false },
  ],
  'extract lora': [
    {
      args: (path, out) => ['extract', 'lora', path('base'), path('other'), '--rank', '2', '-o', out],
      brings: 'other',
      hasNetwork: true,
    },
  ],
  'extract embeddings': [
    { args: (path, out) => ['extract', 'embeddings', path('base'), '-o', out], hasNetwork: false },
  ],
  'lora merge': [
    {
      args: (path, out) => ['lora', 'merge', path('lora'), path('lora2'), '-o', out],
      brings: 'lora2',
      hasNetwork: false,
    },
  ],
  'lora convert': [
    {
      args: (path, out) => ['lora', 'convert', path('lora'), '--to', 'diffusers', '-o', out],
      hasNetwork: false,
    },
  ],
  'lora resize': [
    {
      args: (path, out) => ['lora', 'resize', path('lora'), '--rank', '1', '-o', out],
      brings: 'lora',
      hasNetwork: false,
    },
  ],
}

/** Operations are what makes models. */
export function modelMakers(): readonly string[] {
  return OPERATIONS.map(({ verb }) => verb)
}

/** All ways, each with a name for a test. */
export const ALL_MAKERS: readonly (readonly [title: string, maker: ModelMaker])[] = Object.values(
  MODEL_MAKERS,
)
  .flat()
  .map((maker) => [
    maker
      .args((name) => name, 'OUT')
      .slice(0, -2)
      .join(' '),
    maker,
  ])

export type Change = (name: keyof typeof INPUTS, table: TensorTable) => TensorTable

/** Writes all inputs into a folder. */
export async function writeInputs(folder: string, change: Change = (_, table) => table): Promise<PathOf> {
  const path: PathOf = (name) => join(folder, `${name}.safetensors`)
  for (const [name, make] of Object.entries(INPUTS) as [keyof typeof INPUTS, () => TensorTable][])
    await writeModel(path(name), change(name, make()))
  return path
}

/** A configuration of A1111 that says nothing but that. */
export function writeYaml(path: string, parameterization: string): void {
  const text = `model:\n  params:\n    parameterization: "${parameterization}"\n`
  writeFileSync(path.replace('.safetensors', '.yaml'), text)
}
