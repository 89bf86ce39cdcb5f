/** Folders of diffusers: finding the weights in them, and writing them whole or not at all. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { EXIT, refuse, SdtoolError } from '../errors.ts'
import { smallJson } from '../library/hints.ts'
import { counted, info } from '../model/finding.ts'
import type { KnownFile } from '../model/identity.ts'
import { PIPELINE_FOLDERS, type PipelineFolder } from '../model/layout/pipeline.ts'
import { isJsonObject } from '../model/metadata/json-text.ts'
import { storedName } from '../model/names/stored.ts'
import { temporaryFolder } from '../system/leftovers.ts'
import type { Finding } from '../tensor/table.ts'
import { quoted } from '../tensor/text.ts'

const INDEX = 'model_index.json'

export function isPipelineFolder(path: string): boolean {
  return existsSync(join(path, INDEX))
}

/**
 * Weights of one network, possibly in several files. Names: diffusers for UNet and VAE, transformers for encoders. A
 * variant stands before the number of the shard, in older folders behind it.
 */
const WEIGHTS =
  /^(?:diffusion_pytorch_model|model|pytorch_model)(?:\.(?<early>\w+))?(?:-(?<shard>\d{5})-of-(?<shards>\d{5}))?(?:\.(?<late>\w+))?\.(?<ending>safetensors|bin)$/

interface WeightFile {
  readonly name: string
  /** `fp16`; '' for full precision. */
  readonly variant: string
  /** How many files there should be. */
  readonly shards: number
  readonly ending: string
}

function weightFile(name: string): WeightFile[] {
  const found = WEIGHTS.exec(name)?.groups
  if (found === undefined) return []
  const { early, late, shards, ending = '' } = found
  return [{ name, variant: early ?? late ?? '', shards: Number(shards ?? 1), ending }]
}

export interface FolderWeights {
  readonly files: ReadonlyMap<PipelineFolder, readonly string[]>
  readonly findings: readonly Finding[]
}

/**
 * Files of the weights of each network. Of several sets: safetensors before pickles, full precision before variants,
 * one file before shards.
 * @throws NOT_A_PIPELINE, SHARDS_MISSING (exit 3)
 */
export async function weightFiles(folder: string): Promise<FolderWeights> {
  const files = new Map<PipelineFolder, string[]>()
  const findings: Finding[] = []
  for (const part of PIPELINE_FOLDERS) {
    const names = await readdir(join(folder, part)).catch(() => [])
    const sets = setsOf(names.flatMap(weightFile))
    const [chosen, ...others] = sets
    if (chosen === undefined) continue
    checkShards(join(folder, part), chosen)
    files.set(
      part,
      chosen.map(({ name }) => join(folder, part, name)),
    )
    if (others.length > 0)
      findings.push(
        info(
          'other-weights',
          `${part}: took ${chosen[0]!.name}, not ${others.map((set) => set[0]!.name).join(', ')}`,
        ),
      )
  }
  if (!files.has('unet'))
    throw refuse(
      'NOT_A_PIPELINE',
      `${folder}: there are no weights in unet/`,
      'Looked for diffusion_pytorch_model.safetensors and .bin.',
    )
  return { files, findings }
}

/** Best first. */
function setsOf(files: readonly WeightFile[]): WeightFile[][] {
  const sets = new Map<string, WeightFile[]>()
  for (const file of files.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const { ending, variant, shards } = file
    const key = `${ending === 'bin' ? 1 : 0}${variant === '' ? 0 : 1}${variant} ${shards}`
    sets.set(key, [...(sets.get(key) ?? []), file])
  }
  return [...sets].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, set]) => set)
}

/** @throws SHARDS_MISSING */
function checkShards(folder: string, set: readonly WeightFile[]): void {
  const [{ shards, name }] = set as [WeightFile]
  if (set.length === shards) return
  throw refuse(
    'SHARDS_MISSING',
    `${folder}: ${set.length} of the ${shards} files that ${quoted(name)} is one of`,
    'Download the others, too.',
  )
}

/**
 * Holds the shards of a network against the list beside them, `*.index.json`.
 * @throws SHARDS_INCOMPLETE (exit 3) for a tensor that is in none of them
 */
export async function checkIndexes(paths: readonly string[], models: readonly KnownFile[]): Promise<void> {
  for (const folder of new Set(paths.map((path) => dirname(path)))) {
    const own = paths.flatMap((path, i) => (dirname(path) === folder ? [{ path, model: models[i]! }] : []))
    if (own.length < 2) continue
    const there = new Set(
      own.flatMap(({ model }) => [...model.tensors.keys()].map((name) => storedName(model, name))),
    )
    const listed = await indexOf(folder, basename(own[0]!.path))
    const missing = [...listed].filter((name) => !there.has(name))
    if (missing.length > 0)
      throw refuse(
        'SHARDS_INCOMPLETE',
        `${folder}: ${counted(missing, 'tensor')} of its index are in no file`,
      )
  }
}

/** Tensors by the index that lists this file; none if there is no index. */
async function indexOf(folder: string, file: string): Promise<Set<string>> {
  const names = (await readdir(folder).catch(() => [])).filter((name) =>
    /\.index(?:\.\w+)?\.json$/.test(name),
  )
  for (const name of names) {
    const { weight_map: map } = await smallJson(join(folder, name))
    if (map !== undefined && isJsonObject(map) && Object.values(map).includes(file))
      return new Set(Object.keys(map))
  }
  return new Set()
}

/** A folder that gets its name when all of it is there. */
export interface StagedFolder {
  readonly path: string
  commit(): Promise<void>
  /** Removes what was written; nothing after `commit`. Never throws. */
  abort(): Promise<void>
}

/** @throws what `checkFree` throws */
export async function stageFolder(target: string, force: boolean): Promise<StagedFolder> {
  checkFree(target, force)
  await mkdir(dirname(target), { recursive: true })
  const { path, remove } = await temporaryFolder(dirname(target), `.${basename(target)}`)
  return {
    path,
    async commit() {
      checkFree(target, force)
      const old = `${path}.old`
      const isThere = existsSync(target)
      // the new folder is for those whom the old one was for
      if (isThere) await chmod(path, statSync(target).mode & 0o777)
      if (isThere) await rename(target, old)
      await rename(path, target)
      if (isThere) await rm(old, { recursive: true, force: true })
    },
    abort: remove,
  }
}

/**
 * With `force` a folder of diffusers may be replaced, and an empty one; not somebody's folder of other things.
 * @throws OUTPUT_EXISTS, OUTPUT_NOT_A_PIPELINE (exit 2)
 */
export function checkFree(target: string, force: boolean): void {
  if (!existsSync(target)) return
  if (!force)
    throw new SdtoolError('OUTPUT_EXISTS', `${target} exists already`, {
      exitCode: EXIT.usage,
      hint: 'Use --force to replace it, or -o to write to another folder.',
    })
  const isFolder = statSync(target).isDirectory()
  if (isFolder && (isPipelineFolder(target) || readdirSync(target).length === 0)) return
  const what = isFolder ? `has no ${INDEX}, so it is no folder of diffusers` : 'is no folder'
  throw new SdtoolError('OUTPUT_NOT_A_PIPELINE', `${target} ${what}; it is not replaced`, {
    exitCode: EXIT.usage,
    hint: 'Name another folder with -o.',
  })
}

export async function writeTexts(folder: string, texts: ReadonlyMap<string, string>): Promise<void> {
  for (const [name, text] of texts) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text, { flag: 'wx' })
  }
}
