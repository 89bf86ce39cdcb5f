import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { TensorTable } from '../../../src/tensor/values/table.ts'
import { verifyFile } from '../../../src/tensor/write/verify.ts'
import { writeSafetensors } from '../../../src/tensor/write/write.ts'
import { floatTensor, tableOf } from '../../tables.ts'
import { tempFolder } from '../../temp-folder.ts'

const PLAN = tableOf([floatTensor('a', [2], [1, 2]), floatTensor('b', [2], [3, 4])], { k: 'v' })

/** Writes the plan, changes its file as text in which each byte is a character, and verifies. */
async function verifyChanged(change: (file: string) => string, plan: TensorTable = PLAN): Promise<void> {
  const path = join(tempFolder(), 'x.safetensors')
  await writeSafetensors(PLAN, path, { threads: 0 })
  const before = readFileSync(path, 'latin1')
  writeFileSync(path, change(before), 'latin1')
  await verifyFile(plan, path)
}

describe('verifyFile', () => {
  it('says nothing of a file that is as planned', async () => {
    await verifyChanged((file) => file)
  })

  it.each<[string, (file: string) => string, RegExp]>([
    [
      'names and places that do not belong together',
      (file) => file.replace('"a":', '"?":').replace('"b":', '"a":').replace('"?":', '"b":'),
      /tensor "a" starts at byte/,
    ],
    ['another type', (file) => file.replace('"F32"', '"I32"'), /"a" was not written as F32 \[2\]/],
    ['another name', (file) => file.replace('"b":', '"c":'), /"b" was not written/],
    ['other metadata', (file) => file.replace('"v"', '"w"'), /metadata "k"/],
    ['another metadata key', (file) => file.replace('"k"', '"l"'), /metadata "k"/],
    ['another value', (file) => `${file.slice(0, -1)}\x41`, /values of tensor "a" or of the tensor after it/],
  ])('finds %s', async (_, change, message) => {
    await expect(verifyChanged(change)).rejects.toMatchObject({
      code: 'VERIFY_FAILED',
      exitCode: 4,
      message: expect.stringMatching(message),
    })
  })

  it('finds another value at the end of a view, whose blocks are larger than those of others', async () => {
    const [rows, columns] = [1100, 1000]
    const folder = tempFolder()
    const input = join(folder, 'in.bin')
    writeFileSync(input, new Uint8Array(4 * rows * columns))
    const file = { path: input, size: 4 * rows * columns }
    const source = { kind: 'stored', file, offset: 0, nbytes: file.size, strides: [1, rows] } as const
    const plan = tableOf([{ name: 'w', dtype: 'F32', shape: [rows, columns], source }])
    const path = join(folder, 'out.safetensors')
    await writeSafetensors(plan, path, { threads: 0 })
    await verifyFile(plan, path)
    const bytes = readFileSync(path)
    bytes[bytes.length - 1] = 1
    writeFileSync(path, bytes)
    await expect(verifyFile(plan, path)).rejects.toMatchObject({ code: 'VERIFY_FAILED' })
  })

  it('finds a tensor too few', async () => {
    const plan = tableOf([...PLAN.tensors.values(), floatTensor('c', [1], [5])], { k: 'v' })
    await expect(verifyChanged((file) => file, plan)).rejects.toMatchObject({ code: 'VERIFY_FAILED' })
  })
})
