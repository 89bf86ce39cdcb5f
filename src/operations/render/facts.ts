import type { NetworkPrecision } from '../../runtime/engine/engine.ts'
/** What stands in the `parameters` of a picture, and of a sheet of pictures. */

import { stripped } from '../../image/infotext/python-text.ts'
import type { GenerationFacts } from '../../image/infotext/write.ts'
import type { ImageRequest, RenderSettings } from '../../runtime/engine/pipeline.ts'
import { RNGS } from '../../runtime/random/registry.ts'
import { defined } from '../../system/defined.ts'
import { type LoraSpec, loraTag } from '../merge-lora/lora-text.ts'
import { mentionedName, type PictureHashes } from './hash-book.ts'

/** How the pictures of a run are made. */
export interface Making {
  readonly settings: RenderSettings
  readonly options: { readonly ema: boolean; readonly precision?: NetworkPrecision }
  readonly hashes: PictureHashes
  readonly version: string
}

/** @param prompt with the tags of its LoRAs, without comments */
export function generationFacts(
  { prompt, negative, seed }: ImageRequest,
  { settings, options, hashes, version }: Making,
): GenerationFacts {
  const { sampler, schedule, steps, cfg, cfgRescale, width, height, rng, clipSkip } = settings
  const { model, vae, loras, embeddings } = hashes
  return {
    prompt,
    negative,
    steps,
    sampler: sampler.label,
    scheduleType: schedule?.label ?? 'Automatic',
    cfgScale: cfg,
    seed,
    width,
    height,
    model,
    ...(vae && { vae }),
    ...defined({ clipSkip }),
    rng: RNGS[rng].label,
    loras,
    embeddings,
    extra: {
      'CFG Rescale φ': cfgRescale || undefined,
      'Noise Schedule': noiseScheduleLabel(settings),
      Prediction: settings.prediction,
      Weights: options.ema ? 'EMA' : undefined,
      Precision: options.precision,
    },
    version: `sdtool ${version}`,
  }
}

/** A1111's word; nothing where the file decides. */
function noiseScheduleLabel({ zeroTerminalSnr }: RenderSettings): string | undefined {
  if (zeroTerminalSnr === undefined) return undefined
  return zeroTerminalSnr ? 'Zero Terminal SNR' : 'Default'
}

/** Pictures that stand on a sheet together. */
export interface SheetShots {
  readonly requests: readonly ImageRequest[]
  /** As they stand in the pictures. */
  readonly prompts: readonly string[]
}

/** Further settings of a sheet, the first of them what it shows. */
export type SheetSettings = Readonly<{ Sheet: string } & Record<string, string | undefined>>

/** The settings are those of the first picture; the prompts stand in lines of their own where they differ. */
export function sheetFacts(
  { requests, prompts }: SheetShots,
  making: Making,
  extra: SheetSettings,
): GenerationFacts {
  const seeds = requests.map(({ seed }) => String(seed))
  const first = {
    prompt: distinct(prompts).join('\n'),
    negative: distinct(requests.map(({ negative }) => negative)).join('\n'),
    seed: requests[0]!.seed,
  }
  const facts = generationFacts(first, making)
  const { Sheet, ...others } = extra
  const own = { Sheet, Seeds: seeds.length > 1 ? seeds.join(', ') : undefined, ...others }
  return { ...facts, extra: { ...facts.extra, ...own } }
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}

/** A prompt with the LoRAs that options name, as A1111 would have them in it. */
export function promptWithTags(prompt: string, loras: readonly LoraSpec[]): string {
  if (loras.length === 0) return prompt
  const tags = loras.map((lora) => loraTag({ ...lora, name: mentionedName(lora) }))
  return [stripped(prompt), ...tags].join(' ')
}
