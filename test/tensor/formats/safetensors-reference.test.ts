import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { memorySource } from '../../../src/system/bytes.ts'
import { SdtoolError } from '../../../src/system/errors.ts'
import { openModel } from '../../../src/tensor/formats/open.ts'

/** Made by fixtures/goldens/safetensors_headers.py with the reference reader. */
interface Golden {
  readonly reference: string
  readonly cases: readonly {
    readonly name: string
    readonly file: string
    readonly opens: boolean
    readonly shapes?: Readonly<Record<string, readonly number[]>>
    readonly metadata?: Readonly<Record<string, string>>
  }[]
}

const GOLDEN = JSON.parse(
  readFileSync(new URL('../../../fixtures/goldens/safetensors-headers.json', import.meta.url), 'utf8'),
) as Golden

/** What the reference opens and sdtool does not, and why. The other way round there is nothing. */
const STRICTER: Readonly<Record<string, string>> = {
  'dup tensor': 'readers of other languages take the first of two, or the last',
  'dup tensor escaped': 'the same',
  'dup extra field': 'the same',
  'dup metadata key': 'the same',
  'extra nested deep': 'nothing in a header that anybody writes lies deeper than three levels',
  'shape 2^53+1 with 0': 'a number that JavaScript cannot hold',
  'shape 2^63 with 0': 'the same',
  'dtype obj': 'a second spelling that only serde knows',
  'array tensor': 'the same',
}

describe(`small odd headers, held against ${GOLDEN.reference}`, () => {
  it('is a table of many', () => {
    expect(GOLDEN.cases.length).toBeGreaterThan(90)
    const names = new Set(GOLDEN.cases.map(({ name }) => name))
    expect(Object.keys(STRICTER).filter((name) => !names.has(name))).toEqual([])
  })

  it.each(GOLDEN.cases)('$name', async ({ name, file, opens, shapes, metadata }) => {
    const opened = await openModel(memorySource('x.safetensors', Buffer.from(file, 'base64'))).catch(
      (error: unknown) => error,
    )
    if (!opens || Object.hasOwn(STRICTER, name)) {
      expect(opened).toBeInstanceOf(SdtoolError)
      expect(opened).toMatchObject({ exitCode: 3 })
      return
    }
    expect(opened).toMatchObject({ format: 'safetensors' })
    const model = opened as Awaited<ReturnType<typeof openModel>>
    expect(new Map([...model.tensors].map(([key, { shape }]) => [key, shape]))).toEqual(
      new Map(Object.entries(shapes!)),
    )
    expect(model.metadata).toEqual(metadata)
  })
})
