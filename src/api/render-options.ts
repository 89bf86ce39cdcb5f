/** Options of `render`, checked: a program may put anything into them. */
import type { EngineWishes } from '../operations/render/draw.ts'
import type { DrawSettings, PictureWishes } from '../operations/render/requests.ts'
import { DEVICE_IDS } from '../runtime/devices/devices.ts'
import { SIZE_MULTIPLE } from '../runtime/engine/steered-denoiser.ts'
import { findSampling, isAutomatic, withSchedule } from '../runtime/sampling/named.ts'
import { SAMPLERS } from '../runtime/sampling/samplers/registry.ts'
import { findSchedule, SCHEDULES } from '../runtime/sampling/schedules/registry.ts'
import { defined } from '../system/defined.ts'
import { usage } from '../system/errors.ts'
import { quoted } from '../system/text.ts'
import { messages } from './messages.ts'
import type { RenderOptions } from './types.ts'

const MIN_SIDE = 64
const MAX_SIDE = 8192
const MAX_SEED = 2n ** 64n - 1n
const DEVICES = ['auto', ...DEVICE_IDS] as const

export interface DrawChoice extends PictureWishes, EngineWishes {
  readonly settings: DrawSettings
  readonly size?: { readonly width: number; readonly height: number }
}

/** @throws USAGE (exit 2) that names the option */
export function drawChoice(options: RenderOptions): DrawChoice {
  const { prompt, negative = '', count = 1, steps = 20, cfg = 7, seed = 1, size, schedule } = options
  return {
    ...defined({ prompt }),
    negative,
    count: whole('count', count, 1, 1000),
    seed: seedOf(seed),
    settings: {
      ...withSchedule(
        named('sampler', options.sampler ?? 'euler', findSampling, SAMPLERS),
        schedule === undefined || isAutomatic(schedule)
          ? undefined
          : named('schedule', schedule, findSchedule, SCHEDULES),
      ),
      steps: whole('steps', steps, 1, 1000),
      cfg: inRange('cfg', cfg, 0, 1000),
      rng: 'cpu',
    },
    ...(size && { size: checkedSize(size) }),
    device: named(
      'device',
      options.device ?? 'cpu',
      deviceOf,
      DEVICES.map((name) => ({ name })),
    ),
  }
}

function deviceOf(name: string): (typeof DEVICES)[number] | undefined {
  return DEVICES.find((device) => device === name)
}

function bad(name: string, problem: string): Error {
  return usage(messages.badOption(name, problem))
}

function inRange(name: string, value: number, least: number, most: number): number {
  if (Number.isFinite(value) && value >= least && value <= most) return value
  throw bad(name, messages.notInRange(String(value), least, most))
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw bad(name, messages.notWhole(String(value), least, most))
}

function seedOf(seed: number | bigint): bigint {
  const value = typeof seed === 'bigint' ? seed : Number.isSafeInteger(seed) ? BigInt(seed) : -1n
  if (value >= 0n && value <= MAX_SEED) return value
  throw bad('seed', messages.notWhole(String(seed), 0, Number(MAX_SEED)))
}

function named<T>(
  option: string,
  name: string,
  find: (name: string) => T | undefined,
  all: readonly { readonly name: string }[],
): T {
  const found = find(name)
  if (found !== undefined) return found
  throw bad(option, messages.unknownName(quoted(name), all.map((one) => one.name).join(', ')))
}

function checkedSize(size: { readonly width: number; readonly height: number }) {
  const isRight = (side: number) => side % SIZE_MULTIPLE === 0 && side >= MIN_SIDE && side <= MAX_SIDE
  if (isRight(size.width) && isRight(size.height)) return size
  const given = `${size.width}x${size.height}`
  throw bad('size', messages.badSize(given, SIZE_MULTIPLE, MIN_SIDE, MAX_SIDE))
}
