import { openModelFolders } from '../library/model-folders.ts'
import type { ModelFolders } from '../library/resolve.ts'
import type { LoraArgument } from '../operations/merge-lora/lora-text.ts'
import { chooseEngine, drawPictures } from '../operations/render/draw.ts'
import { checkEmbeddingFolders, findPromptEmbeddings } from '../operations/render/embeddings.ts'
import { generationFacts, promptWithTags } from '../operations/render/facts.ts'
import { hashBook, pictureHashes } from '../operations/render/hash-book.ts'
import { type RenderSource, withRenderSource } from '../operations/render/model.ts'
import { pictureBytes } from '../operations/render/png.ts'
import {
  type ImageRequests,
  imageRequests,
  noteOnClipSkip,
  noteOnImageRequests,
  settingsFor,
} from '../operations/render/requests.ts'
import type { RenderedImage } from '../runtime/engine/pipeline.ts'
import { onnxEngine } from '../runtime/sessions/onnx-engine.ts'
import { defined } from '../system/defined.ts'
import { type Environment, startProgress } from '../system/world.ts'
import { environmentFor } from './environment.ts'
import { messages } from './messages.ts'
import { type DrawChoice, drawChoice } from './render-options.ts'
import type { LoraChoice, Picture, Rendered, RenderOptions } from './types.ts'

/**
 * Draws with a checkpoint of Stable Diffusion 1.x, 2.x or XL, its LoRAs and VAE applied in memory; nothing is written.
 * onnxruntime-node has to be installed. One call holds one model: 4 GB for SD 1.x, 12 GB for SDXL on the CPU.
 * @param model path, or a bare name that is looked up in `models`
 * @throws SdtoolError: USAGE (exit 2) for an option out of range; NOT_RENDERABLE and others for what is
 *   wrong with a file (exit 3); a LoRA that does not fit (exit 4); MEMORY, DEVICE_UNAVAILABLE (exit 1)
 */
export async function render(model: string, options: RenderOptions = {}): Promise<Rendered> {
  const environment = environmentFor(options)
  const choice = drawChoice(options)
  const notes: string[] = []
  const folders = openModelFolders(options.models ?? [], {
    signal: environment.signal,
    note: (line) => notes.push(line),
  })
  await checkEmbeddingFolders(options.embeddings ?? [])
  const requests = imageRequests(choice)
  noteOnImageRequests(requests, {}, folders)
  const request = {
    model,
    given: (options.loras ?? []).map(loraArgument),
    loras: requests.tags,
    ema: options.ema ?? false,
    allowUnmatched: false,
    ...defined({ vae: options.vae }),
  }
  const draw = async (source: RenderSource): Promise<Picture[]> => {
    noteOnClipSkip(source.model, choice, folders)
    return drawAll({ source, requests, choice, options, folders, environment })
  }
  const pictures = await withRenderSource(request, folders, environment, draw)
  return { pictures, notes }
}

function loraArgument({ path, ratio = 1, blocks }: LoraChoice): LoraArgument {
  const both = typeof ratio === 'number' ? { unet: ratio, text: ratio } : ratio
  return { name: path, ratio: both, ...defined({ blocks }) }
}

interface DrawAll {
  readonly source: RenderSource
  readonly requests: ImageRequests
  readonly choice: DrawChoice
  readonly options: RenderOptions
  readonly folders: ModelFolders
  readonly environment: Environment
}

async function drawAll(run: DrawAll): Promise<Picture[]> {
  const { source, requests, choice, options, folders, environment } = run
  const settings = settingsFor(source.model, choice)
  const embeddings = await findPromptEmbeddings({
    prompts: requests.requests.flatMap(({ prompt, negative }) => [prompt, negative]),
    towers: onnxEngine.textTowers(source.model),
    named: options.embeddings ?? [],
    folders,
    world: environment,
  })
  const { engine } = await chooseEngine(choice, environment)
  const book = hashBook(environment)
  const hashes = pictureHashes(source, embeddings, book)
  hashes.catch(() => {})
  const progress = startProgress(environment, messages.renderingPictures, 'count')
  const pictures: Picture[] = []
  const onImage = async (image: RenderedImage, i: number): Promise<void> => {
    const making = {
      settings,
      options: { ema: options.ema ?? false },
      hashes: await hashes,
      version: environment.version,
    }
    const prompt = promptWithTags(requests.prompts[i]!, source.loras.slice(0, options.loras?.length ?? 0))
    const facts = generationFacts({ ...image.request, prompt }, making)
    const picture = pictureOf(image, prompt, pictureBytes(image.image, facts))
    pictures.push(picture)
    await options.onPicture?.(picture, i)
  }
  const { model, vae } = source
  const job = { model, embeddings, images: requests.requests, settings, ...(vae && { vae }) }
  const onStep = ({ done, total }: { readonly done: number; readonly total: number }) =>
    progress.update(done, total)
  try {
    await drawPictures({ job, engine, hooks: { onStep, onImage } }, environment)
    return pictures
  } finally {
    book.stop()
    progress.end()
  }
}

function pictureOf({ image, request }: RenderedImage, prompt: string, png: Uint8Array): Picture {
  const { width, height, data } = image
  return { width, height, rgb: data, png, prompt, seed: request.seed }
}
