/** What the places of a sweep are drawn with. */
import { basename } from 'node:path'
import { stemOf } from '../../model/file-name.ts'
import { isUsed, type LoraSpec, loraTag } from '../../operations/merge-lora/lora-text.ts'
import type { DrawSettings } from '../../operations/render/requests.ts'
import { usage } from '../../system/errors.ts'
import { messages } from './messages.ts'
import type { SweepAxis } from './sweep-arguments.ts'
import type { SweepMerge } from './sweep-merge.ts'

/** What a place on a sheet is drawn with. */
export interface SweepVariant {
  readonly loras: readonly LoraSpec[]
  readonly settings: DrawSettings
  readonly merge?: SweepMerge
}

/** Row by row, each from left to right. */
export function variantsOf(
  plain: SweepVariant,
  columns: SweepAxis,
  rows: SweepAxis | undefined,
): SweepVariant[] {
  const across = (variant: SweepVariant) => columns.values.map((value) => changed(variant, columns, value))
  return rows ? rows.values.flatMap((value) => across(changed(plain, rows, value))) : across(plain)
}

/** @throws USAGE (exit 2) */
export function checkMergeAxes({ merge, loras }: SweepVariant, axes: readonly SweepAxis[]): void {
  const isSwept = axes.some(({ name }) => name === 'alpha')
  if (isSwept && merge === undefined) throw usage(messages.mergeNeedsAlpha, messages.mergeExample)
  if (isSwept && (loras.length > 0 || axes.some(({ name }) => namesALora(name))))
    throw usage(messages.mergeWithoutLoras, messages.writeMergeForLoras)
}

/** Words for settings and for all LoRAs; every other name is that of a LoRA. */
const CHANGES: Readonly<Record<string, (variant: SweepVariant, value: number) => SweepVariant>> = {
  cfg: (variant, cfg) => {
    if (cfg < 0) throw usage(messages.negativeCfg(cfg))
    return { ...variant, settings: { ...variant.settings, cfg } }
  },
  steps: (variant, steps) => {
    if (!Number.isInteger(steps) || steps < 1) throw usage(messages.notSteps(steps))
    return { ...variant, settings: { ...variant.settings, steps } }
  },
  alpha: (variant, alpha) => (variant.merge ? { ...variant, merge: { ...variant.merge, alpha } } : variant),
  lora: (variant, value) => {
    if (variant.loras.length === 0) throw usage(messages.noLorasToSweep, messages.sweepOneLora)
    return { ...variant, loras: variant.loras.map((lora) => withRatio(lora, value)) }
  },
}

/** Of the names that a sweep can have. */
export function namesALora(name: string): boolean {
  return name === 'lora' || !Object.hasOwn(CHANGES, name)
}

function changed(variant: SweepVariant, { name }: SweepAxis, value: number): SweepVariant {
  const change = Object.hasOwn(CHANGES, name) ? CHANGES[name] : undefined
  if (change) return change(variant, value)
  const isNew = !variant.loras.some((lora) => isCalled(lora, name))
  const kept = variant.loras.map((lora) => (isCalled(lora, name) ? withRatio(lora, value) : lora))
  return { ...variant, loras: isNew ? [...kept, withRatio({ name }, value)] : kept }
}

/** Whether an axis is about a LoRA. */
export function isChangedBy(lora: LoraSpec, { name }: SweepAxis): boolean {
  return name === 'lora' || isCalled(lora, name)
}

function isCalled({ name: own }: LoraSpec, name: string): boolean {
  return own === name || stemOf(basename(own)) === stemOf(basename(name))
}

/** Its blocks stay. */
function withRatio(lora: LoraSpec, ratio: number): LoraSpec {
  return { ...lora, ratio: { unet: ratio, text: ratio } }
}

/** As on a command line. A name with ratios of blocks came from a tag, so that it can stand in one. */
export function loraArgument(lora: LoraSpec): string {
  const { name, ratio, blocks } = lora
  if (blocks !== undefined) return loraTag(lora)
  return ratio === undefined ? name : `${name}:${ratio.unet}:${ratio.text}`
}

/** Those that are drawn with the same weights stand together. */
export function byModel(variants: readonly SweepVariant[]): SweepVariant[][] {
  const groups = new Map<string, SweepVariant[]>()
  for (const variant of variants) {
    const key = JSON.stringify([variant.loras.filter(isUsed), variant.merge])
    groups.set(key, [...(groups.get(key) ?? []), variant])
  }
  return [...groups.values()]
}
