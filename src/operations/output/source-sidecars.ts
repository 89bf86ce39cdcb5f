/** Files next to the source of a model that have its name, and would be lost with the name. */

import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { info } from '../../model/finding.ts'
import { withoutHashes } from '../../model/metadata/sidecar-hashes.ts'
import { EXIT, SdtoolError } from '../../system/errors.ts'
import type { FileRef } from '../../system/file-ref.ts'
import { parseJsonText } from '../../system/json.ts'
import { messages as system } from '../../system/messages.ts'
import { writeNewFile } from '../../system/new-file.ts'
import type { Finding } from '../../tensor/values/table.ts'
import { messages } from './messages.ts'

const PICTURES = ['png', 'jpg', 'jpeg', 'webp', 'gif'].flatMap((kind) => [`.${kind}`, `.preview.${kind}`])

/** Endings in place of that of the model, by what becomes of such files. */
const ENDINGS: ReadonlyMap<string, 'copy' | 'json' | 'stays'> = new Map([
  ...['.yaml', '.txt', '.md', '.description.txt', ...PICTURES].map((ending) => [ending, 'copy'] as const),
  // they state hashes, which are those of other bytes then
  ...['.civitai.info', '.cm-info.json', '.metadata.json', '.json'].map((ending) => [ending, 'json'] as const),
  ...['.sha256', '.vae.pt', '.vae.ckpt', '.vae.safetensors'].map((ending) => [ending, 'stays'] as const),
])

/** Larger ones are not notes. */
const MAX_BYTES = 64 * 1024 * 1024

interface SourceSidecar {
  readonly path: string
  readonly ending: string
  readonly use: 'copy' | 'json' | 'stays'
}

function stemOfPath(path: string): string {
  return path.slice(0, path.length - extname(path).length)
}

/** Nothing where the output has the name of its source, in the same folder. */
async function sidecarsOf(source: string, output: string): Promise<SourceSidecar[]> {
  const stem = stemOfPath(source)
  if (resolve(stem) === resolve(stemOfPath(output))) return []
  const folder = dirname(source)
  const found: SourceSidecar[] = []
  for (const name of (await readdir(folder).catch(() => [])).sort()) {
    const ending = name.startsWith(basename(stem)) ? name.slice(basename(stem).length) : ''
    const use = ENDINGS.get(ending.toLowerCase())
    const path = join(folder, name)
    if (use === undefined || resolve(path) === resolve(source)) continue
    const size = await stat(path).then(
      (info) => (info.isFile() ? info.size : Number.POSITIVE_INFINITY),
      () => Number.POSITIVE_INFINITY,
    )
    if (size <= MAX_BYTES || use === 'stays') found.push({ path, ending, use })
  }
  return found
}

export interface SidecarJob {
  readonly source: string
  readonly output: string
  /** Files of the run, which must not be overwritten. */
  readonly inputs: readonly FileRef[]
  readonly copies: boolean
  readonly force: boolean
}

/** What would happen to them. @throws OUTPUT_EXISTS (exit 2) where a copy would replace a file */
export async function plannedSidecars({ source, output, copies, force }: SidecarJob): Promise<Finding[]> {
  const found = await sidecarsOf(source, output)
  if (!copies) return leftFindings(source, found)
  for (const one of found.filter(({ use }) => use !== 'stays')) await checkPlace(placeOf(one, output), force)
  return copiedFindings(found, output)
}

/** Of a model that becomes a folder, where such files have no place. */
export async function sidecarsLeft(source: string): Promise<Finding[]> {
  const found = await sidecarsOf(source, '')
  if (found.length === 0) return []
  const names = found.map(({ path }) => basename(path))
  return [info('sidecars-left', messages.sidecarsLeftByFolder(names))]
}

/** Copies them to the name of the output, which is there. @throws what `writeNewFile` throws */
export async function copySidecars(job: SidecarJob): Promise<Finding[]> {
  const { source, output, inputs, copies, force } = job
  const found = await sidecarsOf(source, output)
  if (!copies) return leftFindings(source, found)
  for (const one of found) {
    if (one.use === 'stays') continue
    const data = await readFile(one.path)
    await writeNewFile(placeOf(one, output), one.use === 'json' ? restated(data) : data, { force, inputs })
  }
  return copiedFindings(found, output)
}

function placeOf({ ending }: SourceSidecar, output: string): string {
  return stemOfPath(output) + ending
}

async function checkPlace(path: string, force: boolean): Promise<void> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  )
  if (!isThere || force) return
  throw new SdtoolError('OUTPUT_EXISTS', system.outputExists(path), {
    exitCode: EXIT.usage,
    hint: messages.forceOrNoSidecars,
  })
}

/** Notes without the hashes in them; as they are where they are not JSON. */
function restated(data: Buffer): Uint8Array {
  const value = parseJsonText(data.toString('utf8'))
  return value === undefined ? data : Buffer.from(`${JSON.stringify(withoutHashes(value), null, 4)}\n`)
}

function leftFindings(source: string, found: readonly SourceSidecar[]): Finding[] {
  if (found.length === 0) return []
  const names = found.map(({ path }) => basename(path))
  return [info('sidecars-left', messages.sidecarsLeft(names, basename(source)))]
}

function copiedFindings(found: readonly SourceSidecar[], output: string): Finding[] {
  const names = (wanted: boolean) =>
    found
      .filter(({ use }) => (use !== 'stays') === wanted)
      .map((one) => basename(wanted ? placeOf(one, output) : one.path))
  const [copied, left] = [names(true), names(false)]
  return [
    ...(copied.length === 0 ? [] : [info('sidecars', messages.sidecarsCopied(copied))]),
    ...(left.length === 0 ? [] : [info('sidecars-left', messages.sidecarsNotCopied(left))]),
  ]
}
