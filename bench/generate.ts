/**
 * Writes full-size model files with random weights to bench/data/ (or the folder given):
 *   sd15-full.ckpt   SD 1.5 as training leaves it, fp32, live and EMA weights, torch zip, 7.7 GB
 *   sd15.ckpt        SD 1.5 without EMA, fp32, torch zip, 4.3 GB
 *   sdxl.safetensors SDXL base, fp16, 6.9 GB
 *
 *   npx tsx bench/generate.ts [--out DIR] [sd15-full sd15 sdxl]
 */
import { mkdirSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { FULL_SD1, trainingCheckpoint, weightFiller } from '../fixtures/checkpoint.ts'
import { writeTorchFile } from '../fixtures/torch-writer.ts'
import { SDXL_UNET } from '../src/model/architectures/sdxl.ts'
import { clip, clipTopology, openClipTopology } from '../src/model/topology/text.ts'
import { unetTopology } from '../src/model/topology/unet.ts'
import { VAE_KL_F8, vaeTopology } from '../src/model/topology/vae.ts'
import { encodeHeader, layoutOf } from '../src/tensor/layout.ts'
import type { TensorTable } from '../src/tensor/table.ts'

const CHUNK_BYTES = 8 * 1024 * 1024

/** SDXL base: UNet, CLIP-L, OpenCLIP-bigG, VAE; 2,514 tensors. */
function sdxlTable(): TensorTable {
  const parts = [
    ['model.diffusion_model.', unetTopology(SDXL_UNET)],
    ['conditioner.embedders.0.transformer.', clipTopology(clip(768, 12))],
    ['conditioner.embedders.1.model.', openClipTopology(clip(1280, 32, true))],
    ['first_stage_model.', vaeTopology(VAE_KL_F8)],
  ] as const
  const source = { kind: 'bytes', data: new Uint8Array(0) } as const // only laid out here, filled below
  const tensors = parts.flatMap(([prefix, keys]) =>
    [...keys].map(([name, shape]) => ({ name: prefix + name, dtype: 'F16' as const, shape, source })),
  )
  return { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata: { format: 'pt' } }
}

async function writeSdxl(path: string): Promise<void> {
  const table = sdxlTable()
  const layout = layoutOf(table)
  const fill = weightFiller('F16')
  const chunk = new Uint8Array(CHUNK_BYTES)
  const handle = await open(path, 'w')
  try {
    await handle.writeFile(encodeHeader(layout, table.metadata))
    for (let at = 0; at < layout.dataBytes; at += CHUNK_BYTES) {
      const piece = chunk.subarray(0, Math.min(CHUNK_BYTES, layout.dataBytes - at))
      await fill(0)(at, piece)
      await handle.write(piece)
    }
  } finally {
    await handle.close()
  }
}

const FILES: Readonly<Record<string, { file: string; write(path: string): Promise<void> }>> = {
  'sd15-full': {
    file: 'sd15-full.ckpt',
    write: (path) => writeTorchFile(path, trainingCheckpoint({ size: FULL_SD1, dtype: 'F32', ema: true })),
  },
  sd15: {
    file: 'sd15.ckpt',
    write: (path) => writeTorchFile(path, trainingCheckpoint({ size: FULL_SD1, dtype: 'F32', ema: false })),
  },
  sdxl: { file: 'sdxl.safetensors', write: writeSdxl },
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string', default: join(import.meta.dirname, 'data') } },
})
mkdirSync(values.out, { recursive: true })
for (const name of positionals.length > 0 ? positionals : Object.keys(FILES)) {
  const recipe = FILES[name]
  if (!recipe) throw new Error(`no such file: ${name}; there are ${Object.keys(FILES).join(', ')}`)
  const path = join(values.out, recipe.file)
  await recipe.write(path)
  process.stdout.write(`${path}  ${(statSync(path).size / 1e9).toFixed(2)} GB\n`)
}
