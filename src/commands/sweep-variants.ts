/** What the places of a sweep are drawn with. */
import { basename } from 'node:path'
import { usage } from '../errors.ts'
import { stemOf } from '../model/output-name.ts'
import type { DrawSettings } from './render-options.ts'
import type { SweepAxis } from './sweep-arguments.ts'
import type { SweepMerge } from './sweep-merge.ts'

/** What a place on a sheet is drawn with. */
export interface Variant {
  readonly loras: readonly string[]
  readonly settings: DrawSettings
  readonly merge?: SweepMerge
}

/** Row by row, each from left to right. */
export function variantsOf(plain: Variant, columns: SweepAxis, rows: SweepAxis | undefined): Variant[] {
  const across = (variant: Variant) => columns.values.map((value) => changed(variant, columns, value))
  return rows ? rows.values.flatMap((value) => across(changed(plain, rows, value))) : across(plain)
}

/** @throws USAGE */
export function checkMerge({ merge, loras }: Variant, axes: readonly SweepAxis[]): void {
  const isSwept = axes.some(({ name }) => name === 'alpha')
  if (isSwept !== (merge !== undefined))
    throw usage(
      '--merge and --sweep alpha=... go together',
      'For example --merge b.safetensors --sweep alpha=0..1:0.25',
    )
  if (isSwept && (loras.length > 0 || axes.some(({ name }) => !Object.hasOwn(CHANGES, name))))
    throw usage('--merge goes without LoRAs', 'Write the merge, and draw that with them.')
}

/** Words for settings and for all LoRAs; every other name is that of a LoRA. */
const CHANGES: Readonly<Record<string, (variant: Variant, value: number) => Variant>> = {
  cfg: (variant, cfg) => {
    if (cfg < 0) throw usage(`--sweep cfg: ${cfg} is less than 0`)
    return { ...variant, settings: { ...variant.settings, cfg } }
  },
  steps: (variant, steps) => {
    if (!Number.isInteger(steps) || steps < 1) throw usage(`--sweep steps: ${steps} is no number of steps`)
    return { ...variant, settings: { ...variant.settings, steps } }
  },
  alpha: (variant, alpha) => (variant.merge ? { ...variant, merge: { ...variant.merge, alpha } } : variant),
  lora: (variant, value) => {
    if (variant.loras.length === 0)
      throw usage(
        '--sweep lora=... changes the LoRAs of --lora, and there are none',
        'Name one: --sweep style=0..1:0.25',
      )
    return { ...variant, loras: variant.loras.map((lora) => withRatio(nameOf(lora), value)) }
  },
}

function changed(variant: Variant, { name }: SweepAxis, value: number): Variant {
  const change = Object.hasOwn(CHANGES, name) ? CHANGES[name] : undefined
  if (change) return change(variant, value)
  const isNew = !variant.loras.some((lora) => isCalled(lora, name))
  const kept = variant.loras.map((lora) => (isCalled(lora, name) ? withRatio(nameOf(lora), value) : lora))
  return { ...variant, loras: isNew ? [...kept, withRatio(name, value)] : kept }
}

/** `style:0.7` and `<lora:style:0.7>` are `style`. */
export function nameOf(lora: string): string {
  const tag = /^<\w+:([^:>]+)/.exec(lora)
  return tag ? tag[1]! : lora.replace(/(?::[+-]?[\d.]+){1,2}$/, '')
}

function isCalled(lora: string, name: string): boolean {
  const own = nameOf(lora)
  return own === name || stemOf(basename(own)) === stemOf(basename(name))
}

function withRatio(name: string, ratio: number): string {
  return `${name}:${ratio}`
}

/** At 0 a LoRA does nothing, and merge-lora would say so. */
export function isUsed(lora: string): boolean {
  const ratios = lora.slice(nameOf(lora).length).split(':').slice(1)
  return lora.startsWith('<') || ratios.length === 0 || ratios.some((ratio) => Number(ratio) !== 0)
}

/** Those that are drawn with the same weights stand together. */
export function byModel(variants: readonly Variant[]): Variant[][] {
  const groups = new Map<string, Variant[]>()
  for (const variant of variants) {
    const key = JSON.stringify([variant.loras.filter(isUsed), variant.merge])
    groups.set(key, [...(groups.get(key) ?? []), variant])
  }
  return [...groups.values()]
}
