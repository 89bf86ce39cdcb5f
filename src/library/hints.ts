/** Files around a model file that say what its tensors do not. */
import { basename, dirname, extname, join } from 'node:path'
import type { Hints, SchedulerFacts } from '../model/identify/prediction.ts'
import { readSmallFile } from '../system/bytes.ts'
import { defined } from '../system/defined.ts'
import { isJsonObject, type JsonObject, parseJsonText } from '../system/json.ts'

/** Configurations and notes are small; a larger file of such a name is something else. */
const MAX_BYTES = 1_000_000

/** Text of a small file; undefined where there is none. */
async function smallText(path: string): Promise<string | undefined> {
  return (await readSmallFile(path, MAX_BYTES))?.toString('utf8')
}

/** A JSON object in a small file; an empty one where there is none. */
export async function smallJson(path: string): Promise<JsonObject> {
  const value = parseJsonText(await smallText(path))
  return isJsonObject(value) ? value : {}
}

/** Everything around a file that is evidence of what it is. */
export async function readHints(path: string): Promise<Hints> {
  const stem = path.slice(0, path.length - extname(path).length)
  const sidecar = await smallText(`${stem}.yaml`)
  const scheduler = await schedulerBeside(path)
  const vaeScale = await vaeScaleBeside(path)
  const titles = await titlesBeside(stem)
  return {
    fileName: basename(path),
    ...defined({ sidecar, scheduler, vaeScale }),
    ...(titles.length === 0 ? {} : { titles }),
  }
}

/** What the scheduler of a diffusers folder says; nothing if there is none. */
export async function schedulerOf(folder: string): Promise<SchedulerFacts> {
  const config = await smallJson(join(folder, 'scheduler/scheduler_config.json'))
  const { prediction_type: prediction } = config
  return {
    ...(typeof prediction === 'string' ? { prediction } : {}),
    zeroSnr: config.rescale_betas_zero_snr === true,
  }
}

/** Networks that denoise, as diffusers names their folders. */
const DENOISERS: ReadonlySet<string> = new Set(['unet', 'transformer'])

async function schedulerBeside(path: string): Promise<SchedulerFacts | undefined> {
  const folder = dirname(path)
  return DENOISERS.has(basename(folder)) ? schedulerOf(dirname(folder)) : undefined
}

/** Only where diffusers has written the file: `config.json` is a common name. */
async function vaeScaleBeside(path: string): Promise<number | undefined> {
  if (!basename(path).startsWith('diffusion_pytorch_model')) return undefined
  const { scaling_factor: scale, latent_channels: channels } = await smallJson(
    join(dirname(path), 'config.json'),
  )
  return typeof scale === 'number' && typeof channels === 'number' ? scale : undefined
}

/** Of the model and of its version, in notes that are the answer of Civitai, or made of it. */
async function titlesBeside(stem: string): Promise<string[]> {
  const info = await smallJson(`${stem}.civitai.info`)
  const model = info.model
  const names = [info.name, model !== undefined && isJsonObject(model) ? model.name : undefined]
  return names.filter((name): name is string => typeof name === 'string')
}
