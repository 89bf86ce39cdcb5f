import type { DrawSettings } from '../../operations/render/requests.ts'
import type { CommonOptions } from '../shared/options.ts'
/** What `sdtool render` can be told. */

import type { Argv } from 'yargs'
import { DEVICE_IDS, type DeviceId } from '../../runtime/devices/devices.ts'
import type { NetworkPrecision } from '../../runtime/engine/engine.ts'
import type { Seed } from '../../runtime/random/gaussian.ts'
import { RNGS, type RngName } from '../../runtime/random/registry.ts'
import { findSampling, isAutomatic, withSchedule } from '../../runtime/sampling/named.ts'
import { SAMPLERS } from '../../runtime/sampling/samplers/registry.ts'
import { findSchedule, SCHEDULES } from '../../runtime/sampling/schedules/registry.ts'
import { defined } from '../../system/defined.ts'
import type { Arguments } from '../command.ts'
import { withModelFolders } from '../shared/model-folders.ts'
import { commonOptions, filledText, flag, text, values, withCommonOptions } from '../shared/options.ts'
import { withPreview } from '../shared/preview-option.ts'
import { imageSize, named, number, type Size, seedOf } from './values.ts'

export interface RenderOptions extends CommonOptions {
  /** Undefined: the verification prompts. */
  readonly prompt?: string
  readonly negative: string
  /** Undefined: a random one. */
  readonly seed?: Seed
  readonly count: number
  readonly settings: DrawSettings
  readonly size?: Size
  readonly vae?: string
  readonly loras: readonly string[]
  readonly allowUnmatched: boolean
  readonly ema: boolean
  readonly embeddings: readonly string[]
  readonly device: DeviceId | 'auto'
  readonly precision?: NetworkPrecision
  readonly output?: string
  readonly force: boolean
  readonly grid: boolean
  readonly preview: boolean
}

const DEFAULTS = { steps: 20, cfg: 7, seed: 1n, count: 1 } as const
const DEVICE_CHOICES = ['auto', ...DEVICE_IDS] as const
const PRECISIONS: readonly NetworkPrecision[] = ['fp32', 'fp16']

export function withRenderOptions(yargs: Argv): Argv {
  return withPreview(withModelFolders(withCommonOptions(yargs)))
    .option('prompt', {
      type: 'string',
      alias: 'p',
      nargs: 1,
      describe:
        'What to draw, in the language of A1111: (a:1.2) [b] BREAK [a:b:0.5] [a|b] AND <lora:name:0.7>, embeddings by name',
      defaultDescription: 'four verification prompts on one sheet',
    })
    .option('negative', { type: 'string', alias: 'n', nargs: 1, describe: 'What not to draw' })
    .option('seed', {
      type: 'string',
      nargs: 1,
      describe: 'Seed of the first picture; -1: a random one',
      defaultDescription: '1',
    })
    .option('count', {
      type: 'string',
      nargs: 1,
      describe: 'Pictures, each with the next seed',
      defaultDescription: '1',
    })
    .option('steps', {
      type: 'string',
      nargs: 1,
      describe: 'Steps of the sampler',
      defaultDescription: `${DEFAULTS.steps}`,
    })
    .option('cfg', {
      type: 'string',
      nargs: 1,
      describe: 'Scale of the guidance; 1: none',
      defaultDescription: `${DEFAULTS.cfg}`,
    })
    .option('cfg-rescale', {
      type: 'string',
      nargs: 1,
      describe: 'How much of the contrast that guidance adds is taken back, 0 to 1',
      defaultDescription: '0',
    })
    .option('sampler', {
      type: 'string',
      nargs: 1,
      describe: `One of ${SAMPLERS.map(({ name }) => name).join(', ')}`,
      defaultDescription: 'euler',
    })
    .option('schedule', {
      type: 'string',
      nargs: 1,
      describe: `One of ${SCHEDULES.map(({ name }) => name).join(', ')}`,
      defaultDescription: "A1111's for the sampler",
    })
    .option('size', {
      type: 'string',
      nargs: 1,
      describe: 'In pixels, as 512x768; multiples of 8',
      defaultDescription: 'what the model was trained for',
    })
    .option('rng', {
      choices: Object.keys(RNGS),
      describe: 'Noise of torch on a CPU, or of an NVIDIA card',
      defaultDescription: 'cpu',
    })
    .option('clip-skip', {
      type: 'string',
      nargs: 1,
      describe: 'As A1111 counts: 1 skips nothing. SD 1.x only',
      defaultDescription: '1',
    })
    .option('prediction', {
      choices: ['epsilon', 'v'],
      describe: 'What the network predicts',
      defaultDescription: 'what sdtool inspect finds',
    })
    .option('ztsnr', {
      type: 'boolean',
      describe: 'The noise schedule ends in zero SNR',
      defaultDescription: 'as the file says',
    })
    .option('vae', { type: 'string', nargs: 1, describe: 'VAE or TAESD in place of that of the model' })
    .option('lora', {
      type: 'string',
      nargs: 1,
      describe:
        'LoRA of any kind: name, name:0.7, name:0.7:0.5 (UNet:text encoder). Repeatable; nothing is written',
    })
    .option('allow-unmatched', { type: 'boolean', describe: 'Leave out what of a LoRA does not fit' })
    .option('ema', { type: 'boolean', describe: 'Draw with the EMA copy of the weights' })
    .option('embeddings', {
      type: 'string',
      nargs: 1,
      describe: 'Folder of textual inversions. Repeatable',
      defaultDescription: 'those of the model folders',
    })
    .option('device', {
      choices: DEVICE_CHOICES,
      describe: 'What computes; auto remembers what worked, and sdtool doctor tries all again',
      defaultDescription: 'auto',
    })
    .option('precision', {
      choices: PRECISIONS,
      describe: 'What it computes with',
      defaultDescription: 'fp16 where the device can',
    })
    .option('grid', { type: 'boolean', describe: 'Also all pictures on one sheet' })
    .option('output', {
      type: 'string',
      alias: 'o',
      nargs: 1,
      describe: 'Picture to write (.png), or folder for several',
    })
    .option('force', { type: 'boolean', describe: 'Replace existing files' })
}

