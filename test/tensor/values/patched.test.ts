import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { f16round } from '@petamoriken/float16'
import { describe, expect, it } from 'vitest'
import { openFileSource } from '../../../src/system/bytes.ts'
import { added, matrixOf, product } from '../../../src/tensor/algebra/matrix.ts'
import { safetensorsFormat } from '../../../src/tensor/formats/safetensors.ts'
import { decodeNumbers } from '../../../src/tensor/numeric/float.ts'
import { cast } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { jobsOf } from '../../../src/tensor/write/jobs.ts'
import { layoutOf } from '../../../src/tensor/write/layout.ts'
import { writeSafetensors } from '../../../src/tensor/write/write.ts'
import { bytesTensor, floatTensor, tableOf } from '../../tables.ts'
import { tempFolder } from '../../temp-folder.ts'

const half = (name: string, shape: number[], codes: number[]): Tensor =>
  bytesTensor(name, 'F16', shape, new Uint8Array(Uint16Array.from(codes).buffer))

/** base + factor * up @ down, of rank 1. */
function baked(base: Tensor, factor: number, up: number[], down: number[]): Tensor {
  const delta = product(
    matrixOf(floatTensor('up', [up.length, 1], up)),
    matrixOf(floatTensor('down', [1, down.length], down)),
  )
  return { ...base, source: { kind: 'patched', base, value: added(matrixOf(base), factor, delta) } }
}

// 1, 2; 0.5, 0
const BASE = half('w', [2, 2], [0x3c00, 0x4000, 0x3800, 0])

async function write(tensors: Tensor[], options: Partial<Parameters<typeof writeSafetensors>[2]> = {}) {
  const path = join(tempFolder(), 'x.safetensors')
  const result = await writeSafetensors(tableOf(tensors), path, { threads: 0, ...options })
  const source = await openFileSource(path)
  const file = await safetensorsFormat.open(source)
  await source.close()
  const bytes = readFileSync(path)
  const values = (name: string): number[] => {
    const { source: stored, dtype, shape } = file.tensors.get(name)!
    if (stored.kind !== 'stored') throw new Error('not stored')
    const out = new Float64Array(shape.reduce((product, n) => product * n, 1))
    decodeNumbers(dtype, bytes.subarray(stored.offset, stored.offset + stored.nbytes), out)
    return Array.from(out)
  }
  return { result, values, path }
}

