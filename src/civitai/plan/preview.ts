/** The picture next to a model. */
import { existsSync } from 'node:fs'
import { SdtoolError } from '../../system/errors.ts'
import { writeNewFile } from '../../system/new-file.ts'
import { follow } from '../http/follow.ts'
import { isPrivateHost, mayBePrivate, type Site } from '../http/hosts.ts'
import { deadline, type HttpWorld, networkError, readBody } from '../http/http.ts'
import { messages } from './messages.ts'
import { checkIsSidecar, type ModelFile, sidecarStem } from './sidecar-files.ts'

interface Picture {
  readonly ending: string
  matches(head: Buffer): boolean
}

/** By content: the site's addresses end in .jpeg whatever they give. */
const PICTURES: readonly Picture[] = [
  { ending: 'png', matches: (head) => head.toString('latin1', 0, 4) === '\x89PNG' },
  { ending: 'jpg', matches: (head) => head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff },
  {
    ending: 'webp',
    matches: (head) => head.toString('latin1', 0, 4) === 'RIFF' && head.toString('latin1', 8, 12) === 'WEBP',
  },
  { ending: 'gif', matches: (head) => head.toString('latin1', 0, 4) === 'GIF8' },
]

/** What A1111 takes for the picture of a model. */
const PREVIEW_ENDINGS = ['', '.preview'].flatMap((middle) =>
  ['png', 'jpg', 'jpeg', 'webp', 'gif'].map((ending) => `${middle}.${ending}`),
)

const PREVIEW_WIDTH = 450
/** At that width they have 100 KB. */
const MAX_PREVIEW_BYTES = 20 * 1024 * 1024

/**
 * Writes the first picture of a version next to its file, unless there is one.
 * @returns its path, if it was written
 * @throws CIVITAI_PREVIEW, CIVITAI_SIDECAR (exit 1); what `follow`, `readBody` and `writeNewFile` throw
 */
export async function writePreview(
  model: ModelFile,
  site: Site,
  world: HttpWorld,
): Promise<string | undefined> {
  const { path, version } = model
  const stem = sidecarStem(path)
  if (PREVIEW_ENDINGS.some((ending) => existsSync(stem + ending))) return undefined
  const image = version.images.find(({ type }) => type === 'image')
  if (!image) return undefined
  const bytes = await fetchPicture(image.url, site, world)
  const picture = PICTURES.find(({ matches }) => matches(bytes))
  if (!picture) throw new SdtoolError('CIVITAI_PREVIEW', messages.notAPicture(path))
  const preview = `${stem}.preview.${picture.ending}`
  await checkIsSidecar(preview, model)
  await writeNewFile(preview, bytes)
  return preview
}

async function fetchPicture(address: string, site: Site, world: HttpWorld): Promise<Buffer> {
  // a path segment of the address names the size
  const url = new URL(address.replace(/\/(?:width=\d+|original=true)(?=\/)/, `/width=${PREVIEW_WIDTH}`))
  const foreign = isPrivateHost(url.hostname) && !mayBePrivate(url, site)
  if (foreign || !/^https?:$/.test(url.protocol))
    throw new SdtoolError('CIVITAI_PREVIEW', messages.previewAddress(url.host))
  const limit = deadline(world, 'wholeMs')
  try {
    const { answer } = await follow(
      { url, headers: { accept: 'image/*' }, signal: limit.signal },
      site,
      world,
    )
    if (answer.status === 200) return await readBody(answer, MAX_PREVIEW_BYTES, url)
    answer.discard()
    throw new SdtoolError('CIVITAI_PREVIEW', messages.previewStatus(url.host, answer.status))
  } catch (cause) {
    world.signal.throwIfAborted()
    throw cause instanceof SdtoolError ? cause : networkError(cause, url)
  } finally {
    limit.lift()
  }
}
