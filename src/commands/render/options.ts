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
import { messages } from './option-messages.ts'
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

/** In the order of the help. */
export function withRenderOptions(yargs: Argv): Argv {
  const common = withPreview(withModelFolders(withCommonOptions(yargs)))
  return withOutputOptions(withModelOptions(withSamplingOptions(withImageOptions(common))))
}

/** What is drawn, and how often. */
function withImageOptions(yargs: Argv): Argv {
  return yargs
    .option('prompt', {
      type: 'string',
      alias: 'p',
      nargs: 1,
      describe: messages.prompt,
      defaultDescription: messages.promptDefault,
    })
    .option('negative', { type: 'string', alias: 'n', nargs: 1, describe: messages.negative })
    .option('seed', {
      type: 'string',
      nargs: 1,
      describe: messages.seed,
      defaultDescription: '1',
    })
    .option('count', {
      type: 'string',
      nargs: 1,
      describe: messages.count,
      defaultDescription: '1',
    })
}

/** How it is sampled. */
function withSamplingOptions(yargs: Argv): Argv {
  return yargs
    .option('steps', {
      type: 'string',
      nargs: 1,
      describe: messages.steps,
      defaultDescription: `${DEFAULTS.steps}`,
    })
    .option('cfg', {
      type: 'string',
      nargs: 1,
      describe: messages.cfg,
      defaultDescription: `${DEFAULTS.cfg}`,
    })
    .option('cfg-rescale', {
      type: 'string',
      nargs: 1,
      describe: messages.cfgRescale,
      defaultDescription: '0',
    })
    .option('sampler', {
      type: 'string',
      nargs: 1,
      describe: messages.sampler(SAMPLERS.map(({ name }) => name).join(', ')),
      defaultDescription: 'euler',
    })
    .option('schedule', {
      type: 'string',
      nargs: 1,
      describe: messages.schedule(SCHEDULES.map(({ name }) => name).join(', ')),
      defaultDescription: messages.scheduleDefault,
    })
    .option('size', {
      type: 'string',
      nargs: 1,
      describe: messages.size,
      defaultDescription: messages.sizeDefault,
    })
    .option('rng', {
      choices: Object.keys(RNGS),
      describe: messages.rng,
      defaultDescription: 'cpu',
    })
    .option('clip-skip', {
      type: 'string',
      nargs: 1,
      describe: messages.clipSkip,
      defaultDescription: '1',
    })
    .option('prediction', {
      choices: ['epsilon', 'v'],
      describe: messages.prediction,
      defaultDescription: messages.predictionDefault,
    })
    .option('ztsnr', {
      type: 'boolean',
      describe: messages.zeroSnr,
      defaultDescription: messages.zeroSnrDefault,
    })
}

/** What draws, besides the model itself. */
function withModelOptions(yargs: Argv): Argv {
  return yargs
    .option('vae', { type: 'string', nargs: 1, describe: messages.vae })
    .option('lora', {
      type: 'string',
      nargs: 1,
      describe: messages.lora,
    })
    .option('allow-unmatched', { type: 'boolean', describe: messages.allowUnmatched })
    .option('ema', { type: 'boolean', describe: messages.ema })
    .option('embeddings', {
      type: 'string',
      nargs: 1,
      describe: messages.embeddings,
      defaultDescription: messages.embeddingsDefault,
    })
}

/** Where it is computed, and where the pictures go. */
function withOutputOptions(yargs: Argv): Argv {
  return yargs
    .option('device', {
      choices: DEVICE_CHOICES,
      describe: messages.device,
      defaultDescription: 'auto',
    })
    .option('precision', {
      choices: PRECISIONS,
      describe: messages.precision,
      defaultDescription: messages.precisionDefault,
    })
    .option('grid', { type: 'boolean', describe: messages.grid })
    .option('output', {
      type: 'string',
      alias: 'o',
      nargs: 1,
      describe: messages.output,
    })
    .option('force', { type: 'boolean', describe: messages.force })
}

/** @throws USAGE (exit 2) */
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
