import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { memorySource, openFileSource } from '../../../src/system/bytes.ts'
import { stampOf } from '../../../src/system/stamp.ts'
import { matrixOf, scaled, sum } from '../../../src/tensor/algebra/matrix.ts'
import { SAFETENSORS_DTYPES, safetensorsFormat } from '../../../src/tensor/formats/safetensors.ts'
import { byteLength, DTYPES } from '../../../src/tensor/values/dtype.ts'
import { cast, readValues } from '../../../src/tensor/values/expr.ts'
import { concatenated } from '../../../src/tensor/values/slices.ts'
import type { ModelFile, Tensor } from '../../../src/tensor/values/table.ts'
import { openInputs } from '../../../src/tensor/write/jobs.ts'
import { writeSafetensors } from '../../../src/tensor/write/write.ts'
import { fc } from '../../properties.ts'
import { bytesTensor, floatTensor, tableOf } from '../../tables.ts'
import { tempFolder } from '../../temp-folder.ts'

async function openPath(path: string): Promise<ModelFile> {
  const source = await openFileSource(path)
  try {
    return await safetensorsFormat.open(source)
  } finally {
    await source.close()
  }
}

const aTensor: fc.Arbitrary<Omit<Tensor, 'source' | 'name'>> = fc
  .record({
    dtype: fc.constantFrom(...SAFETENSORS_DTYPES),
    shape: fc.array(fc.nat(6), { maxLength: 4 }),
  })
  .filter(({ dtype, shape }) => byteLength(dtype, shape) !== undefined)

