/** The narrow models of the goldens as programs write them. */
import { identify } from '../src/model/identify/identify.ts'
import type { Model } from '../src/model/model.ts'
import { DIT_ARCHITECTURES, provenArchitecture } from '../src/model/networks/architectures/proof.ts'
import { elementCount } from '../src/tensor/values/dtype.ts'
import { renamed } from '../src/tensor/values/expr.ts'
import type { Tensor } from '../src/tensor/values/table.ts'
import { FAMILY_GOLDENS, goldenModel } from './family-goldens.ts'

type Tensors = ReadonlyMap<string, Tensor>

/** As ComfyUI saves them: the norms of the models of this project's goldens are the only keys that end in `.scale`. */
function spelledAsWeight(tensors: Tensors): Tensors {
  return new Map(
    [...tensors.values()].map((tensor) => {
      const name = tensor.name.replace(/\.scale$/, '.weight')
      return [name, renamed(tensor, name)]
    }),
  )
}

function prefixed(tensors: Tensors): Tensors {
  return new Map(
    [...tensors.values()].map((tensor) => {
      const name = `model.diffusion_model.${tensor.name}`
      return [name, renamed(tensor, name)]
    }),
  )
}

/** By who writes them so. */
export const GOLDEN_FORMS = {
  authors: (family) => goldenModel(family, 'native').tensors,
  'ComfyUI, alone': (family) => spelledAsWeight(goldenModel(family, 'native').tensors),
  'ComfyUI, in a checkpoint': (family) => prefixed(spelledAsWeight(goldenModel(family, 'native').tensors)),
  diffusers: (family) => goldenModel(family, 'diffusers').tensors,
} as const satisfies Readonly<Record<string, (family: string) => Tensors>>

export type GoldenForm = keyof typeof GOLDEN_FORMS

/** Families with a table whose names in diffusers are known. */
export const GOLDEN_FAMILIES: readonly string[] = Object.keys(FAMILY_GOLDENS).filter((family) => {
  const { tensors } = goldenModel(family, 'native')
  const proven = provenArchitecture((name) => tensors.get(name)?.shape)
  return DIT_ARCHITECTURES.some(
    ({ id, network }) => id === proven?.architecture.id && network.diffusers !== undefined,
  )
})

/** Of each difference of names, both ways round. */
export const FORM_PAIRS: readonly (readonly [GoldenForm, GoldenForm])[] = (
  [
    ['authors', 'diffusers'],
    ['authors', 'ComfyUI, alone'],
    ['ComfyUI, in a checkpoint', 'diffusers'],
  ] as const
).flatMap(([a, b]) => [[a, b] as const, [b, a] as const])

export async function modelOf(name: string, tensors: Tensors): Promise<Model> {
  const file = { tensors, metadata: {} }
  return {
    name,
    file,
    identity: await identify(file, async ({ shape }) => new Float64Array(elementCount(shape))),
  }
}
