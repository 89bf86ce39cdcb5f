/** What was found out about model files, kept between runs: a file whose size and time are the same is not opened again. */
import * as v from 'valibot'
import { KINDS, type Kind } from '../../model/kinds.ts'
import { LATENT_SPACES, type LatentSpace } from '../../model/networks/architectures/architecture.ts'
import { COMPONENTS, type ComponentId } from '../../model/networks/components.ts'
import type { World } from '../../system/world.ts'
import type { LibraryFacts } from '../facts.ts'
import { openCacheFile } from './cache-file.ts'

const part = v.strictObject({
  id: v.picklist(Object.keys(COMPONENTS) as [ComponentId, ...ComponentId[]]),
  title: v.string(),
  bytes: v.number(),
  sample: v.string(),
})

const space = v.picklist(Object.keys(LATENT_SPACES) as [LatentSpace, ...LatentSpace[]])

const latents = v.strictObject({
  space: v.exactOptional(space),
  weak: v.exactOptional(v.boolean()),
  possible: v.pipe(v.array(space), v.readonly()),
})

const facts = v.strictObject({
  kind: v.picklist(Object.keys(KINDS) as [Kind, ...Kind[]]),
  title: v.string(),
  architecture: v.exactOptional(v.string()),
  family: v.exactOptional(v.string()),
  variant: v.exactOptional(v.string()),
  latents: v.exactOptional(latents),
  precision: v.string(),
  base: v.exactOptional(v.string()),
  trainedOn: v.exactOptional(v.string()),
  triggers: v.pipe(v.array(v.string()), v.readonly()),
  prunable: v.number(),
  digest: v.exactOptional(v.string()),
  parts: v.pipe(v.array(part), v.readonly()),
}) satisfies v.GenericSchema<unknown, LibraryFacts>

/** What is known of a file: facts, or why it was refused; hashes once somebody has asked for them. */
const cachedFile = v.strictObject({
  bytes: v.number(),
  mtimeMs: v.number(),
  facts: v.exactOptional(facts),
  error: v.exactOptional(v.strictObject({ code: v.string(), message: v.string() })),
  autoV3: v.exactOptional(v.string()),
  /** Content of components, by their titles, and of the whole file, without one. */
  contents: v.exactOptional(v.record(v.string(), v.string())),
})

export type CachedFile = Readonly<v.InferOutput<typeof cachedFile>>

export interface LibraryCache {
  get(path: string, bytes: number, mtimeMs: number): CachedFile | undefined
  set(path: string, file: CachedFile): void
  /** Writes what is new. A cache that cannot be written costs time, nothing else. */
  save(): Promise<void>
}

/** Of the format. */
const FORMAT = 3

/** Another version of sdtool may see more in a file. */
export async function openCache({ env, version }: Pick<World, 'env' | 'version'>): Promise<LibraryCache> {
  const stamp = `library ${FORMAT}, sdtool ${version}`
  const { entries: files, save } = await openCacheFile('library.json', stamp, cachedFile, { env })
  let changed = false
  return {
    get(name, bytes, mtimeMs) {
      const known = files.get(name)
      return known?.bytes === bytes && known.mtimeMs === mtimeMs ? known : undefined
    },
    set(name, file) {
      files.set(name, file)
      changed = true
    },
    async save() {
      if (changed) await save()
    },
  }
}
