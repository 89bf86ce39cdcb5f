/**
 * Measures the networks on a full-size checkpoint with random weights (sd15-fp16 of generate.ts) at 512x512: seconds
 * until a network is loaded, seconds for one step of CFG (two evaluations of the UNet) and for the VAE, peak memory of
 * the processes that hold them. With --python, diffusers runs the same networks on the same file, in float32 and
 * bfloat16, in the same run. Ratios count; seconds differ from machine to machine.
 *
 *   npm run build && npx tsx bench/render.ts [--data DIR] [--model FILE] [--steps 3] [--side 512] [--device cpu]
 *     [--python python3] [--types float32,bfloat16] [--no-vae]
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { identifyFile, withModel } from '../src/commands/files.ts'
import { chooseDevice, thisMachine } from '../src/runtime/choose-device.ts'
import { DEVICE_IDS, type DeviceId } from '../src/runtime/devices.ts'
import type { EngineOptions, RenderModel } from '../src/runtime/engine.ts'
import { latentFormat } from '../src/runtime/latent-format.ts'
import { openDenoiser } from '../src/runtime/open-denoiser.ts'
import { openTextEncoder, textTowers } from '../src/runtime/open-text.ts'
import { openVae } from '../src/runtime/open-vae.ts'

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
    vae: { type: 'boolean', default: true },
  },
})
const path = join(values.data, values.model)
const side = Number(values.side) / 8
const steps = Number(values.steps)
const TOKENS = 77

interface Sample {
  /** From the call until the first result is there, less one later step. */
  readonly load: number
  /** Of one CFG step, or of one picture: the median. */
  readonly step: number
  /** Processor seconds of a later step, on average: what a machine that others use, too, changes less. */
  readonly busy: number
  readonly peakGigabytes: number
}

function report(name: string, { load, step, busy, peakGigabytes }: Sample): void {
  const figures = [
    `load ${load.toFixed(1)} s`,
    `step ${step.toFixed(2)} s`,
    `processor ${busy.toFixed(2)} s`,
    `peak ${peakGigabytes.toFixed(2)} GB`,
  ]
  process.stdout.write(`${name.padEnd(28)} ${figures.join('   ')}\n`)
}

/** Largest resident memory of a process and its children while `work` runs, looked at ten times a second. */
async function peakOf<T>(work: () => Promise<T>): Promise<{ result: T; peakGigabytes: number }> {
  let peak = 0
  const look = setInterval(() => {
    peak = Math.max(peak, residentBytes(process.pid))
  }, 100)
  try {
    return { result: await work(), peakGigabytes: peak / 1e9 }
  } finally {
    clearInterval(look)
  }
}

/**
 * The most each process ever had (VmHWM), of those that are there now. Pages of the mapped model file count only
 * while they are in use: the system takes them back when it needs memory.
 */
function residentBytes(pid: number): number {
  return sumOf(pid, (id) => {
    const status = readFileSync(`/proc/${id}/status`, 'utf8')
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
  })
}

/** Clock ticks of Linux. */
const TICKS = 100

