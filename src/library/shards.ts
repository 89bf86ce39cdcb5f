/** A folder with one network in several files, as transformers and diffusers write what is large. */
import { existsSync, readdirSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MODEL_ENDINGS } from '../model/file-name.ts'
import { counted } from '../model/finding.ts'
import { refuse } from '../system/errors.ts'
import { type Hashes, type HashOptions, hashFile, hashJoined } from '../system/hash.ts'
import { isJsonObject } from '../system/json.ts'
import { quoted } from '../system/text.ts'
import type { ModelFile, Tensor } from '../tensor/values/table.ts'
import { smallJson } from './hints.ts'
import { messages } from './messages.ts'

/** `model.safetensors.index.json`, `diffusion_pytorch_model.fp16.bin.index.json`. */
const RE_INDEX = /^[^/]+\.(safetensors|bin)\.index(\.\w+)?\.json$/

/** `model-00001-of-00003.safetensors`, with a variant in either place. */
const RE_SHARD = /-\d{5}-of-\d{5}(?:\.\w+)?\.(?:safetensors|bin)$/

/** What diffusers calls the list of the parts of a pipeline, which has folders for its networks. */
export const PIPELINE_INDEX = 'model_index.json'

/**
 * The list of the shards of a folder that is one model: the only one, or the one of safetensors. Undefined for a
 * folder that is none, that has other models, too, or where several lists could be meant.
 */
export function shardIndex(names: readonly string[]): string | undefined {
  const models = names.filter((name) => MODEL_ENDINGS.some((ending) => name.toLowerCase().endsWith(ending)))
  if (names.includes(PIPELINE_INDEX) || models.length === 0 || !models.every(isShard)) return undefined
  const indexes = names.filter((name) => RE_INDEX.test(name))
  const preferred = indexes.filter((name) => RE_INDEX.exec(name)![1] === 'safetensors')
  const choice = preferred.length > 0 ? preferred : indexes
  return choice.length === 1 ? choice[0] : undefined
}

export function isShard(name: string): boolean {
  return RE_SHARD.test(name)
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    // a file, or nothing that can be read
    return []
  }
}

/** Whether the weights of one network are in this folder, in several files. */
export function isShardFolder(path: string): boolean {
  return shardIndex(namesIn(path)) !== undefined
}

/** A network in several files: the file of each tensor, by the tensor's name. */
export interface ShardList {
  readonly weights: ReadonlyMap<string, string>
  /** Paths, in order of their names. */
  readonly files: readonly string[]
}

/** @throws SHARDS_MISSING (exit 3) for files that are not there, SHARDS_INCOMPLETE for a list that cannot be read */
export async function shardsOf(folder: string): Promise<ShardList> {
  const index = shardIndex(namesIn(folder))!
  const { weight_map: map } = await smallJson(join(folder, index))
  const entries = isJsonObject(map) ? Object.entries(map) : []
  const weights = new Map(entries.flatMap(([name, file]) => (typeof file === 'string' ? [[name, file]] : [])))
  const names = [...new Set(weights.values())].sort()
  // a list of a stranger must not lead out of its folder
  if (names.length === 0 || !names.every(isShard) || names.some((name) => /[/\\]/.test(name)))
    throw refuse('SHARDS_INCOMPLETE', messages.unreadableIndex(join(folder, index)))
  const missing = names.filter((name) => !existsSync(join(folder, name)))
  if (missing.length > 0) {
    const text = messages.missingShards(
      folder,
      names.length - missing.length,
      names.length,
      quoted(missing[0]!),
    )
    throw refuse('SHARDS_MISSING', text, messages.downloadOtherShards)
  }
  return { weights, files: names.map((name) => join(folder, name)) }
}

/**
 * One model of the shards of a folder, named by the folder.
 * @throws SHARDS_INCOMPLETE (exit 3) for a tensor that is in none of them, or in two
 */
export function joinedShards(
  folder: string,
  { weights }: Pick<ShardList, 'weights'>,
  shards: readonly ModelFile[],
): ModelFile {
  const tensors = new Map<string, Tensor>()
  for (const shard of shards) {
    for (const [name, tensor] of shard.tensors) {
      if (tensors.has(name))
        throw refuse('SHARDS_INCOMPLETE', messages.tensorInTwoShards(folder, quoted(name)))
      tensors.set(name, tensor)
    }
  }
  const missing = [...weights.keys()].filter((name) => !tensors.has(name))
  if (missing.length > 0)
    throw refuse('SHARDS_INCOMPLETE', messages.incompleteShards(folder, counted(missing, 'tensor')))
  const [first] = shards as [ModelFile, ...ModelFile[]]
  const files = shards.map(({ file }) => file)
  const { headerBytes: _, ...facts } = first
  const sums = shards.flatMap(({ checksums }) => checksums ?? [])
  return {
    ...facts,
    tensors,
    file: { path: folder, size: files.reduce((sum, { size }) => sum + size, 0) },
    shards: files,
    ...(sums.length > 0 && {
      checksums: {
        stated: sums.flatMap(({ stated }) => stated),
        without: sums.reduce((sum, { without }) => sum + without, 0),
      },
    }),
    leftovers: shards.flatMap(({ leftovers }) => leftovers),
    findings: shards.flatMap(({ findings }) => findings),
  }
}

/** Hashes of a model: a folder of shards has those of its files, one behind the other, but no AutoV3. */
export async function hashModel(path: string, options: HashOptions = {}): Promise<Hashes> {
  if (!isShardFolder(path)) return hashFile(path, options)
  const { autoV3: _, ...hashes } = await hashJoined((await shardsOf(path)).files, options)
  return hashes
}

/** Bytes of a model, and when it was last changed. @throws errors of the system, what `shardsOf` throws */
export async function modelStat(path: string): Promise<{ readonly bytes: number; readonly mtimeMs: number }> {
  const files = isShardFolder(path) ? (await shardsOf(path)).files : [path]
  const all = await Promise.all(files.map((file) => stat(file)))
  return {
    bytes: all.reduce((sum, { size }) => sum + size, 0),
    mtimeMs: Math.max(...all.map(({ mtimeMs }) => mtimeMs)),
  }
}
