import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { SdtoolError } from '../../../src/system/errors.ts'
import { contentsOf } from '../../model-files.ts'
import { tempFolder } from '../../temp-folder.ts'

/** Made by fixtures/goldens/gguf_headers.py with the reference reader. */
interface Golden {
  readonly reference: string
  readonly cases: readonly {
    readonly name: string
    readonly file: string
    readonly opens: boolean
    readonly shapes?: Readonly<Record<string, readonly number[]>>
    /** base64 */
    readonly bytes?: Readonly<Record<string, string>>
    readonly keys?: readonly string[]
  }[]
}

const GOLDEN = JSON.parse(
  readFileSync(new URL('../../../fixtures/goldens/gguf-headers.json', import.meta.url), 'utf8'),
) as Golden

describe(`small odd GGUF files, held against ${GOLDEN.reference}`, () => {
  it('is a table of many', () => expect(GOLDEN.cases.length).toBeGreaterThan(50))

  it.each(GOLDEN.cases)('$name', async ({ file, opens, shapes, bytes, keys }) => {
    const path = join(tempFolder(), 'x.gguf')
    writeFileSync(path, Buffer.from(file, 'base64'))
    const read = await contentsOf(path).catch((error: unknown) => error)
    if (!opens) {
      expect(read).toBeInstanceOf(SdtoolError)
      expect(read).toMatchObject({ exitCode: 3 })
      return
    }
    if (read instanceof Error) throw read
    const { model, bytes: values } = read as Awaited<ReturnType<typeof contentsOf>>
    const found = [...model.tensors].map(([name, { shape }]) => [name, shape] as const)
    expect(new Map(found)).toEqual(new Map(Object.entries(shapes!)))
    const encoded = [...values].map(([name, data]) => [name, Buffer.from(data).toString('base64')] as const)
    expect(new Map(encoded)).toEqual(new Map(Object.entries(bytes!)))
    expect(Object.keys(model.metadata).sort()).toEqual(keys)
  })
})
