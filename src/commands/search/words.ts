/** Names of types and base models for the command line, and how the site spells them. Others are passed on as they are. */

/** Source: civitai/civitai, `ModelType`. `lora` stands for all three kinds of LoRAs. */
export const TYPE_WORDS: Readonly<Record<string, readonly string[]>> = {
  checkpoint: ['Checkpoint'],
  lora: ['LORA', 'LoCon', 'DoRA'],
  locon: ['LoCon'],
  dora: ['DoRA'],
  embedding: ['TextualInversion'],
  hypernetwork: ['Hypernetwork'],
  vae: ['VAE'],
  controlnet: ['Controlnet'],
  upscaler: ['Upscaler'],
  motion: ['MotionModule'],
  'text-encoder': ['TextEncoder'],
  wildcards: ['Wildcards'],
  workflow: ['Workflows'],
  poses: ['Poses'],
  detection: ['Detection'],
  other: ['Other'],
}

/** Source: civitai/civitai, `BaseModel`. */
export const BASE_WORDS: Readonly<Record<string, readonly string[]>> = {
  sd1: ['SD 1.4', 'SD 1.5', 'SD 1.5 LCM', 'SD 1.5 Hyper'],
  'sd1.5': ['SD 1.5'],
  sd2: ['SD 2.0', 'SD 2.1'],
  sdxl: ['SDXL 1.0', 'SDXL Lightning', 'SDXL Hyper'],
  pony: ['Pony'],
  illustrious: ['Illustrious'],
  noobai: ['NoobAI'],
  sd3: ['SD 3', 'SD 3.5', 'SD 3.5 Large', 'SD 3.5 Medium'],
  flux: ['Flux.1 D', 'Flux.1 S'],
}

export const SORT_WORDS: Readonly<Record<string, string>> = {
  downloads: 'Most Downloaded',
  rating: 'Highest Rated',
  likes: 'Most Liked',
  newest: 'Newest',
  oldest: 'Oldest',
}

export const PERIOD_WORDS: Readonly<Record<string, string>> = {
  all: 'AllTime',
  year: 'Year',
  month: 'Month',
  week: 'Week',
  day: 'Day',
}

/** `sdxl` as the site's own words for it, `SDXL 1.0` as it is. */
export function spelled(
  words: readonly string[],
  table: Readonly<Record<string, readonly string[]>>,
): string[] {
  return [
    ...new Set(
      words.flatMap((word) => {
        const key = word.toLowerCase()
        return Object.hasOwn(table, key) ? table[key]! : [word]
      }),
    ),
  ]
}