describe('writeSafetensors', () => {
  it('gives back every dtype, shape and byte, and the metadata', async () => {
    const folder = tempFolder()
    const property = fc.asyncProperty(
      fc.dictionary(fc.string({ unit: 'binary', minLength: 1 }), aTensor, { maxKeys: 8 }),
      fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
      fc.infiniteStream(fc.nat(255)),
      async (entries, metadata, stream) => {
        const tensors = Object.entries(entries).map(([name, { dtype, shape }]) => {
          const data = Uint8Array.from({ length: byteLength(dtype, shape)! }, () => stream.next().value)
          return bytesTensor(name, dtype, [...shape], data)
        })
        const path = join(folder, 'x.safetensors')
        await writeSafetensors(tableOf(tensors, metadata), path, { threads: 0, force: true })
        const written = await openPath(path)
        const file = readFileSync(path)
        expect({ ...written.metadata }).toEqual({ ...metadata })
        expect([...written.tensors.keys()].sort()).toEqual(tensors.map(({ name }) => name).sort())
        for (const { name, dtype, shape, source } of tensors) {
          const found = written.tensors.get(name)!
          expect([found.dtype, found.shape]).toEqual([dtype, shape])
          if (found.source.kind !== 'stored' || source.kind !== 'bytes') throw new Error('not stored')
          const bytes = file.subarray(found.source.offset, found.source.offset + found.source.nbytes)
          expect(Buffer.compare(bytes, source.data)).toBe(0)
        }
      },
    )
    await fc.assert(property, { numRuns: 100 })
  })

  it('orders and pads as the reference writer does', async () => {
    // safetensors 0.8: save_file({"b": f16[2], "a": f16[1], "z": f32[1], "i": i64[1], "m": bool[1]}, metadata={"k": "v"})
    const path = join(tempFolder(), 'x.safetensors')
    const table = tableOf(
      [
        bytesTensor('b', 'F16', [2], new Uint8Array(4)),
        bytesTensor('a', 'F16', [1], new Uint8Array(2)),
        bytesTensor('z', 'F32', [1], new Uint8Array(4)),
        bytesTensor('i', 'I64', [1], new Uint8Array(8)),
        bytesTensor('m', 'BOOL', [1], new Uint8Array(1)),
      ],
      { k: 'v' },
    )
    await writeSafetensors(table, path, { threads: 0 })
    const file = readFileSync(path)
    const length = Number(file.readBigUInt64LE(0))
    expect(length % 8).toBe(0)
    expect(
      file
        .subarray(8, 8 + length)
        .toString()
        .trimEnd(),
    ).toBe(
      '{"__metadata__":{"k":"v"},' +
        '"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},' +
        '"z":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},' +
        '"a":{"dtype":"F16","shape":[1],"data_offsets":[12,14]},' +
        '"b":{"dtype":"F16","shape":[2],"data_offsets":[14,18]},' +
        '"m":{"dtype":"BOOL","shape":[1],"data_offsets":[18,19]}}',
    )
    expect(file.byteLength).toBe(8 + length + 19)
  })

  it('casts tensors larger than a block and counts what overflows', async () => {
    const path = join(tempFolder(), 'x.safetensors')
    const count = 700_000
    const values = Array.from({ length: count }, (_, i) => i / 8)
    values[count - 1] = 1e6
    values[5] = -1e6
    const big = floatTensor('big', [count / 1000, 1000], values)
    const result = await writeSafetensors(tableOf([cast(big, 'F16')]), path, { threads: 0, verify: true })
    const overflowing = values.filter((value) => Math.abs(value) >= 65520).length
    expect(result.casts.get('big')).toEqual({ overflow: overflowing, underflow: 0 })
    const written = await openPath(path)
    const inputs = openInputs()
    const read = await readValues(written.tensors.get('big')!, inputs.read)
    await inputs.close()
    expect([read[3], read[1000], read[16_001], read[5]]).toEqual([0.375, 125, 2000, Number.NEGATIVE_INFINITY])
  })

  it('counts values that are no numbers, by their tensors, down to a single one', async () => {
    const many = Array(600_000).fill(1)
    const table = tableOf([
      floatTensor('one', [3], [1, Number.NaN, 2]),
      floatTensor('none', [2], [1, 2]),
      // of several blocks
      floatTensor('ends', [600_000], many.with(0, Number.POSITIVE_INFINITY).with(-1, Number.NaN)),
      cast(floatTensor('sound', [2], [1, 0.5]), 'F16'),
    ])
    const result = await writeSafetensors(table, join(tempFolder(), 'x.safetensors'), { threads: 0 })
    expect(Object.fromEntries(result.notFinite)).toEqual({ one: 1, ends: 2 })
    expect([...result.casts]).toEqual([])
  })

  it('verifies views whose blocks are larger than those of others', async () => {
    const [rows, columns] = [1100, 1000]
    const folder = tempFolder()
    const path = join(folder, 'in.bin')
    writeFileSync(path, new Uint8Array(Float32Array.from({ length: rows * columns }, (_, i) => i).buffer))
    const file = { path, size: 4 * rows * columns }
    const source = { kind: 'stored', file, offset: 0, nbytes: file.size, strides: [1, rows] } as const
    const view: Tensor = { name: 'b', dtype: 'F32', shape: [rows, columns], source }
    const out = join(folder, 'out.safetensors')
    await writeSafetensors(tableOf([floatTensor('a', [1], [7]), view]), out, { threads: 0, verify: true })
    const written = await openPath(out)
    const inputs = openInputs()
    const values = await readValues(written.tensors.get('b')!, inputs.read)
    await inputs.close()
    for (const [row, column] of [[0, 0], [0, 999], [1099, 0], [1099, 999], [512, 300]] as const) // biome-ignore format: one line
      expect(values[row * columns + column]).toBe(column * rows + row)
  })

  it('counts what rounding did under the name that is written', async () => {
    const path = join(tempFolder(), 'x.safetensors')
    const ema = floatTensor('model_ema.w', [2], [1e6, 1])
    const table = tableOf([{ ...cast(cast(ema, 'BF16'), 'F16'), name: 'w' }])
    const { casts } = await writeSafetensors(table, path, { threads: 0 })
    expect([...casts]).toEqual([['w', { overflow: 1, underflow: 0 }]])
  })

  it('refuses to replace a file without force, and leaves it as it was', async () => {
    const path = join(tempFolder(), 'x.safetensors')
    writeFileSync(path, 'old')
    const table = tableOf([floatTensor('a', [1], [1])])
    await expect(writeSafetensors(table, path, { threads: 0 })).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      exitCode: 2,
    })
    expect(readFileSync(path, 'utf8')).toBe('old')
    await writeSafetensors(table, path, { threads: 0, force: true })
    expect((await openPath(path)).tensors.size).toBe(1)
  })

  it('never writes over a file it reads from, not even with force or through a link', async () => {
    const folder = tempFolder()
    const path = join(folder, 'x.safetensors')
    await writeSafetensors(tableOf([floatTensor('a', [1], [1])]), path, { threads: 0 })
    const before = readFileSync(path)
    const opened = await openPath(path)
    const other = join(folder, 'link.safetensors')
    symlinkSync(path, other)
    await expect(writeSafetensors(opened, other, { threads: 0, force: true })).rejects.toMatchObject({
      code: 'OUTPUT_IS_INPUT',
    })
    expect(readFileSync(path)).toEqual(before)
  })

  it.each<[string, (stored: Tensor) => Tensor]>([
    ['as it is', (stored) => stored],
    ['in another type', (stored) => cast(stored, 'BF16')],
    ['below others', (stored) => concatenated('a', [floatTensor('b', [1, 2], [3, 4]), stored])],
    ['changed', (base) => ({ ...base, source: { kind: 'patched', base, value: scaled(2, matrixOf(base)) } })],
    [
      'as a change of another',
      (stored) => {
        const base = floatTensor('a', [1, 2], [3, 4])
        return { ...base, source: { kind: 'patched', base, value: sum({ factor: 1, of: matrixOf(stored) }) } }
      },
    ],
    [
      'as the base of a change that is written in another type',
      (base) => cast({ ...base, source: { kind: 'patched', base, value: scaled(2, matrixOf(base)) } }, 'F16'),
    ],
  ])('knows the file of a tensor that is taken %s: keeps it, and sees it change', async (_, made) => {
    const folder = tempFolder()
    const input = join(folder, 'in.bin')
    writeFileSync(input, new Uint8Array(Float32Array.of(1, 2).buffer))
    const file = { path: input, size: 8, stamp: stampOf(statSync(input, { bigint: true })) }
    const source = { kind: 'stored', file, offset: 0, nbytes: 8 } as const
    const table = tableOf([made({ name: 'a', dtype: 'F32', shape: [1, 2], source })])
    await expect(writeSafetensors(table, input, { threads: 0, force: true })).rejects.toMatchObject({
      code: 'OUTPUT_IS_INPUT',
    })
    const out = join(folder, 'out.safetensors')
    const onProgress = () => writeFileSync(input, new Uint8Array(8))
    await expect(writeSafetensors(table, out, { threads: 0, onProgress })).rejects.toMatchObject({
      code: 'INPUT_CHANGED',
    })
    expect(readdirSync(folder)).toEqual(['in.bin'])
  })

  it('never writes over an input whose values are in memory', async () => {
    const path = join(tempFolder(), 'model.pkl')
    writeFileSync(path, 'a pickle')
    const table = tableOf([floatTensor('a', [1], [1])])
    const writing = writeSafetensors(table, path, { threads: 0, force: true, inputs: [{ path, size: 8 }] })
    await expect(writing).rejects.toMatchObject({ code: 'OUTPUT_IS_INPUT', exitCode: 2 })
    expect(readFileSync(path, 'utf8')).toBe('a pickle')
  })

  it('leaves the old file and no partial one when it is interrupted', async () => {
    const folder = tempFolder()
    const path = join(folder, 'x.safetensors')
    writeFileSync(path, 'old')
    const abort = new AbortController()
    const big = bytesTensor('a', 'F32', [600_000], new Uint8Array(2_400_000))
    const writing = writeSafetensors(tableOf([big]), path, {
      threads: 0,
      force: true,
      signal: abort.signal,
      onProgress: () => abort.abort(),
    })
    await expect(writing).rejects.toMatchObject({ name: 'AbortError' })
    expect(readdirSync(folder)).toEqual(['x.safetensors'])
    expect(readFileSync(path, 'utf8')).toBe('old')
  })

  it('leaves nothing behind when an input ends early', async () => {
    const folder = tempFolder()
    const input = join(folder, 'in.bin')
    writeFileSync(input, new Uint8Array(10))
    const file = { path: input, size: 4096 }
    const tensor: Tensor = {
      name: 'a',
      dtype: 'F32',
      shape: [1024],
      source: { kind: 'stored', file, offset: 0, nbytes: 4096 },
    }
    const writing = writeSafetensors(tableOf([tensor]), join(folder, 'out.safetensors'), { threads: 0 })
    await expect(writing).rejects.toMatchObject({ code: 'FILE_TRUNCATED', exitCode: 3 })
    expect(readdirSync(folder)).toEqual(['in.bin'])
  })

  it('verifies by reading back: a change on the way to the disk is found, and nothing is kept', async () => {
    const folder = tempFolder()
    const input = join(folder, 'in.bin')
    writeFileSync(input, new Uint8Array(4000).fill(1))
    const tensor: Tensor = {
      name: 'a',
      dtype: 'F32',
      shape: [1000],
      source: { kind: 'stored', file: { path: input, size: 4000 }, offset: 0, nbytes: 4000 },
    }
    // the input changes between writing and verifying: the written bytes are no longer those of the plan
    const writing = writeSafetensors(tableOf([tensor]), join(folder, 'out.safetensors'), {
      threads: 0,
      verify: true,
      onProgress: () => writeFileSync(input, new Uint8Array(4000).fill(2)),
    })
    await expect(writing).rejects.toMatchObject({ code: 'VERIFY_FAILED', exitCode: 4 })
    expect(existsSync(join(folder, 'out.safetensors'))).toBe(false)
  })

  it('says so before it starts when the disk has too little room', async () => {
    const folder = tempFolder()
    const shape = [2 ** 20, 2 ** 20, 2 ** 6] // 2^46 elements: 256 TiB
    const file = { path: join(folder, 'in.bin'), size: 2 ** 48 }
    const source = { kind: 'stored', file, offset: 0, nbytes: 2 ** 48 } as const
    const table = tableOf([{ name: 'a', dtype: 'F32', shape, source }])
    await expect(
      writeSafetensors(table, join(folder, 'x.safetensors'), { threads: 0 }),
    ).rejects.toMatchObject({
      code: 'DISK_FULL',
    })
    expect(readdirSync(folder)).toEqual([])
  })

  it('writes the final metadata, which may come after the tensors, in place of the draft, and verifies it', async () => {
    const path = join(tempFolder(), 'x.safetensors')
    const draft = tableOf([floatTensor('w', [2], [1, 2])], { hash: '0000' })
    const metadata = new Promise<Record<string, string>>((resolve) => {
      setTimeout(() => resolve({ hash: 'beef' }), 50)
    })
    await writeSafetensors(draft, path, { threads: 0, verify: true, metadata })
    expect({ ...(await openPath(path)).metadata }).toEqual({ hash: 'beef' })
  })

  it.each([
    ['cannot be made', () => Promise.reject(new Error('the input is gone')), 'the input is gone'],
    ['needs another size than its draft', () => Promise.resolve({ hash: 'x'.repeat(99) }), 'a header of'],
  ])('keeps nothing when the final metadata %s', async (_, metadata, message) => {
    const folder = tempFolder()
    const draft = tableOf([floatTensor('w', [2], [1, 2])], { hash: '0000' })
    const options = { threads: 0, metadata: metadata() }
    await expect(writeSafetensors(draft, join(folder, 'x.safetensors'), options)).rejects.toThrow(message)
    expect(readdirSync(folder)).toEqual([])
  })

  it('refuses names and types that safetensors cannot hold', async () => {
    const path = join(tempFolder(), 'x.safetensors')
    const write = (tensor: Tensor) => writeSafetensors(tableOf([tensor]), path, { threads: 0 })
    await expect(write(bytesTensor('a', 'Q4_0', [32], new Uint8Array(18)))).rejects.toMatchObject({
      code: 'DTYPE_NOT_WRITABLE',
    })
    await expect(write(floatTensor('__metadata__', [1], [1]))).rejects.toMatchObject({
      code: 'NAME_NOT_WRITABLE',
    })
    await expect(write(floatTensor('\ud800', [1], [1]))).rejects.toMatchObject({ code: 'NAME_NOT_WRITABLE' })
  })
})