/** @throws USAGE */
export function renderOptions(args: Arguments): RenderOptions {
  const prompt = text(args, 'prompt')
  const size = filledText(args, 'size')
  const vae = filledText(args, 'vae')
  const output = filledText(args, 'output')
  const precision = filledText(args, 'precision') as NetworkPrecision | undefined
  const seedText = filledText(args, 'seed')
  const seed = seedText === undefined ? DEFAULTS.seed : seedOf(seedText)
  return {
    ...commonOptions(args),
    ...defined({ prompt }),
    negative: text(args, 'negative') ?? '',
    ...defined({ seed }),
    count: number(args, 'count', { fallback: DEFAULTS.count, least: 1, most: MAX_COUNT, whole: true }),
    settings: drawSettings(args),
    ...(size === undefined ? {} : { size: imageSize(size) }),
    ...defined({ vae }),
    loras: values(args, 'lora'),
    allowUnmatched: flag(args, 'allowUnmatched'),
    ema: flag(args, 'ema'),
    embeddings: values(args, 'embeddings'),
    device: (filledText(args, 'device') ?? 'auto') as DeviceId | 'auto',
    ...defined({ precision, output }),
    force: flag(args, 'force'),
    grid: flag(args, 'grid'),
    preview: flag(args, 'preview'),
  }
}

/** As many timesteps as a model has. */
const MAX_STEPS = 1000
const MAX_COUNT = 1000
const MAX_CFG = 1000
const MAX_SKIP = 32

function drawSettings(args: Arguments): DrawSettings {
  const schedule = filledText(args, 'schedule')
  const prediction = filledText(args, 'prediction') as 'epsilon' | 'v' | undefined
  return {
    ...withSchedule(
      named('sampler', filledText(args, 'sampler') ?? 'euler', findSampling, SAMPLERS),
      schedule === undefined || isAutomatic(schedule)
        ? undefined
        : named('schedule', schedule, findSchedule, SCHEDULES),
    ),
    steps: number(args, 'steps', { fallback: DEFAULTS.steps, least: 1, most: MAX_STEPS, whole: true }),
    cfg: number(args, 'cfg', { fallback: DEFAULTS.cfg, least: 0, most: MAX_CFG }),
    ...(args.cfgRescale === undefined
      ? {}
      : { cfgRescale: number(args, 'cfgRescale', { fallback: 0, least: 0, most: 1 }) }),
    rng: (filledText(args, 'rng') ?? 'cpu') as RngName,
    ...(args.clipSkip === undefined
      ? {}
      : { clipSkip: number(args, 'clipSkip', { fallback: 1, least: 1, most: MAX_SKIP, whole: true }) }),
    ...defined({ prediction }),
    ...(args.ztsnr === undefined ? {} : { zeroTerminalSnr: flag(args, 'ztsnr') }),
  }
}
