/** The rivals of bench/render.ts on the same file: diffusers, network by network, and stable-diffusion.cpp as a whole. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { peakOf, processorSeconds } from './processes.ts'
import { type Measured, median, type Sample, type Subject } from './render-samples.ts'

export interface RivalTask {
  /** The checkpoint. */
  readonly path: string
  /** Of the picture, in pixels. */
  readonly side: number
  /** After the first. */
  readonly steps: number
}

/** The networks by diffusers' own code and conversion, with weights from the file. */
const DIFFUSERS = `
import sys, time, torch
from diffusers import UNet2DConditionModel, AutoencoderKL
from safetensors.torch import load_file
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
path, side, steps, dtype, vae = sys.argv[1], int(sys.argv[2]) // 8, int(sys.argv[3]), getattr(torch, sys.argv[4]), sys.argv[5] == 'VAE decoder'
torch.set_grad_enabled(False)
def unet():
    with torch.device('meta'): model = UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8)
    return model, convert_ldm_unet_checkpoint(load_file(path), {'layers_per_block': 2, **model.config})
def decoder():
    with torch.device('meta'): model = AutoencoderKL(block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, down_block_types=['DownEncoderBlock2D'] * 4, up_block_types=['UpDecoderBlock2D'] * 4)
    return model, convert_ldm_vae_checkpoint(load_file(path), model.config)
def load(make):
    model, weights = make()
    model.load_state_dict({name: weights.pop(name).to(dtype) for name in list(weights)}, assign=True)
    return model.eval()
x, text = torch.randn(2, 4, side, side, dtype=dtype), torch.randn(2, 77, 768, dtype=dtype)
step = (lambda m: m.decode(x[:1]).sample) if vae else (lambda m: m(x, 500, text).sample)
print('begin', flush=True)
model = load(decoder if vae else unet)
for _ in range(steps + 1): step(model); print('step', flush=True)
`

/** @param dtype of torch: float32, bfloat16 */
export async function measureDiffusers(
  python: string,
  dtype: string,
  subject: Exclude<Subject, 'text'>,
  { path, side, steps }: RivalTask,
): Promise<Measured> {
  const args = ['-c', DIFFUSERS, path, `${side}`, `${steps}`, dtype, subject]
  const run = await watched(python, args, { begin: /^begin$/m, step: /^step$/gm })
  return { program: `diffusers ${dtype}`, subject, ...run }
}

/** What sd-cli prints after a step, and after the decoder. */
const SDCPP_STEP = /\d+\/\d+ - [\d.]+(?:s\/it|it\/s)/g
const SDCPP_DECODED = /decode_first_stage completed, taking ([\d.]+)s/

/**
 * A whole run of sd-cli: its first step comes after loading and the text encoder. Weights stay in the type of the file,
 * as is its default.
 */
export async function measureSdcpp(program: string, { path, side, steps }: RivalTask): Promise<Measured[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-render-'))
  const count = steps + 1
  const args = ['-m', path, '-p', 'a red fox', '-n', 'blurry', '--cfg-scale', '7', '--steps', `${count}`]
  const size = ['-W', `${side}`, '-H', `${side}`, '-t', '2', '--sampling-method', 'euler', '-v']
  try {
    const run = await watched(program, [...args, ...size, '-o', join(folder, 'out.png')], {
      step: SDCPP_STEP,
      count,
    })
    const decoded = Number(SDCPP_DECODED.exec(run.output)?.[1])
    const unet: Measured = { program: 'stable-diffusion.cpp', subject: 'UNet, CFG', ...run }
    if (run.sample === undefined || Number.isNaN(decoded)) return [unet]
    const { peak } = run.sample // of the whole run: it has the UNet in memory, too
    const vae: Sample = { first: decoded, step: decoded, best: decoded, peak }
    return [unet, { program: unet.program, subject: 'VAE decoder', sample: vae }]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Watch {
  /** What is printed where time begins to count; the start of the process if absent. */
  readonly begin?: RegExp
  /** Global: what is printed after each step. */
  readonly step: RegExp
  /** Steps that count, where others may follow. */
  readonly count?: number
}

/** When a program printed what: seconds by the clock and of the processor. */
interface Mark {
  readonly at: number
  readonly busy: number
}

type Watched = Pick<Measured, 'sample' | 'said'> & { readonly output: string }

/** Runs a program to its end and takes the time of its steps by what it prints. */
async function watched(program: string, args: readonly string[], watch: Watch): Promise<Watched> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const pid = child.pid ?? 0
  const marks: Mark[] = []
  let begin = performance.now()
  let output = ''
  const onText = (chunk: Buffer): void => {
    output += chunk.toString()
    if (watch.begin && marks.length === 0 && watch.begin.test(chunk.toString())) begin = performance.now()
    const seen = Math.min(watch.count ?? Number.POSITIVE_INFINITY, [...output.matchAll(watch.step)].length)
    while (marks.length < seen) marks.push({ at: performance.now(), busy: processorSeconds(pid) })
  }
  child.stdout.on('data', onText)
  child.stderr.on('data', onText)
  const { result: code, peak } = await peakOf(pid, () => exitOf(child))
  if (code !== 0 || marks.length < 2) return { output, said: output.trim().slice(-300) }
  const [first, last] = [marks[0]!, marks.at(-1)!]
  const seconds = marks.slice(1).map(({ at }, i) => (at - marks[i]!.at) / 1000)
  const busy = (last.busy - first.busy) / seconds.length
  const sample: Sample = {
    first: (first.at - begin) / 1000,
    step: median(seconds),
    best: Math.min(...seconds),
    busy,
    peak,
  }
  return { output, sample }
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.on('error', () => resolve(null))
    child.on('close', resolve)
  })
}