describe('reading what others wrote', () => {
  it('reads a header whose length is no multiple of 8, so that tensors are not aligned', async () => {
    const json = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'.padEnd(57)
    const bytes = Buffer.alloc(8 + json.length + 8)
    bytes.writeBigUInt64LE(BigInt(json.length), 0)
    bytes.write(json, 8)
    bytes.writeFloatLE(1.5, 8 + json.length)
    bytes.writeFloatLE(-2, 12 + json.length)
    const model = await safetensorsFormat.open(memorySource('x', bytes))
    const values = await readValues(model.tensors.get('a')!, async (_file, offset, target) => {
      target.set(bytes.subarray(offset, offset + target.byteLength))
    })
    expect([...values]).toEqual([1.5, -2])
  })

  it('knows the size of every dtype it can meet', () => {
    // `Dtype::bitsize` in safetensors/src/tensor.rs of version 0.8. The Python package of that version takes tensors of
    // exactly these sizes, and knows no other type.
    const bits = {
      ...{ BOOL: 8, F4: 4, F6_E2M3: 6, F6_E3M2: 6, U8: 8, I8: 8, F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8 },
      ...{ F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8, I16: 16, U16: 16, F16: 16, BF16: 16, I32: 32, U32: 32, F32: 32 },
      ...{ C64: 64, F64: 64, I64: 64, U64: 64 },
    }
    const ours = SAFETENSORS_DTYPES.map((dtype) => [
      dtype,
      (8 * DTYPES[dtype].bytes) / DTYPES[dtype].elements,
    ])
    expect(Object.fromEntries(ours)).toEqual(bits)
  })
})
