/** Where pictures go, and the text in them. */
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { usage } from '../errors.ts'
import { type GenerationFacts, type HashedFile, infotextOf } from '../image/infotext/write.ts'
import { encodePng } from '../image/png/encode.ts'
import { stemOf } from '../model/output-name.ts'
import type { Io } from '../report/io.ts'
import type { ImageRequest, RenderedImage, RenderSettings } from '../runtime/pipeline.ts'
import { RNGS } from '../runtime/random/registry.ts'
import type { LoadedEmbedding } from '../runtime/text/embedding.ts'
import { hashedEmbedding, hashedLora, hashedModel, hashedVae } from './picture-hashes.ts'
import type { RenderSource } from './render-model.ts'

/** Names of the pictures of one run. */
export interface PicturePlaces {
  /** @param word behind the name of the model: a seed, "sheet" */
  pathOf(word: string): string
}

const ENDING = '.png'

/**
 * `-o` names the only picture, or a folder. Without it, or in a folder, names are those of the model with the seed, and
 * a number where that is taken.
 * @throws USAGE when one file is named for several pictures
 */
export async function picturePlaces(
  modelPath: string,
  several: boolean,
  output: string | undefined,
  force: boolean,
): Promise<PicturePlaces> {
  const stem = stemOf(basename(modelPath))
  if (output !== undefined && !(await isFolder(output))) {
    if (extname(output).toLowerCase() !== ENDING)
      throw usage(
        `-o ${output}: sdtool draws PNG, so the name must end in .png`,
        'For a folder, end the name with a slash.',
      )
    if (several)
      throw usage(`-o ${output} names one file for several pictures`, 'Name a folder: -o pictures/')
    return { pathOf: () => output }
  }
  const taken = new Set<string>()
  return {
    pathOf(word) {
      const path = freePath(join(output ?? '.', `${stem}-${word}`), force, taken)
      taken.add(path)
      return path
    },
  }
}

async function isFolder(path: string): Promise<boolean> {
  return path.endsWith('/') || ((await stat(path).catch(() => undefined))?.isDirectory() ?? false)
}

/** `name.png`, `name-2.png` .. */
function freePath(name: string, force: boolean, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) {
    const path = `${name}${number === 1 ? '' : `-${number}`}${ENDING}`
    if (!taken.has(path) && (force || !existsSync(path))) return path
  }
}

/** Files by which a picture can be made again. */
export interface PictureHashes {
  readonly model: HashedFile
  readonly vae?: HashedFile
  readonly loras: readonly HashedFile[]
  readonly embeddings: readonly HashedFile[]
}

export async function pictureHashes(
  { path, vae, loras }: RenderSource,
  embeddings: readonly LoadedEmbedding[],
  io: Io,
): Promise<PictureHashes> {
  const world = { quiet: true, io }
  const hashed: HashedFile[] = []
  for (const lora of loras) {
    const name = stemOf(basename(lora.path))
    hashed.push(await hashedLora(name, lora.path, lora.metadata, world))
  }
  const inversions: HashedFile[] = []
  for (const embedding of embeddings) inversions.push(await hashedEmbedding(embedding.path, world))
  return {
    model: await hashedModel(path, world),
    ...(vae && { vae: await hashedVae(vae.name, world) }),
    loras: hashed,
    embeddings: inversions,
  }
}

/** What stands in the `parameters` of a picture. */
export function generationFacts(
  { prompt, negative, seed }: ImageRequest,
  settings: RenderSettings,
  hashes: PictureHashes,
  version: string,
): GenerationFacts {
  const { sampler, schedule, steps, cfg, cfgRescale, width, height, rng, clipSkip, zeroTerminalSnr } =
    settings
  const { vae } = hashes
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
    model: hashes.model,
    ...(vae && { vae }),
    ...(clipSkip !== undefined && { clipSkip }),
    rng: RNGS[rng].label,
    loras: hashes.loras,
    embeddings: hashes.embeddings,
    extra: {
      'CFG Rescale φ': cfgRescale || undefined,
      'Noise Schedule': zeroTerminalSnr ? 'Zero Terminal SNR' : undefined,
    },
    version: `sdtool ${version}`,
  }
}

/** @param prompt as it was given, with its LoRA tags */
export function pictureBytes({ image }: RenderedImage, facts: GenerationFacts): Uint8Array {
  return encodePng(image, [{ keyword: 'parameters', text: infotextOf(facts) }])
}
