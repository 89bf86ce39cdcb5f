/**
 * Writes full-size model files with random weights to bench/data/ (or the folder given):
 *   sd15-full.ckpt          SD 1.5 as training leaves it, fp32, live and EMA weights, torch zip, 7.7 GB
 *   sd15.ckpt               SD 1.5 without EMA, fp32, torch zip, 4.3 GB
 *   sd15-fp16.safetensors   the same in fp16, 2.1 GB
 *   sdxl.safetensors        SDXL base, fp16, 6.9 GB
 *   sdxl-b.safetensors      the same with other weights, to be merged with it
 *   sd15-lora64.safetensors LoRA for SD 1.5, kohya's default targets, rank 64, fp16, 75 MB
 *   sdxl-lora32.safetensors LoRA for SDXL, the same of rank 32, 228 MB
 *
 *   npx tsx bench/generate.ts [--out DIR] [sd15-full sd15 sd15-fp16 sdxl sdxl-b sd15-lora64 sdxl-lora32]
 */
import { mkdirSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { FULL_SD1, sd1Keys, trainingCheckpoint, weightFiller } from '../fixtures/checkpoint.ts'
import { writeTorchFile } from '../fixtures/torch-writer.ts'
import { SDXL_UNET } from '../src/model/networks/architectures/sdxl.ts'
import { clip, clipTopology, openClipTopology } from '../src/model/networks/topology/text.ts'
import { unetTopology } from '../src/model/networks/topology/unet.ts'
import { VAE_KL_F8, vaeTopology } from '../src/model/networks/topology/vae.ts'
import { encodeHeader, layoutOf } from '../src/tensor/write/layout.ts'
import { SD15_LORA, SDXL_LORA, writeLora } from './lora-files.ts'

const CHUNK_BYTES = 8 * 1024 * 1024

type Keys = Iterable<readonly [name: string, shape: readonly number[]]>

/** SDXL base: UNet, CLIP-L, OpenCLIP-bigG, VAE; 2,514 tensors. */
function sdxlKeys(): Keys {
  const parts = [
    ['model.diffusion_model.', unetTopology(SDXL_UNET)],
    ['conditioner.embedders.0.transformer.', clipTopology(clip(768, 12))],
    ['conditioner.embedders.1.model.', openClipTopology(clip(1280, 32, true))],
    ['first_stage_model.', vaeTopology(VAE_KL_F8)],
  ] as const
  return parts.flatMap(([prefix, keys]) => [...keys].map(([name, shape]) => [prefix + name, shape] as const))
}

async function writeCheckpoint(path: string, keys: Keys, weights = 0): Promise<void> {
  const source = { kind: 'bytes', data: new Uint8Array(0) } as const // only laid out here, filled below
  const tensors = [...keys].map(([name, shape]) => ({ name, dtype: 'F16' as const, shape, source }))
  const layout = layoutOf({ tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata: {} })
  const fill = weightFiller('F16')(weights)
  const chunk = new Uint8Array(CHUNK_BYTES)
  const handle = await open(path, 'w')
  try {
    await handle.writeFile(encodeHeader(layout, { format: 'pt' }))
    for (let at = 0; at < layout.dataBytes; at += CHUNK_BYTES) {
      const piece = chunk.subarray(0, Math.min(CHUNK_BYTES, layout.dataBytes - at))
      fill(at, piece)
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
  'sd15-fp16': { file: 'sd15-fp16.safetensors', write: (path) => writeCheckpoint(path, sd1Keys(FULL_SD1)) },
  sdxl: { file: 'sdxl.safetensors', write: (path) => writeCheckpoint(path, sdxlKeys()) },
  'sdxl-b': { file: 'sdxl-b.safetensors', write: (path) => writeCheckpoint(path, sdxlKeys(), 1) },
  'sd15-lora64': { file: 'sd15-lora64.safetensors', write: (path) => writeLora(path, SD15_LORA) },
  'sdxl-lora32': { file: 'sdxl-lora32.safetensors', write: (path) => writeLora(path, SDXL_LORA) },
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
