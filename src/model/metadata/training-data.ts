import { defined } from '../../system/defined.ts'
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  jsonEntries,
  ownValue,
  parseJsonText,
} from '../../system/json.ts'
import { countOf, type Metadata, scalarText, textOf } from './facts.ts'

export interface TagCount {
  readonly tag: string
  readonly count: number
}

/** A folder of training images. */
export interface Dataset {
  readonly name: string
  readonly images?: number
  readonly repeats?: number
  /** "768x768". */
  readonly resolution?: string
}

/** Images of one size, after bucketing; `count` includes repeats. */
export interface Bucket {
  readonly width: number
  readonly height: number
  readonly count: number
}

/** What an adapter or embedding was trained on. */
export interface TrainingData {
  readonly datasets: readonly Dataset[]
  /** Biggest first. */
  readonly buckets: readonly Bucket[]
  /** All tags of all folders, most frequent first. */
  readonly tags: readonly TagCount[]
}

export function trainingData(metadata: Metadata): TrainingData {
  const sets = userDatasets(metadata)
  return { datasets: datasets(metadata, sets), buckets: buckets(metadata, sets), tags: tags(metadata, sets) }
}

/** Data sets of a configuration file; older trainers have one, spread over keys of its own. */
function userDatasets(metadata: Metadata): JsonObject[] {
  const list = parseJsonText(textOf(metadata, 'ss_datasets'))
  return Array.isArray(list) ? list.filter(isJsonObject) : []
}

function datasets(metadata: Metadata, sets: readonly JsonObject[]): Dataset[] {
  const folders = jsonEntries(parseJsonText(textOf(metadata, 'ss_dataset_dirs')))
  if (sets.length === 0) {
    return folders.flatMap(([name, value]) => {
      return isJsonObject(value) ? dataset(name, value, 'n_repeats', undefined) : []
    })
  }
  return sets.flatMap((set) => {
    const subsets = ownValue(set, 'subsets')
    const resolution = sizeText(ownValue(set, 'resolution'))
    return (Array.isArray(subsets) ? subsets.filter(isJsonObject) : []).flatMap((subset) => {
      const name =
        scalarText(ownValue(subset, 'image_dir')) ?? scalarText(ownValue(subset, 'metadata_file')) ?? '?'
      return dataset(name, subset, 'num_repeats', resolution)
    })
  })
}

function dataset(
  name: string,
  value: JsonObject,
  repeatsKey: string,
  resolution: string | undefined,
): Dataset[] {
  const [images, repeats] = [countOf(ownValue(value, 'img_count')), countOf(ownValue(value, repeatsKey))]
  return [
    {
      name,
      ...defined({ images, repeats, resolution }),
    },
  ]
}

function resolutionOf(value: JsonValue | undefined): [number, number] | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined
  const [width, height] = [countOf(value[0]), countOf(value[1])]
  return width === undefined || height === undefined ? undefined : [width, height]
}

function sizeText(value: JsonValue | undefined): string | undefined {
  return resolutionOf(value)?.join('x')
}

function buckets(metadata: Metadata, sets: readonly JsonObject[]): Bucket[] {
  const infos = [
    parseJsonText(textOf(metadata, 'ss_bucket_info')),
    ...sets.map((set) => ownValue(set, 'bucket_info')),
  ]
  const counts = new Map<string, Bucket>()
  for (const info of infos) {
    if (!isJsonObject(info)) continue
    for (const [, bucket] of jsonEntries(ownValue(info, 'buckets'))) addBucket(counts, bucket)
  }
  return [...counts.values()].sort((a, b) => b.count - a.count)
}

function addBucket(counts: Map<string, Bucket>, value: JsonValue): void {
  if (!isJsonObject(value)) return
  const size = resolutionOf(ownValue(value, 'resolution'))
  const count = countOf(ownValue(value, 'count'))
  if (size === undefined || count === undefined) return
  const [width, height] = size
  const key = size.join('x')
  counts.set(key, { width, height, count: count + (counts.get(key)?.count ?? 0) })
}

/** Tags of all folders together; the trainer counts each folder for itself. */
function tags(metadata: Metadata, sets: readonly JsonObject[]): TagCount[] {
  const merged = parseJsonText(textOf(metadata, 'ss_tag_frequency'))
  // The trainer writes both keys; adding them up would count twice
  const sources = isJsonObject(merged) ? [merged] : sets.map((set) => ownValue(set, 'tag_frequency'))
  const counts = new Map<string, number>()
  for (const source of sources) {
    for (const [, folder] of jsonEntries(source)) {
      for (const [tag, value] of jsonEntries(folder)) {
        const name = tag.trim()
        const count = countOf(value)
        if (name !== '' && count !== undefined) counts.set(name, (counts.get(name) ?? 0) + count)
      }
    }
  }
  return [...counts].map(([tag, count]) => ({ tag, count })).sort((a, b) => b.count - a.count)
}
