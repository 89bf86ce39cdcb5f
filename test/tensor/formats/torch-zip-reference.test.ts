import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { SdtoolError } from '../../../src/system/errors.ts'
import { contentsOf, floatsOf } from '../../model-files.ts'
import { tempFolder } from '../../temp-folder.ts'

/** Made by fixtures/goldens/torch_zips.py with torch.load. */
interface Golden {
  readonly reference: string
  readonly cases: readonly {
    readonly name: string
    readonly file: string
    readonly opens: boolean
    readonly values?: Readonly<Record<string, readonly number[]>>
  }[]
}

const GOLDEN = JSON.parse(
  readFileSync(new URL('../../../fixtures/goldens/torch-zips.json', import.meta.url), 'utf8'),
) as Golden

/** What torch opens and sdtool does not, and why. */
const STRICTER: Readonly<Record<string, string>> = {
  'wrong checksum of the pickle': 'damaged: torch checks none of its checksums',
  'extra length to hidden bytes': 'other zip readers find other values',
  'extra lengths to hidden bytes, most of forty': 'the same',
  'extra length four over': 'the same',
  'another name in the local header': 'the two headers contradict each other',
  'a longer name in the local header': 'the same',
  'another method in the local header': 'the same',
  'another size in the local header': 'the same',
  'encrypted in the local header': 'the same',
  'the place of another entry': 'entries that overlap',
  'the place of the pickle': 'the same',
  'a name twice, the first listed': 'readers take the first, or the last',
  'a name twice, both at one place': 'the same',
  'bytes behind': 'another archive may hide there',
  'too few in the end record': 'the directory and its end contradict each other',
  'a deflated storage': 'torch never writes one, and maps no file that has one',
  'the pickle twice as long': 'a second pickle, for who loads twice',
}

/** What torch refuses and sdtool opens: nothing in them has two meanings. */
const LAXER: Readonly<Record<string, string>> = {
  'no version': 'nothing else depends on it',
  'a storage that is too long': 'older versions of torch take what they need of it, too',
}

/** Entries that the finding `unused-entries` names. */
const UNUSED: Readonly<Record<string, string>> = {
  'a second pickle in the folder': 'data/evil.pkl',
  'a second pickle below': 'extra/data.pkl',
  'a storage nobody uses': 'data/9',
}

describe(`odd torch archives, held against ${GOLDEN.reference}`, () => {
  it('is a table of many', () => {
    expect(GOLDEN.cases.length).toBeGreaterThan(50)
    const names = new Set(GOLDEN.cases.map(({ name }) => name))
    const listed = [...Object.keys(STRICTER), ...Object.keys(LAXER)]
    expect(listed.filter((name) => !names.has(name))).toEqual([])
  })

  it.each(GOLDEN.cases)('$name', async ({ name, file, opens, values }) => {
    const path = join(tempFolder(), 'm.ckpt')
    writeFileSync(path, inflateSync(Buffer.from(file, 'base64')))
    const read = await contentsOf(path).catch((error: unknown) => error)
    if (!Object.hasOwn(LAXER, name) && (!opens || Object.hasOwn(STRICTER, name))) {
      expect(read).toBeInstanceOf(SdtoolError)
      expect(read).toMatchObject({ exitCode: 3 })
      return
    }
    if (read instanceof Error) throw read
    const contents = read as Awaited<ReturnType<typeof contentsOf>>
    const found = [...contents.model.tensors.keys()].map((key) => [key, [...floatsOf(contents, key)]])
    const unused = contents.model.findings.filter(({ code }) => code === 'unused-entries')
    expect(unused.map(({ message }) => message)).toEqual(
      Object.hasOwn(UNUSED, name) ? [expect.stringContaining(`/${UNUSED[name]}"`)] : [],
    )
    if (values !== undefined) expect(Object.fromEntries(found)).toEqual(values)
  })
})
