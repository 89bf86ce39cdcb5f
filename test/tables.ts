import { markedTensors } from '../src/tensor/quantised/recognise.ts'
import type { DType } from '../src/tensor/values/dtype.ts'
import type { Tensor, TensorTable } from '../src/tensor/values/table.ts'

/** A tensor whose bytes are given. */
export function bytesTensor(name: string, dtype: DType, shape: number[], data: Uint8Array): Tensor {
  return { name, dtype, shape, source: { kind: 'bytes', data } }
}

/** An F32 tensor of these values. */
export function floatTensor(name: string, shape: number[], values: number[]): Tensor {
  return bytesTensor(name, 'F32', shape, new Uint8Array(Float32Array.from(values).buffer))
}

/** As a file with these tensors is opened: quantised ones are marked. */
export function tableOf(tensors: Tensor[], metadata: Record<string, string> = {}): TensorTable {
  const table = { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata }
  return { ...table, tensors: markedTensors(table) }
}
