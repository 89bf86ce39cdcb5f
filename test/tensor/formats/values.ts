import { type ByteSource, memorySource } from '../../../src/system/bytes.ts'
import { elementCount } from '../../../src/tensor/values/dtype.ts'
import { evaluateInto, newEvaluation, tensorBytes } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'

/** Row-major little-endian bytes of a tensor, as hex. */
export async function hexOf(tensor: Tensor, source: ByteSource): Promise<string> {
  const out = new Uint8Array(tensorBytes(tensor))
  const evaluation = newEvaluation(async (_, offset, target) => {
    target.set(await source.read(offset, target.byteLength))
  })
  await evaluateInto(tensor, 0, elementCount(tensor.shape), out, evaluation)
  return Buffer.from(out).toString('hex')
}

/** Type, shape and values of each tensor of a file in memory. */
export async function describeTensors(
  tensors: ReadonlyMap<string, Tensor>,
  file: Uint8Array,
): Promise<Record<string, { dtype: string; shape: readonly number[]; hex: string }>> {
  const source = memorySource('model.ckpt', file)
  const described: [string, { dtype: string; shape: readonly number[]; hex: string }][] = []
  for (const [name, tensor] of tensors) {
    described.push([name, { dtype: tensor.dtype, shape: tensor.shape, hex: await hexOf(tensor, source) }])
  }
  return Object.fromEntries(described)
}
