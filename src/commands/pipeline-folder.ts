/** Folders of diffusers: finding the weights in them, and writing them whole or not at all. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { EXIT, refuse, SdtoolError } from '../errors.ts'
import { PIPELINE_FOLDERS, type PipelineFolder } from '../model/layout/pipeline.ts'
import { isJsonObject, parseJsonText } from '../model/metadata/json-text.ts'
import type { JsonValue } from '../model/recipe.ts'

const INDEX = 'model_index.json'

export function isPipelineFolder(path: string): boolean {
  return existsSync(join(path, INDEX))
}

/** A configuration is small; something else under its name is not read. */
const MAX_CONFIG_BYTES = 1_000_000

/** How the scheduler says that the model predicts v. */
export async function schedulerOf(folder: string): Promise<Readonly<Record<string, JsonValue>>> {
  const bytes = await readFile(join(folder, 'scheduler/scheduler_config.json')).catch(() => undefined)
  if (bytes === undefined || bytes.byteLength > MAX_CONFIG_BYTES) return {}
  const config = parseJsonText(bytes.toString('utf8'))
  return isJsonObject(config) ? config : {}
}

/** Weights of one network, possibly in several files. Names: diffusers for UNet and VAE, transformers for encoders. */
const WEIGHTS =
  /^(?:diffusion_pytorch_model|model|pytorch_model)(\.(?:fp16|bf16))?(?:-\d{5}-of-\d{5})?(?:\.(?:fp16|bf16))?\.(safetensors|bin)$/

/**
 * Files of the weights of each network. Of several sets: safetensors before pickles, full precision before half.
 * @throws NOT_A_PIPELINE (exit 3)
 */
export async function weightFiles(folder: string): Promise<Map<PipelineFolder, string[]>> {
  const found = new Map<PipelineFolder, string[]>()
  for (const part of PIPELINE_FOLDERS) {
    const names = await readdir(join(folder, part)).catch(() => [])
    const chosen = oneSet(names.filter((name) => WEIGHTS.test(name)))
    if (chosen.length > 0)
      found.set(
        part,
        chosen.map((name) => join(folder, part, name)),
      )
  }
  if (!found.has('unet'))
    throw refuse(
      'NOT_A_PIPELINE',
      `${folder}: there are no weights in unet/`,
      'Looked for diffusion_pytorch_model.safetensors and .bin.',
    )
  return found
}

function oneSet(names: readonly string[]): string[] {
  const sets = new Map<string, string[]>()
  for (const name of names.toSorted()) {
    const key = `${name.endsWith('.bin') ? 1 : 0}${/\.(?:fp16|bf16)/.test(name) ? 1 : 0}${/-of-/.test(name) ? 1 : 0}`
    sets.set(key, [...(sets.get(key) ?? []), name])
  }
  const [best] = [...sets.keys()].sort()
  return best === undefined ? [] : sets.get(best)!
}

/** A folder that gets its name when all of it is there. */
export interface StagedFolder {
  readonly path: string
  commit(): Promise<void>
  /** Removes what was written; nothing after `commit`. Never throws. */
  abort(): Promise<void>
}

/** @throws OUTPUT_EXISTS (exit 2) */
export async function stageFolder(target: string, force: boolean): Promise<StagedFolder> {
  checkFree(target, force)
  const path = join(dirname(target), `.${basename(target)}.${randomBytes(4).toString('hex')}.part`)
  await mkdir(path, { recursive: true })
  return {
    path,
    async commit() {
      checkFree(target, force)
      const old = `${path}.old`
      const isThere = existsSync(target)
      if (isThere) await rename(target, old)
      await rename(path, target)
      if (isThere) await rm(old, { recursive: true, force: true })
    },
    async abort() {
      await rm(path, { recursive: true, force: true }).catch(() => {})
    },
  }
}

export function checkFree(target: string, force: boolean): void {
  if (!existsSync(target) || force) return
  throw new SdtoolError('OUTPUT_EXISTS', `${target} exists already`, {
    exitCode: EXIT.usage,
    hint: 'Use --force to replace it, or -o to write to another folder.',
  })
}

export async function writeTexts(folder: string, texts: ReadonlyMap<string, string>): Promise<void> {
  for (const [name, text] of texts) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text, { flag: 'wx' })
  }
}
