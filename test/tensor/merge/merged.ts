import { combined, matrixOf } from '../../../src/tensor/algebra/matrix.ts'
import type { MergeMethod, MergeParameters } from '../../../src/tensor/merge/method.ts'
import { mergeMethod } from '../../../src/tensor/merge/registry.ts'
import { bytesTensor } from '../../tables.ts'
import { valuesOf } from '../algebra/matrices.ts'

/** What a method makes of models with these values, one in a row where no shape is given. */
export async function merged(
  id: string,
  models: readonly (readonly number[])[],
  given: Partial<MergeParameters> = {},
  shape: readonly number[] = [models[0]!.length, 1],
): Promise<number[]> {
  const of = models.map((values) => {
    return matrixOf(bytesTensor('m', 'F64', [...shape], new Uint8Array(Float64Array.from(values).buffer)))
  })
  const parameters = { ...ownNumbers(mergeMethod(id), models.length), ...given }
  return Array.from(await valuesOf(combined(id, of, shape, parameters)))
}

/** Those that a person gets who gives none. */
export function ownNumbers({ alpha, beta = 0, density = 1 }: MergeMethod, models: number): MergeParameters {
  const count = alpha.takes === 'one' ? 1 : models - 1
  const own = Array.from({ length: count }, () => alpha.byDefault(models))
  return { alpha: own, beta, density, seed: 0, range: [0, 1] }
}
