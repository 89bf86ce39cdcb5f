import { writeFileSync } from 'node:fs'
import { elementCount, isFloat } from '../src/tensor/values/dtype.ts'
import type { Tensor, TensorTable } from '../src/tensor/values/table.ts'

const TYPES: Readonly<Record<string, number>> = {
  F32: 0,
  F16: 1,
  Q8_0: 8,
  I8: 24,
  I32: 26,
  I64: 27,
  BF16: 30,
}
const ALIGNMENT = 32
const ROW = 32

function u32(...values: number[]): Buffer {
  return Buffer.concat(values.map((value) => Buffer.from(Uint32Array.of(value).buffer)))
}

function u64(...values: number[]): Buffer {
  return Buffer.from(BigUint64Array.from(values.map(BigInt)).buffer)
}

function text(value: string): Buffer {
  return Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)])
}

function isReshaped({ dtype }: Tensor): boolean {
  return !isFloat(dtype) && dtype.startsWith('Q')
}

/** As city96/ComfyUI-GGUF does: quantised tensors in rows of whole blocks, with the shape in torch put aside. The values have to be in memory. */
export function writeGguf(path: string, { tensors }: TensorTable): void {
  const all = [...tensors.values()].filter(({ dtype }) => TYPES[dtype] !== undefined)
  const pairs = all.filter(isReshaped).map(({ name, shape }) => {
    return Buffer.concat([text(`comfy.gguf.orig_shape.${name}`), u32(9, 5), u64(shape.length), u32(...shape)])
  })
  let offset = 0
  const infos: Buffer[] = []
  const data: Buffer[] = []
  for (const tensor of all) {
    const { name, dtype, shape, source } = tensor
    if (source.kind !== 'bytes') throw new TypeError(`${name} is not in memory`)
    const dims = isReshaped(tensor) ? [ROW, elementCount(shape) / ROW] : [...shape].reverse()
    infos.push(Buffer.concat([text(name), u32(dims.length), u64(...dims), u32(TYPES[dtype]!), u64(offset)]))
    const padding = (ALIGNMENT - (source.data.byteLength % ALIGNMENT)) % ALIGNMENT
    data.push(Buffer.from(source.data), Buffer.alloc(padding))
    offset += source.data.byteLength + padding
  }
  const head = Buffer.concat([Buffer.from('GGUF'), u32(3), u64(all.length, pairs.length), ...pairs, ...infos])
  writeFileSync(
    path,
    Buffer.concat([head, Buffer.alloc((ALIGNMENT - (head.byteLength % ALIGNMENT)) % ALIGNMENT), ...data]),
  )
}

/** A tensor `t` of 256 elements of a ggml type; behind the header, at the alignment, 4 KiB of sevens. */
export function ggufOfOneTensor(type: number, alignment?: number): Buffer {
  const pairs = alignment === undefined ? [] : [text('general.alignment'), u32(4, alignment)]
  const info = [text('t'), u32(1), u64(256), u32(type), u64(0)]
  const header = Buffer.concat([Buffer.from('GGUF'), u32(3), u64(1, pairs.length / 2), ...pairs, ...info])
  const gap = -header.length & ((alignment || ALIGNMENT) - 1)
  return Buffer.concat([header, Buffer.alloc(gap), Buffer.alloc(4096, 7)])
}