/** Of a process and its children, in the kernel and outside. */
function processorSeconds(pid: number): number {
  return sumOf(pid, (id) => {
    // behind the name of the program, which may have spaces
    const fields = readFileSync(`/proc/${id}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS
  })
}

/** Over a process and those it started. */
function sumOf(pid: number, value: (pid: number) => number): number {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
    return children.reduce((sum, child) => sum + sumOf(Number(child), value), value(pid))
  } catch {
    return 0 // it ended meanwhile
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ seconds: number; result: T }> {
  const start = performance.now()
  const result = await work()
  return { seconds: (performance.now() - start) / 1000, result }
}

/** Runs `step` once to load and then `count` times. */
async function sample(step: () => Promise<unknown>, count: number): Promise<Sample> {
  const { result, peakGigabytes } = await peakOf(async () => {
    const first = await timed(step)
    const later: number[] = []
    const before = processorSeconds(process.pid)
    for (let i = 0; i < count; i++) later.push((await timed(step)).seconds)
    const busy = (processorSeconds(process.pid) - before) / count
    const middle = later.sort((a, b) => a - b)[Math.floor(later.length / 2)]!
    return { load: first.seconds - middle, step: middle, busy }
  })
  return { ...result, peakGigabytes }
}

function noise(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898) * 1.2)
}

async function measureOwn(model: RenderModel, options: EngineOptions): Promise<void> {
  const tower = textTowers(model)[0]!
  const encoder = await openTextEncoder(model, tower, options)
  const ids = [49406, 320, ...new Array<number>(75).fill(49407)]
  report('sdtool text', await sample(() => encoder.encode([{ ids }]), 3))
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
  report('sdtool UNet, CFG', await sample(() => unet.predict(input), steps))
  await unet.close()
  if (!values.vae) return
  const vae = await openVae(model, latentFormat(model.identity)!, options)
  const latent = { data: noise(4 * side * side), height: side, width: side }
  report('sdtool VAE decoder', await sample(() => vae.decode(latent), 1))
  await vae.close()
}

/** diffusers on the same file: the UNet by its own single-file loader, then the VAE. */
const RIVAL = `
import sys, time, resource, torch
from diffusers import UNet2DConditionModel, AutoencoderKL
path, side, steps, dtype, vae = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), getattr(torch, sys.argv[4]), sys.argv[5] == '1'
torch.set_grad_enabled(False)
config = 'stable-diffusion-v1-5/stable-diffusion-v1-5'
def run(name, load, step, count):
    start = time.time(); model = load().eval(); step(model); first = time.time() - start
    times, before = [], time.process_time()
    for _ in range(count):
        start = time.time(); step(model); times.append(time.time() - start)
    busy = (time.process_time() - before) / count
    middle = sorted(times)[len(times) // 2]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(f'{name} {first - middle:.2f} {middle:.3f} {busy:.3f} {peak:.3f}', flush=True)
from safetensors.torch import load_file
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
def unet():
    model = UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8).to(dtype)
    model.load_state_dict(convert_ldm_unet_checkpoint(load_file(path), {'layers_per_block': 2, **model.config}))
    return model
def decoder():
    model = AutoencoderKL(block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, down_block_types=['DownEncoderBlock2D'] * 4, up_block_types=['UpDecoderBlock2D'] * 4).to(dtype)
    model.load_state_dict(convert_ldm_vae_checkpoint(load_file(path), model.config))
    return model
x, text = torch.randn(2, 4, side, side, dtype=dtype), torch.randn(2, 77, 768, dtype=dtype)
if vae: run('VAE', decoder, lambda m: m.decode(x[:1]).sample, 1)
else: run('UNet', unet, lambda m: m(x, 500, text).sample, steps)
`

function measureRival(python: string, dtype: string, vae: boolean): void {
  const args = ['-c', RIVAL, path, `${side}`, `${steps}`, dtype, vae ? '1' : '0']
  const { stdout, stderr, status } = spawnSync(python, args, { encoding: 'utf8', maxBuffer: 1e8 })
  const [, ...figures] = /^(?:UNet|VAE) (\S+) (\S+) (\S+) (\S+)$/m.exec(stdout) ?? []
  const [load, step, busy, peakGigabytes] = figures.map(Number) as [number, number, number, number]
  const name = `diffusers ${dtype} ${vae ? 'VAE decoder' : 'UNet, CFG'}`
  if (status !== 0 || figures.length === 0) process.stdout.write(`${name}: failed\n${stderr.slice(-500)}\n`)
  else report(name, { load, step, busy, peakGigabytes })
}

const sessions = pathToFileURL(join(import.meta.dirname, '../dist/session-process.js'))
const wish = DEVICE_IDS.find((id) => id === values.device) ?? ('auto' satisfies DeviceId | 'auto')
const { device, why } = await chooseDevice(wish, thisMachine({ sessions }))
process.stdout.write(`${path}, ${values.side}x${values.side}, ${steps} steps; ${why}\n`)
await withModel(path, async (opened) => {
  const model = { name: path, table: opened.model, identity: await identifyFile(path, opened) }
  await measureOwn(model, { device, sessions, threads: 2 })
})
if (values.python !== undefined) {
  for (const dtype of values.types.split(',')) {
    measureRival(values.python, dtype, false)
    if (values.vae) measureRival(values.python, dtype, true)
  }
}