describe('a patched tensor', () => {
  it('is written as base + factor * delta, rounded to the type of the base', async () => {
    // 0.5 * [[3], [1]] @ [[2^-11, 1]]: 1 + 0.75 * 2^-10 rounds up to 1 + 2^-10; 0.5 + 2^-12 is a tie, to even 0.5
    const { values } = await write([baked(BASE, 0.5, [3, 1], [2 ** -11, 1])])
    expect(values('w')).toEqual([1 + 2 ** -10, 3.5, 0.5, 0.5])
  })

  it('is rounded once when it is cast: not to the type of the base first', async () => {
    // 1 + 2^-11 + 2^-20: to fp16 and then to fp8 it would be a tie; to fp32 nothing is lost
    const patched = baked(BASE, 1, [1, 0], [2 ** -11 + 2 ** -20, 0])
    const { values } = await write([cast(patched, 'F32')])
    expect(values('w')[0]).toBe(1 + 2 ** -11 + 2 ** -20)
  })

  it('is computed in binary64 where binary32 is written', async () => {
    // 2^-24 + 2^-40 above 1 rounds up to 1 + 2^-23; the product alone in binary32 would be 2^-24, a tie to 1
    const base = floatTensor('w', [1, 2], [1, 0])
    const up = [1 + 2 ** -16]
    const { values } = await write([baked(base, 2 ** -24, up, [1 + 2 ** -23, 0])])
    expect(values('w')[0]).toBe(1 + 2 ** -23)
  })

  it('tells what the change was, and what of it was lost', async () => {
    const { result } = await write([baked(BASE, 0.5, [3, 1], [2 ** -11, 1]), floatTensor('other', [1], [4])])
    const [a, b] = [1.5 * 2 ** -11, 2 ** -12]
    expect(Object.fromEntries(result.patches)).toEqual({
      w: {
        count: 4,
        base2: 1 + 4 + 0.25,
        delta2: a * a + 1.5 * 1.5 + b * b + 0.25,
        error2: (2 ** -10 - a) ** 2 + b * b,
        changed: 3,
      },
    })
  })

  it('tells it of numbers that half can only just hold', async () => {
    const step = 2 ** -24
    const [subnormal, largest, smallest, one] = [3, 0x3ff, 0x400, 2 ** 24].map((steps) => steps * step)
    const before = [step, subnormal!, largest!, smallest!, one!]
    const down = [0.25, 0.5, 0.75, 0.375, 0].map((steps) => steps * step)
    const { result, values } = await write([
      baked(half('w', [1, 5], [1, 3, 0x3ff, 0x400, 0x3c00]), 1, [1], down),
    ])
    const written = before.map((value, i) => f16round(value + down[i]!))
    const squares = (list: readonly number[]) => list.reduce((sum, value) => sum + value * value, 0)
    expect(values('w')).toEqual(written)
    const { base2, delta2, error2, ...counts } = result.patches.get('w')!
    expect(counts).toEqual({ count: 5, changed: 2 })
    const errors = written.map((value, i) => value - (before[i]! + down[i]!))
    for (const [found, list] of [
      [base2, before],
      [delta2, down],
      [error2, errors],
    ] as const)
      expect(found / squares(list)).toBeCloseTo(1, 6)
  })

  it('counts as changed what the patch changed, not what another type does', async () => {
    // 1 + 2^-9 is no bfloat16; the change of the second row is less than half a step of it
    const base = half('w', [2, 1], [0x3c02, 0x3c02])
    for (const tensor of [base, floatTensor('w', [2, 1], [1 + 2 ** -9, 1 + 2 ** -9])]) {
      const { result } = await write([cast(baked(tensor, 1, [1, 2 ** -12], [1]), 'BF16')])
      expect(result.patches.get('w')).toMatchObject({ count: 2, changed: 1 })
    }
  })

  it('may be refused before the file has its name', async () => {
    const check = () => {
      throw new Error('not like this')
    }
    await expect(write([baked(BASE, 1, [0, 0], [0, 0])], { check })).rejects.toThrow('not like this')
  })

  it('shares no job with tensors that are copied', () => {
    const others = ['a', 'b', 'c'].map((name) => half(name, [1], [0]))
    const table = tableOf([
      others[0]!,
      others[1]!,
      { ...baked(BASE, 1, [1, 1], [1, 1]), name: 'ba' },
      others[2]!,
    ])
    const jobs = [...jobsOf(layoutOf(table), 0)].map(({ parts }) => parts.map(({ tensor }) => tensor.name))
    expect(jobs).toEqual([['a', 'b'], ['ba'], ['c']])
  })
})

describe('the check of patched tensors', () => {
  it('computes rows again and says how exact they are', async () => {
    const rows = Array.from({ length: 20 }, (_, i) => i / 7)
    const base = floatTensor(
      'w',
      [20, 3],
      rows.flatMap((x) => [x, -x, x * x]),
    )
    const patched = cast(baked(base, 0.7, rows, [0.1, 0.2, 0.3]), 'F16')
    const { result } = await write([patched, { ...BASE, name: 'other' }], { verify: 'patched' })
    expect(result.patchCheck).toMatchObject({ tensors: 1, bytes: 120, rows: 4, values: 12, correct: 12 })
    expect(result.patchCheck!.worst).toBeGreaterThan(0)
    expect(result.patchCheck!.worst).toBeLessThanOrEqual(0.5)
  })

  it('fails, and keeps nothing, when a value is off by more than one unit in the last place', async () => {
    const wrong = new URL(
      `data:text/javascript,${encodeURIComponent(
        'export async function matmul(a, b, out) { for (let i = 0; i < out.length; i++) out[i] += 1 }',
      )}`,
    )
    // large enough for the engine to be asked
    const wave = (n: number) => Array.from({ length: n }, (_, i) => Math.sin(i))
    const base = half('w', [300, 300], Array(90_000).fill(0x3c00))
    const patched = baked(base, 1, wave(300), wave(300))
    const path = join(tempFolder(), 'x.safetensors')
    const run = writeSafetensors(tableOf([patched]), path, { threads: 0, verify: 'patched', matmul: wrong })
    await expect(run).rejects.toMatchObject({ code: 'VERIFY_FAILED', exitCode: 4 })
    expect(() => readFileSync(path)).toThrow('ENOENT')
  })
})
