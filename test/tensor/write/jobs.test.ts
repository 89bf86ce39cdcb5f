import { renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { stampOf } from '../../../src/system/stamp.ts'
import { cast, newEvaluation } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import {
  BLOCK_BYTES,
  evaluateJob,
  isLocal,
  jobsOf,
  openInputs,
  openInputsSync,
  STRIDED_BLOCK_BYTES,
} from '../../../src/tensor/write/jobs.ts'
import { layoutOf } from '../../../src/tensor/write/layout.ts'
import { floatTensor, tableOf } from '../../tables.ts'
import { tempFolder } from '../../temp-folder.ts'

const file = { path: 'storage', size: 2 ** 30 }

function stored(name: string, shape: number[], strides?: number[]): Tensor {
  const source = { kind: 'stored', file, offset: 0, nbytes: 0, ...(strides ? { strides } : {}) } as const
  return { name, dtype: 'F32', shape, source }
}

describe('jobs', () => {
  it('reads a transposed tensor once for each of its few blocks, in pieces of bounded size', async () => {
    // [out, in] = [8192, 2048]: 64 MiB in two blocks
    const tensor = stored('t', [8192, 2048], [1, 8192])
    const target = new Uint8Array(STRIDED_BLOCK_BYTES)
    const reads: number[] = []
    let jobs = 0
    for (const job of jobsOf(layoutOf(tableOf([tensor])), 0)) {
      jobs++
      await evaluateJob(
        job,
        target,
        newEvaluation(async (_file, _offset, { byteLength }) => void reads.push(byteLength)),
      )
    }
    const bytes = 8192 * 2048 * 4
    expect(jobs).toBe(bytes / STRIDED_BLOCK_BYTES)
    expect(reads.reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(jobs * bytes)
    expect(Math.max(...reads)).toBeLessThanOrEqual(8 * 1024 * 1024)
  })

  it('keeps blocks of a view small enough for what a cast makes of them', () => {
    const view = { ...stored('t', [4096, 16384], [1, 4096]), dtype: 'F16' } as const
    for (const tensor of [cast(view, 'F8_E4M3'), cast(view, 'F32')]) {
      for (const { parts } of jobsOf(layoutOf(tableOf([tensor])), 0)) {
        const elements = parts.reduce((sum, { begin, end }) => sum + end - begin, 0)
        expect(4 * elements).toBeLessThanOrEqual(STRIDED_BLOCK_BYTES)
      }
    }
  })

  it('keeps blocks of plain tensors small, also beside a view', () => {
    const table = tableOf([stored('a', [3000, 1000]), stored('b', [4096, 4096], [1, 4096]), stored('c', [9])])
    for (const { bytes, parts } of jobsOf(layoutOf(table), 0)) {
      const strided = parts.some(({ tensor }) => tensor.name === 'b')
      expect(bytes).toBeLessThanOrEqual(strided ? STRIDED_BLOCK_BYTES : BLOCK_BYTES)
    }
  })

  it('sends no data to other threads, and no views, but casts of what is stored', () => {
    const local = (tensor: Tensor) => isLocal(tensor.source)
    const inMemory = floatTensor('m', [1], [1])
    const view = stored('v', [2, 2], [1, 2])
    expect([inMemory, cast(inMemory, 'F16'), view, cast(view, 'BF16')].map(local)).toEqual(
      Array(4).fill(true),
    )
    expect([stored('s', [4]), cast(stored('s', [4]), 'F16')].map(local)).toEqual([false, false])
  })
})

describe.each([
  ['openInputs', openInputs],
  ['openInputsSync', openInputsSync],
])('%s', (_, openAll) => {
  function written(content: string) {
    const path = join(tempFolder(), 'input.bin')
    writeFileSync(path, content)
    const stats = statSync(path, { bigint: true })
    return { path, size: Number(stats.size), stamp: stampOf(stats) }
  }

  it('reads what is asked for of each file', async () => {
    const [one, other] = [written('0123456789'), written('abcdefghij')]
    const inputs = openAll()
    const target = new Uint8Array(3)
    for (const [from, offset, text] of [
      [one, 4, '456'],
      [other, 0, 'abc'],
      [{ path: one.path, size: one.size }, 7, '789'],
    ] as const) {
      await inputs.read(from, offset, target)
      expect(Buffer.from(target).toString()).toBe(text)
    }
    await inputs.close()
  })

  it('refuses a file that is another one than was opened before', async () => {
    const [before, after] = [written('0123456789'), written('0123456789')]
    renameSync(after.path, before.path)
    const inputs = openAll()
    await expect(inputs.read(before, 0, new Uint8Array(1))).rejects.toMatchObject({ code: 'INPUT_CHANGED' })
    await inputs.close()
  })

  it('says where a file ends before what is asked for', async () => {
    const short = written('0123')
    const inputs = openAll()
    await expect(inputs.read(short, 2, new Uint8Array(3))).rejects.toMatchObject({ code: 'FILE_TRUNCATED' })
    await inputs.close()
  })
})
