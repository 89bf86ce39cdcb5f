import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { expect, it } from 'vitest'
import { openCacheFile } from '../../../src/library/caches/cache-file.ts'
import { tempFolder } from '../../temp-folder.ts'

const ENTRY = v.strictObject({ size: v.number() })

async function stored(folder: string, stamp = 'x 1'): Promise<object> {
  const cache = await openCacheFile('x.json', stamp, ENTRY, { env: { SDTOOL_CACHE: folder } })
  return Object.fromEntries(cache.entries)
}

async function store(env: Record<string, string>): Promise<void> {
  const cache = await openCacheFile('x.json', 'x 1', ENTRY, { env })
  cache.entries.set('a', { size: 1 })
  await cache.save()
}

it('keeps entries from run to run, in a folder that it makes, and leaves no other file', async () => {
  const folder = join(tempFolder(), 'new')
  await store({ SDTOOL_CACHE: folder })
  expect(await stored(folder)).toEqual({ a: { size: 1 } })
  expect(readdirSync(folder)).toEqual(['x.json'])
})

it.each([
  [{ XDG_CACHE_HOME: 'DIR' }, 'sdtool'],
  [{ HOME: 'DIR' }, '.cache/sdtool'],
])('is in the folder for such things: %j', async (env, place) => {
  const folder = tempFolder()
  await store(Object.fromEntries(Object.keys(env).map((name) => [name, folder])))
  expect(await stored(join(folder, place))).toEqual({ a: { size: 1 } })
})

it('knows nothing under another stamp, and without a home', async () => {
  const folder = tempFolder()
  await store({ SDTOOL_CACHE: folder })
  expect(await stored(folder, 'x 2')).toEqual({})
  await store({})
})

it.each(['', '{', '[]', '{"stamp":"x 1","files":[]}', '{"stamp":"x 1"}'])(
  'starts anew from %j',
  async (text) => {
    const folder = tempFolder()
    writeFileSync(join(folder, 'x.json'), text)
    expect(await stored(folder)).toEqual({})
  },
)

it('does not fail where it cannot be written', async () => {
  const folder = tempFolder()
  mkdirSync(join(folder, 'x.json'))
  await store({ SDTOOL_CACHE: folder })
  expect(readdirSync(folder)).toEqual(['x.json'])
})

it.each([null, 5, 'text', [], { size: '1' }, { size: 1, more: 2 }])(
  'forgets an entry that is not one: %j',
  async (entry) => {
    const folder = tempFolder()
    const files = { odd: entry, sound: { size: 2 } }
    writeFileSync(join(folder, 'x.json'), JSON.stringify({ stamp: 'x 1', files }))
    expect(await stored(folder)).toEqual({ sound: { size: 2 } })
  },
)
