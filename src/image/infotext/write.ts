/** Writes the `parameters` text of a picture as A1111 does (`processing.py`, create_infotext). */
import { stripped } from './python-text.ts'

/** A file that a picture was made with. */
export interface HashedFile {
  /** As it stands in a prompt: without folders and ending. */
  readonly name: string
  /** Hex: ten digits of SHA-256 (AutoV2), twelve of AutoV3 for LoRAs. */
  readonly hash: string
}

/** How a picture was made. */
export interface GenerationFacts {
  /** With its `<lora:...>` tags. */
  readonly prompt: string
  readonly negative?: string
  readonly steps: number
  /** A1111's name: `DPM++ 2M`. */
  readonly sampler: string
  /** A1111's name: `Karras`. */
  readonly scheduleType?: string
  readonly cfgScale: number
  readonly seed: number | bigint
  readonly width: number
  readonly height: number
  readonly model?: { readonly name: string; readonly hash?: string }
  readonly vae?: HashedFile
  readonly clipSkip?: number
  /** Where the noise came from; A1111 assumes a GPU where nothing is said. */
  readonly rng: 'CPU' | 'NV'
  readonly loras?: readonly HashedFile[]
  readonly embeddings?: readonly HashedFile[]
  /** Further settings, by A1111's names where it has them. */
  readonly extra?: Readonly<Record<string, string | number | undefined>>
  readonly version: string
}

/** The text for the PNG keyword `parameters`. */
export function infotextOf(facts: GenerationFacts): string {
  const { prompt, negative, model, vae, clipSkip } = facts
  return joinInfotext(prompt, negative ?? '', {
    Steps: facts.steps,
    Sampler: facts.sampler,
    'Schedule type': facts.scheduleType,
    'CFG scale': facts.cfgScale,
    Seed: String(facts.seed),
    Size: `${facts.width}x${facts.height}`,
    'Model hash': model?.hash,
    Model: model?.name,
    'VAE hash': vae?.hash,
    VAE: vae?.name,
    'Clip skip': clipSkip !== undefined && clipSkip > 1 ? clipSkip : undefined,
    RNG: facts.rng,
    'Lora hashes': hashList(facts.loras),
    'TI hashes': hashList(facts.embeddings),
    ...facts.extra,
    Version: facts.version,
  })
}

/** `name: 12hex, name: 12hex`; separators inside of a name are left out, as in A1111. */
export function hashList(files: readonly HashedFile[] = []): string | undefined {
  if (files.length === 0) return undefined
  return files.map(({ name, hash }) => `${name.replace(/[:,]/g, '')}: ${hash}`).join(', ')
}

type Settings = Readonly<Record<string, string | number | undefined>>

/** Prompt, negative prompt and settings in one text. Settings that are undefined are left out. */
export function joinInfotext(prompt: string, negative: string, settings: Settings): string {
  const pairs = Object.entries(settings).flatMap(([key, value]) => {
    return value === undefined ? [] : [`${key}: ${quotedValue(String(value))}`]
  })
  const negativeLine = negative === '' ? '' : `\nNegative prompt: ${negative}`
  return stripped(`${prompt}${negativeLine}\n${pairs.join(', ')}`)
}

/**
 * A JSON string where the value could be taken for something else. A1111 quotes only what has a comma, a colon or a
 * line break; it reads the others as well, and loses quotes and spaces at the ends if they are left as they are.
 */
function quotedValue(value: string): string {
  const isPlain = !/[,:\n]/.test(value) && !value.startsWith('"') && value === stripped(value) && value !== ''
  return isPlain ? value : JSON.stringify(value)
}
