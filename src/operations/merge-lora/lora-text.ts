/**
 * LoRAs of a command line with their strengths: `lora`, `lora:0.7`, `lora:0.7:0.5`, `"<lora:name:0.7>"`, `--ratio`,
 * `--blocks`.
 */

import { messages as library } from '../../library/messages.ts'
import { defined } from '../../system/defined.ts'
import { usage } from '../../system/errors.ts'
import { NO_BLOCKS } from './block-presets.ts'
import { blockRatios, looksLikeBlocks } from './block-text.ts'
import { messages } from './lora-text-messages.ts'
import type { MergeLoraOptions } from './options.ts'
import { checkRatios, type LoraRatio } from './plan-options.ts'

export interface LoraArgument {
  /** Path, or a bare name to be looked up. */
  readonly name: string
  readonly ratio: LoraRatio
  /** Ratios of blocks, as they were written. */
  readonly blocks?: string
  /** What of its tag sdtool does not use, in words. */
  readonly ignored?: string
}

/** A LoRA as it was typed, which may leave the ratio to an option. */
export interface LoraSpec {
  readonly name: string
  readonly ratio?: LoraRatio
  readonly blocks?: string
  readonly ignored?: string
}

const RE_NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i
const RE_NOT_FINITE = /^[+-]?(?:nan|inf|infinity)$/i
/** Somebody meant a number: `0,7`, `1.2.3`. */
const RE_NEARLY = /^[+-]?\d[\d.,]*$/

/**
 * @param args LoRAs as they were typed
 * @param ratios values of `--ratio`, in order
 * @param exists whether a path is there: a file name may look like a name with a ratio
 * @param blocks values of `--blocks`, in order
 * @throws USAGE (exit 2)
 */
export function loraArguments(
  args: readonly string[],
  ratios: readonly string[],
  exists: (path: string) => boolean,
  blocks: readonly string[] = [],
): LoraArgument[] {
  const specs = loraSpecs(args, exists)
  if (specs.length === 0) throw usage(messages.noLora, messages.baseThenLoras)
  const loras = withOptions(specs, ratios, blocks)
  checkRatios(loras.map(({ ratio }) => ratio))
  return loras
}

/** As a prompt has them: at a ratio of 0 a LoRA stands there for nothing. @throws USAGE (exit 2) */
export function promptLoras(args: readonly string[], exists: (path: string) => boolean): LoraArgument[] {
  return withOptions(loraSpecs(args, exists), [], [])
}

function withOptions(
  specs: readonly LoraSpec[],
  ratios: readonly string[],
  blocks: readonly string[],
): LoraArgument[] {
  const given = ratios.map((text) => ratioOf(text.trim().split(':'), '--ratio'))
  const ratioFor = perLora('ratio', given, specs)
  const blocksFor = perLora('blocks', blocks, specs)
  return specs.map((spec, i) => {
    const { name, ignored } = spec
    const ratio = ratioFor(i) ?? { unet: 1, text: 1 }
    return { name, ratio, ...checkedBlocks(spec, blocksFor(i)), ...defined({ ignored }) }
  })
}

/** What of their tags is not used, a sentence each. */
export function ignoredInTags(loras: readonly LoraSpec[]): string[] {
  return loras.flatMap(({ ignored }) => ignored ?? [])
}

/** At 0 a LoRA does nothing. */
export function isUsed({ ratio }: LoraSpec): boolean {
  return ratio === undefined || ratio.unet !== 0 || ratio.text !== 0
}

/** Of an argument with several tags, each. @throws USAGE (exit 2) */
export function loraSpecs(args: readonly string[], exists: (path: string) => boolean): LoraSpec[] {
  return args.flatMap((arg) => specsOf(arg, exists))
}

/** As `merge-lora` takes them, next to the files. */
export function lorasOption(loras: readonly LoraArgument[]): MergeLoraOptions['loras'] {
  return loras.map(({ ratio, blocks }) => ({ ratio, ...defined({ blocks }) }))
}

