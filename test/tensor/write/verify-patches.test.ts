import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { FileRef } from '../../../src/system/file-ref.ts'
import { added, matrixOf, product } from '../../../src/tensor/algebra/matrix.ts'
import type { OutputDType } from '../../../src/tensor/values/dtype.ts'
import { cast } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { type CheckPiece, checkPieces, verifyPatches } from '../../../src/tensor/write/verify-patches.ts'
import { bytesTensor, floatTensor, tableOf } from '../../tables.ts'

const FILE: FileRef = { path: 'x', size: 0 }
const noRead = async () => {}

/** The code of 1 in each type that is written, the bytes of a code, and the mantissa's bits: a code more is 2^-bits more. */
const ONES: Readonly<Record<OutputDType, { one: number; width: 1 | 2 | 4; bits: number }>> = {
  F32: { one: 0x3f800000, width: 4, bits: 23 },
  F16: { one: 0x3c00, width: 2, bits: 10 },
  BF16: { one: 0x3f80, width: 2, bits: 7 },
  F8_E4M3: { one: 0x38, width: 1, bits: 3 },
  F8_E5M2: { one: 0x3c, width: 1, bits: 2 },
}
const ARRAYS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }
const TYPES = Object.keys(ONES) as OutputDType[]

/** A column of ones, to each of which `delta` units in the last place are added: exactly, as these are powers of two. */
function plannedOnes(dtype: OutputDType, rows: number, delta: number): Tensor {
  const base = floatTensor('w', [rows, 1], Array(rows).fill(1))
  const change = product(
    matrixOf(floatTensor('up', [rows, 1], Array(rows).fill(delta))),
    matrixOf(floatTensor('down', [1, 1], [2 ** -ONES[dtype].bits])),
  )
  const value = added(matrixOf(base), 1, change)
  return cast({ ...base, source: { kind: 'patched', base, value } }, dtype)
}

/** Ones, each of which is a number of units in the last place too large. */
function writtenOnes(dtype: OutputDType, units: number[]): Tensor {
  const { one, width } = ONES[dtype]
  const codes = new ARRAYS[width](units.map((n) => one + n))
  return bytesTensor('w', dtype, [units.length, 1], new Uint8Array(codes.buffer))
}

function checkOnes(dtype: OutputDType, units: number[], delta: number) {
  const piece = {
    planned: plannedOnes(dtype, units.length, delta),
    written: writtenOnes(dtype, units),
  }
  return checkPieces([piece], FILE, noRead)
}

const FAILED = { code: 'VERIFY_FAILED', exitCode: 4 }

describe.each(TYPES)('what is written as %s', (dtype) => {
  it.each([
    [0, 0, 1],
    [0.5, 0, 1],
    [0.5, 1, 1],
    [0.625, 0, 0],
    [0.25, 1, 0],
    [0, 1, 0],
    [1, 0, 0],
  ])('may be one unit in the last place away: %d exactly, %d written', async (delta, units, correct) => {
    const worst = Math.abs(delta - units)
    expect(await checkOnes(dtype, [units], delta)).toEqual({ rows: 1, values: 1, correct, worst })
  })

  it.each([
    [1.125, 0, '1.13'],
    [0, 2, '2.00'],
    // below 1 units are half as large
    [-0.125, 1, '2.25'],
    [2, 0, '2.00'],
    [0.5, 2, '1.50'],
  ])('may not be more: %d exactly, %d written', async (delta, units, said) => {
    const message = expect.stringContaining(`"w" is off by ${said} units in the last place of ${dtype}`)
    await expect(checkOnes(dtype, [units], delta)).rejects.toMatchObject({ ...FAILED, message })
  })
})

describe('the rows that are computed again', () => {
  it.each([
    [1, [0]],
    [2, [0, 1]],
    [3, [0, 1, 2]],
    [4, [0, 1, 2, 3]],
    [5, [0, 1, 3, 4]],
    [10, [0, 3, 6, 9]],
    [100, [0, 33, 66, 99]],
  ])('of %d are evenly spread, with both ends', async (rows, sampled) => {
    const faultAt = (row: number) => Array.from({ length: rows }, (_, i) => (i === row ? 2 : 0))
    const found: number[] = []
    for (let row = 0; row < rows; row++)
      await checkOnes('F16', faultAt(row), 0).catch(() => {
        found.push(row)
      })
    expect(found).toEqual(sampled)
    expect(await checkOnes('F16', faultAt(-1), 0)).toMatchObject({ rows: sampled.length })
  })
})

describe('the bytes that are read back', () => {
  // more than is read at once, and no whole number of it
  const bytes = Uint8Array.from({ length: 1_300_000 }, (_, i) => (i * i) % 251)
  const piece: CheckPiece = { offset: 100, bytes: 1_200_000, crc32: crc32(bytes.subarray(100, 1_200_100)) }
  const check = (file: Uint8Array) =>
    checkPieces([piece], FILE, async (_, at, target) => target.set(file.subarray(at, at + target.length)))

  it('are those that were computed', async () => {
    expect(await check(bytes)).toEqual({ rows: 0, values: 0, correct: 0, worst: 0 })
  })

  it.each([100, 524_387, 524_388, 1_048_676, 1_200_099])('or the check fails: byte %d', async (at) => {
    const message = expect.stringContaining('bytes 100 to 1200100 of the file')
    await expect(check(bytes.with(at, bytes[at]! ^ 1))).rejects.toMatchObject({ ...FAILED, message })
  })

  it.each([99, 1_200_100])('and no others: byte %d', async (at) => {
    await check(bytes.with(at, bytes[at]! ^ 1))
  })
})

it('hands every piece to some checker, once, and adds up what they found', async () => {
  const names = Array.from({ length: 40 }, (_, i) => `w${i}`)
  const planned = names.map((name) => ({ ...plannedOnes('F16', 3, 0), name }))
  const written = names.map((name) => ({ ...writtenOnes('F16', [0, 0, name === 'w17' ? 1 : 0]), name }))
  const checksums = [
    { offset: 0, bytes: 10, crc32: 0 },
    { offset: 10, bytes: 5, crc32: 0 },
  ]
  const seen: string[] = []
  const checker = {
    check: async (pieces: readonly CheckPiece[]) => {
      seen.push(...pieces.map((piece) => ('crc32' in piece ? `${piece.offset}` : piece.planned.name)))
      return checkPieces(
        pieces.filter((piece) => 'planned' in piece),
        FILE,
        noRead,
      )
    },
  }
  const other = bytesTensor('copied', 'F16', [1], new Uint8Array(2))
  const plan = tableOf([...planned, other])
  const found = await verifyPatches({ plan, written: tableOf(written), checksums }, [checker, checker])
  expect(found).toEqual({ tensors: 40, bytes: 15, rows: 120, values: 120, correct: 119, worst: 1 })
  expect(seen.sort()).toEqual(['0', '10', ...names].sort())
})
