/** What was found out about files, kept between runs as JSON. A cache that cannot be kept is no reason to fail. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { isJsonObject, type JsonValue } from '../../system/json.ts'
import type { World } from '../../system/world.ts'

export interface CacheFile<Entry> {
  readonly entries: Map<string, Entry>
  save(): Promise<void>
}

/** `SDTOOL_CACHE`, or where the system wants such things: `~/.cache/sdtool`. Undefined without a home folder. */
function cacheFolder({ SDTOOL_CACHE, ...env }: World['env']): string | undefined {
  if (SDTOOL_CACHE) return SDTOOL_CACHE
  const home = env.HOME || env.USERPROFILE
  const folder = env.XDG_CACHE_HOME || env.LOCALAPPDATA || (home ? join(home, '.cache') : undefined)
  return folder ? join(folder, 'sdtool') : undefined
}

/**
 * @param name of the file
 * @param stamp what its entries depend on beside the files they are about; with another one nothing is known
 * @param schema what an entry is; others are forgotten, whoever wrote them
 */
export async function openCacheFile<Entry>(
  name: string,
  stamp: string,
  schema: v.GenericSchema<unknown, Entry>,
  { env }: Pick<World, 'env'>,
): Promise<CacheFile<Entry>> {
  const folder = cacheFolder(env)
  const path = folder === undefined ? undefined : join(folder, name)
  const entries = path === undefined ? new Map<string, Entry>() : await load(path, stamp, schema)
  return {
    entries,
    async save() {
      if (path === undefined) return
      await store(path, JSON.stringify({ stamp, files: Object.fromEntries(entries) })).catch(() => {})
    },
  }
}

async function load<Entry>(
  path: string,
  stamp: string,
  schema: v.GenericSchema<unknown, Entry>,
): Promise<Map<string, Entry>> {
  const json = await readFile(path, 'utf8')
    .then((text) => JSON.parse(text) as JsonValue)
    .catch(() => undefined)
  if (!isJsonObject(json) || json.stamp !== stamp || !isJsonObject(json.files)) return new Map()
  const read = Object.entries(json.files).flatMap(([key, entry]) => {
    const result = v.safeParse(schema, entry)
    return result.success ? [[key, result.output] as const] : []
  })
  return new Map(read)
}

/** Never half a file: two runs may end at the same time. */
async function store(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.new`
  try {
    await writeFile(temporary, text)
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
}