/** Would end the tag, its name, or the line of a prompt: no LoRA that A1111 can load has them in its name. */
const RE_NOT_IN_TAG = /[:>#\n]/g

/** As A1111 has it in a prompt, the text encoder first: `<lora:style:0.7>`, `<lora:style:0.5:0.7>`. */
export function loraTag({ name, ratio, blocks }: LoraSpec): string {
  const { unet, text } = ratio ?? { unet: 1, text: 1 }
  const ratios = unet === text ? `${unet}` : `${text}:${unet}`
  const lbw = blocks === undefined ? '' : `:lbw=${blocks}`
  return `<lora:${name.replace(RE_NOT_IN_TAG, '')}:${ratios}${lbw}>`
}

/** @throws USAGE (exit 2), saying where the text stands */
function checkedBlocks(spec: LoraSpec, blocks: string | undefined): Pick<LoraArgument, 'blocks'> {
  if (blocks === undefined) return {}
  blockRatios(blocks, spec.blocks === undefined ? '--blocks' : messages.lbwOf(spec.name))
  return { blocks }
}

/** What a LoRA says itself, or what an option gives it: one value is for all, several are for one LoRA each. */
function perLora<K extends 'ratio' | 'blocks'>(
  option: K,
  given: readonly NonNullable<LoraSpec[K]>[],
  specs: readonly LoraSpec[],
): (index: number) => LoraSpec[K] | undefined {
  if (given.length > 1 && given.length !== specs.length) {
    throw usage(messages.wrongValueCount(option, given.length, specs.length), messages.oneOrEach)
  }
  const twice = given.length > 1 ? specs.find((spec) => spec[option] !== undefined) : undefined
  if (twice !== undefined) {
    const text = option === 'ratio' ? messages.ratioTwice : messages.blocksTwice
    throw usage(text(twice.name), messages.giveOnce)
  }
  return (index) => specs[index]![option] ?? given[given.length === 1 ? 0 : index]
}

function specsOf(arg: string, exists: (path: string) => boolean): LoraSpec[] {
  if (arg === '') throw usage(library.emptyFileName)
  if (exists(arg)) return [{ name: arg }]
  return arg.startsWith('<') ? tagsOf(arg) : [colonSpec(arg)]
}

/** `name:unet` or `name:unet:text`. Colons before that belong to the name: a drive, a file called so. */
function colonSpec(arg: string): LoraSpec {
  const parts = arg.split(':')
  const numbers: string[] = []
  while (parts.length > 1 && numbers.length < 2 && isRatio(parts.at(-1)!)) numbers.unshift(parts.pop()!)
  const last = parts.at(-1)!
  if (parts.length > 1 && !isRatio(last) && (last === '' || RE_NEARLY.test(last))) throw noRatio(last, arg)
  const name = parts.join(':')
  return numbers.length === 0 ? { name } : { name, ratio: ratioOf(numbers, arg) }
}

function isRatio(text: string): boolean {
  return RE_NUMBER.test(text) || RE_NOT_FINITE.test(text)
}

/** UNet, and text encoders where they differ. */
function ratioOf(numbers: readonly string[], of: string): LoraRatio {
  if (numbers.length > 2) throw noRatio(numbers.join(':'), of)
  const [unet, text] = numbers.map((number) => ratioNumber(number, of))
  return { unet: unet!, text: text ?? unet! }
}

function ratioNumber(text: string, of: string): number {
  const value = RE_NUMBER.test(text) ? Number(text) : Number.NaN
  if (!Number.isFinite(value)) throw noRatio(text, of)
  return value
}

function noRatio(text: string, of: string): Error {
  return usage(messages.notRatio(of, text), messages.ratioHint)
}

const RE_TAG = /<[^<>]*>/g

/** Tags copied from a prompt, one or several. */
function tagsOf(arg: string): LoraSpec[] {
  const tags = arg.match(RE_TAG) ?? []
  if (tags.length === 0 || /[^\s,]/.test(arg.replace(RE_TAG, ''))) throw noTag(arg)
  return tags.map(tagSpec)
}

/**
 * `<lora:name:text:unet>` with `te=` and `unet=` as names for either. One number is for both. The order is that of
 * the prompts it comes from (A1111 `extra_networks_lora.py`), where the text encoder stands first. Behind them
 * `lbw=1,0,..` or `lbw=MIDD`, the name left out in old prompts (sd-webui-lora-block-weight). The third number, `dyn=`,
 * and what extensions add (`start=`, `lbwe=`) are passed over, as in a program without them.
 */
function tagSpec(tag: string): LoraSpec {
  const [kind, name, ...rest] = tag
    .slice(1, -1)
    .split(':')
    .map((part) => part.trim())
  if (!/^(?:lora|lyco)$/i.test(kind!) || !name) throw noTag(tag)
  const named = new Map<string, string>()
  const positional: string[] = []
  for (const part of rest) {
    const [key, value] = part.split('=', 2) as [string, string | undefined]
    if (value !== undefined) named.set(key, value)
    else if (looksLikeBlocks(part)) named.set('lbw', part)
    else positional.push(part)
  }
  const text = ratioNumber(named.get('te') ?? positional[0] ?? '1', tag)
  const unet = ratioNumber(named.get('unet') ?? positional[1] ?? String(text), tag)
  const blocks = named.get('lbw') ?? named.get('w')
  const others = [...positional.slice(2), ...[...named].flatMap(unusedInTag)]
  const ignored = others.length > 0 ? messages.ignoredInTag(tag, others) : undefined
  if (blocks?.toUpperCase() === NO_BLOCKS)
    return { name, ratio: { text: 0, unet: 0 }, ...defined({ ignored }) }
  return { name, ratio: { text, unet }, ...defined({ blocks, ignored }) }
}

const TAG_KEYS: ReadonlySet<string> = new Set(['te', 'unet', 'lbw', 'w'])

function unusedInTag([key, value]: readonly [string, string]): string[] {
  return TAG_KEYS.has(key) ? [] : [`${key}=${value}`]
}

function noTag(text: string): Error {
  return usage(messages.notTag(text), messages.tagHint)
}
