import { openFileSource } from '../src/system/bytes.ts'
import { openModel } from '../src/tensor/formats/open.ts'
import { decodeFloats } from '../src/tensor/numeric/float.ts'
import { elementCount } from '../src/tensor/values/dtype.ts'
import { evaluateInto, newEvaluation, tensorBytes } from '../src/tensor/values/expr.ts'
import type { ModelFile, TensorTable } from '../src/tensor/values/table.ts'
import { openInputs } from '../src/tensor/write/jobs.ts'
import { writeSafetensors } from '../src/tensor/write/write.ts'

/** A model file with all of its values in memory. */
export interface Contents {
  readonly model: ModelFile
  readonly bytes: ReadonlyMap<string, Uint8Array>
}

export async function contentsOf(path: string): Promise<Contents> {
  const source = await openFileSource(path)
  const inputs = openInputs()
  try {
    const model = await openModel(source)
    const bytes = new Map<string, Uint8Array>()
    for (const tensor of model.tensors.values()) {
      const out = new Uint8Array(tensorBytes(tensor))
      await evaluateInto(tensor, 0, elementCount(tensor.shape), out, newEvaluation(inputs.read))
      bytes.set(tensor.name, out)
    }
    return { model, bytes }
  } finally {
    // of a file that is refused, too
    await inputs.close()
    await source.close()
  }
}

/** Values of a float tensor. */
export function floatsOf({ model, bytes }: Contents, name: string): Float32Array {
  const { dtype, shape } = model.tensors.get(name)!
  const out = new Float32Array(elementCount(shape))
  decodeFloats(dtype, bytes.get(name)!, out)
  return out
}

export async function writeModel(path: string, table: TensorTable): Promise<void> {
  await writeSafetensors(table, path, { threads: 0 })
}

/** The step of binary16 at a value. */
export function ulp16(value: number): number {
  const exponent = value === 0 ? -14 : Math.max(-14, Math.floor(Math.log2(Math.abs(value))))
  return 2 ** (exponent - 10)
}
