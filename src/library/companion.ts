/** `adapter_config.json`: what PEFT says about an adapter, in a file of its own. */
import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Companion, TensorTable } from '../tensor/values/table.ts'

const NAME = 'adapter_config.json'

/** Real ones have some KB; one with a rank for each layer of the largest model some hundred. */
const MAX_BYTES = 4 * 1024 * 1024

/** `adapter_model.safetensors`, `.bin`. */
const OWN_FILE = /^adapter_model\./i

/** PEFT's wrapper around the network, which begins all its keys. */
const WRAPPER = 'base_model.model.'

/**
 * The file that belongs to an adapter: that in its folder, if the adapter has the name PEFT gives it, or if it has PEFT's keys
 * under another name and no file of that name is there. Undefined for all other files.
 */
export async function companionOf(path: string, { tensors }: TensorTable): Promise<Companion | undefined> {
  if (!OWN_FILE.test(basename(path)) && !(await isRenamed(path, tensors))) return undefined
  const config = join(dirname(path), NAME)
  const info = await stat(config).catch(() => undefined)
  if (info === undefined) return undefined
  if (!info.isFile() || info.size > MAX_BYTES) return { name: NAME }
  const data = await readFile(config).catch(() => undefined)
  if (data === undefined) return { name: NAME }
  const text = new TextDecoder().decode(data)
  return { name: NAME, text, sha256: createHash('sha256').update(data).digest('hex') }
}

/** Whether a file may have one, which costs no look into it. */
export async function mayHaveCompanion(path: string): Promise<boolean> {
  return (await stat(join(dirname(path), NAME)).catch(() => undefined)) !== undefined
}

async function isRenamed(path: string, tensors: TensorTable['tensors']): Promise<boolean> {
  if (![...tensors.keys()].some((name) => name.includes(WRAPPER))) return false
  const names = await readdir(dirname(path)).catch(() => [])
  return !names.some((name) => OWN_FILE.test(name))
}
