/**
 * Measures the networks on a full-size checkpoint with random weights (sd15-fp16 of generate.ts) at 512x512: seconds
 * until a network is loaded and has run once, seconds for one step of CFG (two evaluations of the UNet) and for the
 * VAE, peak memory of the processes that hold them. With --python, diffusers runs the same networks on the same file,
 * in float32 and bfloat16, with --sdcpp stable-diffusion.cpp draws with it, all in the same run. Ratios count; seconds
 * differ from machine to machine.
 *
 *   npm run build && npx tsx bench/render.ts [--data DIR] [--model FILE] [--steps 3] [--side 512] [--device cpu]
 *     [--python python3] [--types float32,bfloat16] [--sdcpp sd-cli] [--no-vae]
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { identifyFile, withModel } from '../src/library/session.ts'
import type { Model } from '../src/model/model.ts'
import { latentFormat } from '../src/model/networks/latents.ts'
import { chooseDevice, thisMachine } from '../src/runtime/devices/choose-device.ts'
import { DEVICE_IDS, type DeviceId } from '../src/runtime/devices/devices.ts'
import type { EngineOptions } from '../src/runtime/engine/engine.ts'
import { openDenoiser } from '../src/runtime/engine/open-denoiser.ts'
import { openTextEncoder, textTowers } from '../src/runtime/engine/open-text.ts'
import { openVae } from '../src/runtime/engine/open-vae.ts'
import { QUIET_WORLD } from '../test/quiet-world.ts'
import { peakOf, processorSeconds } from './processes.ts'
import { measureDiffusers, measureSdcpp } from './render-rivals.ts'
import { type Measured, median, type Sample, type Subject, samplesTable } from './render-samples.ts'

const { values } = parseArgs({
  allowNegative: true,
  options: {
    data: { type: 'string', default: join(import.meta.dirname, 'data') },
    model: { type: 'string', default: 'sd15-fp16.safetensors' },
    steps: { type: 'string', default: '3' },
    side: { type: 'string', default: '512' },
    device: { type: 'string', default: 'cpu' },
    python: { type: 'string' },
    types: { type: 'string', default: 'float32,bfloat16' },
    sdcpp: { type: 'string' },
    vae: { type: 'boolean', default: true },
  },
})
const path = join(values.data, values.model)
const side = Number(values.side) / 8
const steps = Number(values.steps)
const TOKENS = 77

async function timed<T>(work: () => Promise<T>): Promise<{ seconds: number; result: T }> {
  const start = performance.now()
  const result = await work()
  return { seconds: (performance.now() - start) / 1000, result }
}

/** Runs `step` once to load and then `count` times. */
async function sample(step: () => Promise<unknown>, count: number): Promise<Sample> {
  const { result, peak } = await peakOf(process.pid, async () => {
    const first = await timed(step)
    const later: number[] = []
    const before = processorSeconds(process.pid)
    for (let i = 0; i < count; i++) later.push((await timed(step)).seconds)
    const busy = (processorSeconds(process.pid) - before) / count
    return { first: first.seconds, step: median(later), best: Math.min(...later), busy }
  })
  return { ...result, peak }
}

function noise(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898) * 1.2)
}

const OWN = 'sdtool'

async function own(subject: Subject, step: () => Promise<unknown>, count: number): Promise<Measured> {
  return { program: OWN, subject, sample: await sample(step, count) }
}

async function measureOwn(model: Model, options: EngineOptions): Promise<Measured[]> {
  const encoder = await openTextEncoder(model, textTowers(model)[0]!, options)
  const ids = [49406, 320, ...new Array<number>(75).fill(49407)]
  const text = await own('text', () => encoder.encode([{ ids }, { ids }]), 3)
  await encoder.close()
  const unet = await openDenoiser(model, options)
  const input = {
    x: noise(2 * unet.channels * side * side),
    n: 2,
    height: side,
    width: side,
    timesteps: [500, 500],
    context: noise(2 * TOKENS * unet.contextWidth),
    tokens: TOKENS,
    ...(unet.vectorWidth !== undefined && { y: noise(2 * unet.vectorWidth) }),
  }
  const denoiser = await own('UNet, CFG', () => unet.predict(input), steps)
  await unet.close()
  if (!values.vae) return [text, denoiser]
  const vae = await openVae(model, latentFormat(model.identity)!, options)
  const latent = { data: noise(4 * side * side), height: side, width: side }
  const decoder = await own('VAE decoder', () => vae.decode(latent), 1)
  await vae.close()
  return [text, denoiser, decoder]
}

async function measureRivals(): Promise<Measured[]> {
  const task = { path, side: Number(values.side), steps }
  const all: Measured[] = []
  for (const dtype of values.python === undefined ? [] : values.types.split(',')) {
    all.push(await measureDiffusers(values.python!, dtype, 'UNet, CFG', task))
    if (values.vae) all.push(await measureDiffusers(values.python!, dtype, 'VAE decoder', task))
  }
  return values.sdcpp === undefined ? all : [...all, ...(await measureSdcpp(values.sdcpp, task))]
}

const sessions = pathToFileURL(join(import.meta.dirname, '../dist/session-process.js'))
const wish = DEVICE_IDS.find((id) => id === values.device) ?? ('auto' satisfies DeviceId | 'auto')
const { device, why } = await chooseDevice(wish, thisMachine({ sessions }))
process.stdout.write(`${path}, ${values.side}x${values.side}, ${steps} steps; ${why}\n`)
const owns = await withModel(path, QUIET_WORLD, async (opened) => {
  const model = { name: path, file: opened.model, identity: await identifyFile(path, opened) }
  return measureOwn(model, { device, sessions, threads: 2 })
})
process.stdout.write(`${samplesTable([...owns, ...(await measureRivals())], OWN)}\n`)
