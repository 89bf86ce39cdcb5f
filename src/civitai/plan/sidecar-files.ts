/** Files next to a model: which may be written, how they are read and written. */
import { lstat, readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { SdtoolError } from '../../system/errors.ts'
import { type JsonValue, parseJsonText } from '../../system/json.ts'
import type { CivitaiVersion } from '../api/shapes.ts'
import { nameKey, splitName } from './file-name.ts'
import { messages } from './messages.ts'

/** A model file, and what is known about it. */
export interface ModelFile {
  readonly path: string
  readonly sha256?: string
  readonly version: CivitaiVersion
  /** All files of this run: none of them is a sidecar, whatever its name. */
  readonly files?: readonly string[]
}

/** `models/Lora/miku` of `models/Lora/miku.safetensors`. */
export function sidecarStem(path: string): string {
  return splitName(path).stem
}

/** Whether something has that name, a link that leads nowhere included. */
export async function isTaken(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined
}

/** @throws CIVITAI_SIDECAR (exit 1) where the name is that of the model, or of another file of the run */
export async function checkIsSidecar(sidecar: string, { path, files = [] }: ModelFile): Promise<void> {
  const [own, others] = [nameKey(sidecar), await stat(sidecar).catch(() => undefined)]
  for (const file of [path, ...files]) {
    const info = others && (await stat(file).catch(() => undefined))
    const isLinked = info !== undefined && info.ino === others?.ino && info.dev === others.dev
    if (own !== nameKey(file) && !isLinked) continue
    if (file === path) throw sidecarError(messages.sidecarIsTheModel(sidecar))
    throw sidecarError(messages.sidecarIsAnotherFile(sidecar, basename(file)))
  }
}

/** CIVITAI_SIDECAR (exit 1) */
export function sidecarError(message: string): SdtoolError {
  return new SdtoolError('CIVITAI_SIDECAR', message)
}

/** The site's answers have some 100 KB. What is much larger is something else under that name. */
const MAX_INFO_BYTES = 16 * 1024 * 1024

/** Undefined for what is not JSON, not a file, or too large for a sidecar. */
export async function jsonAt(path: string): Promise<JsonValue | undefined> {
  const info = await stat(path).catch(() => undefined)
  if (!info?.isFile() || info.size > MAX_INFO_BYTES) return undefined
  return parseJsonText(await readFile(path, 'utf8').catch(() => ''), MAX_INFO_BYTES)
}
