/** Model files of full size that take no room: a header of safetensors, and zeros that no disk stores. */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { byteLength, type DType } from '../src/tensor/values/dtype.ts'

/** Writes a file whose values are all zero. */
export function writeSparse(
  path: string,
  keys: Iterable<readonly [name: string, shape: readonly number[]]>,
  { metadata = {}, dtype = 'BF16' }: { metadata?: Record<string, string>; dtype?: DType } = {},
): void {
  let end = 0
  const entries = [...keys].map(([name, shape]) => {
    const begin = end
    end += byteLength(dtype, shape)!
    return [name, { dtype, shape, data_offsets: [begin, end] }] as const
  })
  const json = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) })
  const header = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  const file = openSync(path, 'w')
  writeSync(file, Buffer.concat([length, header]))
  ftruncateSync(file, 8 + header.length + end)
  closeSync(file)
}
