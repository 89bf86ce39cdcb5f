/** All pictures of a run on one sheet. */
import { basename } from 'node:path'
import type { RenderSource } from '../../operations/render/model.ts'
import type { Sheet } from '../../report/drawing/sheet.ts'
import type { RenderedImage, RenderSettings } from '../../runtime/engine/pipeline.ts'

import { messages } from './messages.ts'

/** Columns of a sheet of prompts or seeds. */
const COLUMNS = 2

export function pictureSheet(
  images: readonly RenderedImage[],
  title: string,
  settings: RenderSettings,
): Sheet {
  const cells = images.map(({ image, request }) => {
    return { image, caption: [messages.promptWithSeed(request.prompt, request.seed)] }
  })
  const columns = Math.min(COLUMNS, cells.length)
  const rows = Array.from({ length: Math.ceil(cells.length / columns) }, (_, i) => {
    return { cells: cells.slice(i * columns, (i + 1) * columns) }
  })
  return { title, subtitle: settingsText(settings), rows }
}

/** `base.ckpt (EMA) + style.safetensors at 0.7, VAE vivid.vae.pt` */
export function sourceTitle({ path, loras, vae }: RenderSource, ema: boolean): string {
  const added = loras.map((lora) => messages.loraAt(basename(lora.path), lora.ratio.unet))
  const names = [ema ? `${basename(path)} (EMA)` : basename(path), ...added].join(' + ')
  return vae ? messages.withVae(names, basename(vae.name)) : names
}

/** `DPM++ 2M Karras, 20 steps, CFG 7, 512x512, RNG CPU` */
export function settingsText({ sampler, schedule, steps, cfg, width, height, rng }: RenderSettings): string {
  const method = schedule ? `${sampler.label} ${schedule.label}` : sampler.label
  return messages.settings(method, steps, cfg, `${width}x${height}`, rng.toUpperCase())
}
