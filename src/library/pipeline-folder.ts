/** Folders of diffusers, and the weights in them. */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { counted, info, warning } from '../model/finding.ts'
import type { SchedulerFacts } from '../model/identify/prediction.ts'
import { PIPELINE_FOLDERS, type PipelineFolder } from '../model/layouts/pipeline.ts'
import { storedName } from '../model/layouts/stored.ts'
import { refuse } from '../system/errors.ts'
import { isJsonObject } from '../system/json.ts'
import { quoted } from '../system/text.ts'
import type { Finding } from '../tensor/values/table.ts'
import { schedulerOf, smallJson } from './hints.ts'
import { messages } from './messages.ts'
import { type Interruptible, withModels } from './session.ts'
import { PIPELINE_INDEX } from './shards.ts'

export function isPipelineFolder(path: string): boolean {
  return existsSync(join(path, PIPELINE_INDEX))
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

/** A file of the weights of one network. */
export interface PipelineFile {
  readonly part: PipelineFolder
  readonly path: string
}

export interface PipelineFiles {
  readonly files: readonly PipelineFile[]
  readonly scheduler: SchedulerFacts
  readonly findings: readonly Finding[]
}

/**
 * The weights in a folder, in the order of `PIPELINE_FOLDERS`, and what its scheduler says.
 * @throws NOT_A_PIPELINE, SHARDS_MISSING, SHARDS_INCOMPLETE (exit 3), and what opening shards throws
 */
export async function pipelineFiles(folder: string, world: Interruptible): Promise<PipelineFiles> {
  const { files, findings } = await weightFiles(folder)
  for (const paths of files.values()) await checkIndex(paths, world)
  return {
    files: [...files].flatMap(([part, paths]) => paths.map((path) => ({ part, path }))),
    scheduler: await schedulerOf(folder),
    findings,
  }
}

/** Networks that other programs have in files of their own: the expert for low noise of Wan 2.2, encoders of pictures. */
const APART: Readonly<Record<string, (folder: string) => string>> = {
  transformer_2: (folder) => messages.secondTransformer(folder),
  image_encoder: (folder) => messages.imageEncoder(folder),
}

interface FolderWeights {
  readonly files: ReadonlyMap<PipelineFolder, readonly string[]>
  readonly findings: readonly Finding[]
}

/**
 * Files of the weights of each network. Of several sets: safetensors before pickles, full precision before variants,
 * one file before shards.
 * @throws NOT_A_PIPELINE, SHARDS_MISSING (exit 3)
 */
async function weightFiles(folder: string): Promise<FolderWeights> {
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
    const unused = others.map((set) => set[0]!.name).join(', ')
    if (unused !== '')
      findings.push(info('other-weights', messages.otherWeights(part, chosen[0]!.name, unused)))
  }
  if (!files.has('unet') && !files.has('transformer'))
    throw refuse('NOT_A_PIPELINE', messages.noDenoiserWeights(folder), messages.expectedWeights)
  for (const [name, message] of Object.entries(APART))
    if (existsSync(join(folder, name))) findings.push(warning('network-apart', message(join(folder, name))))
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

/** @throws SHARDS_MISSING (exit 3) */
function checkShards(folder: string, set: readonly WeightFile[]): void {
  const [{ shards, name }] = set as [WeightFile]
  if (set.length === shards) return
  const message = messages.missingShards(folder, set.length, shards, quoted(name))
  throw refuse('SHARDS_MISSING', message, messages.downloadOtherShards)
}

/**
 * Compares the shards of a network with the list next to them, `*.index.json`.
 * @throws SHARDS_INCOMPLETE (exit 3) for a tensor that is in none of them
 */
async function checkIndex(paths: readonly string[], world: Interruptible): Promise<void> {
  if (paths.length < 2) return
  const folder = dirname(paths[0]!)
  const listed = await indexOf(folder, basename(paths[0]!))
  const missing = await withModels(paths, world, async (opened) => {
    const names = opened.flatMap(({ model }) =>
      [...model.tensors.keys()].map((name) => storedName(model, name)),
    )
    const there = new Set(names)
    return [...listed].filter((name) => !there.has(name))
  })
  if (missing.length > 0)
    throw refuse('SHARDS_INCOMPLETE', messages.incompleteShards(folder, counted(missing, 'tensor')))
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
