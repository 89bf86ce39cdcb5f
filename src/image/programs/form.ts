/** Parameters that programs write as JSON, laid out as those of A1111: prompt, negative prompt, settings. */
import { isJsonObject, type JsonValue, ownValue, parseJsonText } from '../../system/json.ts'
import type { Infotext } from '../infotext/parse.ts'
import { type ImageText, MAX_TEXT_BYTES } from '../texts/image-text.ts'
import { jsonMembers } from '../texts/json-members.ts'

/** Texts of values by their keys, as `jsonMembers` gives them. */
export type Members = ReadonlyMap<string, string>

export interface ProgramForm {
  /** Undefined for what many write. */
  readonly program?: string
  /** Of the texts that may hold it. */
  readonly keywords: readonly string[]
  /** Keys by which it is told from others, all of them there. */
  readonly marks: readonly string[]
  /** Each setting is a text of its own, under its key. */
  readonly apart?: boolean
  /** Objects with settings, by their key; `''` is the outermost. Without it that one. */
  readonly parts?: readonly string[]
  /** Paths to texts, the first that is there counts; a number is a place in a list. */
  readonly prompt: readonly string[]
  readonly negative: readonly string[]
  /** Keys by A1111's names for the same, beside `COMMON_NAMES`; `model.name` is inside of an object. */
  readonly names?: Readonly<Record<string, string>>
  /** Keys that say again what is said elsewhere. */
  readonly omitted?: readonly string[]
  /** What stands in other places than the settings. */
  further?(object: JsonValue, texts: readonly ImageText[]): Partial<FurtherFacts>
}

export interface FurtherFacts {
  readonly prompt: string
  readonly negative: string
  readonly settings: readonly (readonly [name: string, value: string])[]
}

/** What nearly all programs call the same. */
const COMMON_NAMES: Readonly<Record<string, string>> = {
  seed: 'Seed',
  steps: 'Steps',
  num_inference_steps: 'Steps',
  cfg: 'CFG scale',
  cfg_scale: 'CFG scale',
  cfgScale: 'CFG scale',
  guidance_scale: 'CFG scale',
  sampler: 'Sampler',
  sampler_name: 'Sampler',
  scheduler: 'Schedule type',
  strength: 'Denoising strength',
  clip_skip: 'Clip skip',
  clipSkip: 'Clip skip',
  model: 'Model',
  vae: 'VAE',
  size: 'Size',
  resolution: 'Size',
}

export interface FormText extends Infotext {
  readonly keyword: string
}

/** A text that is a JSON object. */
export interface JsonText {
  readonly keyword: string
  readonly members: Members
}

/**
 * What a form finds in the texts of a picture; undefined if they are not of this form.
 * @param objects those of the texts that are JSON, parsed once for all forms
 */
export function readForm(
  form: ProgramForm,
  texts: readonly ImageText[],
  objects: readonly JsonText[],
): FormText | undefined {
  const found = form.apart ? apartMembers(form, texts) : jsonText(form, objects)
  if (found === undefined) return undefined
  const { keyword, members } = found
  const object = Object.fromEntries(
    [...members].map(([key, text]) => [key, parseJsonText(text, MAX_TEXT_BYTES)!]),
  )
  const prompt = textAt(object, form.prompt)
  // any object may have a key of that name
  if (form.program === undefined && prompt === undefined) return undefined
  const further = form.further?.(object, texts) ?? {}
  const settings = settingsOf(form, members)
  for (const [name, value] of further.settings ?? []) settings.set(name, value)
  return {
    keyword,
    prompt: further.prompt ?? prompt ?? '',
    negative: further.negative ?? textAt(object, form.negative) ?? '',
    settings,
  }
}

function jsonText({ keywords, marks }: ProgramForm, objects: readonly JsonText[]): JsonText | undefined {
  return objects.find(
    ({ keyword, members }) => keywords.includes(keyword) && marks.every((key) => members.has(key)),
  )
}

function apartMembers({ keywords, marks }: ProgramForm, texts: readonly ImageText[]): JsonText | undefined {
  const members = new Map(texts.map(({ keyword, text }) => [keyword, JSON.stringify(text)]))
  return marks.every((key) => members.has(key)) ? { keyword: keywords[0]!, members } : undefined
}

/** The first text at one of the paths. */
export function textAt(object: JsonValue, paths: readonly string[]): string | undefined {
  return paths.map((path) => valueAt(object, path)).find((value) => typeof value === 'string')
}

/** A value inside of objects and lists, by a path such as `caption.char_captions.0`. A text of JSON is entered, too. */
export function valueAt(object: JsonValue, path: string): JsonValue | undefined {
  let value: JsonValue | undefined = object
  for (const key of path.split('.')) {
    if (typeof value === 'string') value = parseJsonText(value, MAX_TEXT_BYTES)
    if (Array.isArray(value)) value = value[Number(key)]
    else value = isJsonObject(value) ? ownValue(value, key) : undefined
  }
  return value
}

function settingsOf(form: ProgramForm, members: Members): Map<string, string> {
  const said = new Set([...form.prompt, ...form.negative, ...(form.omitted ?? []), ...(form.parts ?? [])])
  const settings = new Map<string, string>()
  for (const part of form.parts ?? ['']) {
    const prefix = part === '' ? '' : `${part}.`
    const own = part === '' ? members : partMembers(members.get(part))
    const unsaid = [...(own ?? [])].filter(([key]) => !said.has(prefix + key))
    for (const [key, text] of unsaid) addSettings(settings, form, key, text)
    addSize(settings)
  }
  return settings
}

/** Two keys of the same meaning: the second keeps its own name. */
function addSettings(settings: Map<string, string>, form: ProgramForm, key: string, text: string): void {
  for (const [name, value] of namedSettings(form, key, text))
    settings.set(settings.has(name) ? key : name, value)
}

/** An object, or a text that is one. */
function partMembers(text: string | undefined): Members | undefined {
  return text === undefined ? undefined : jsonMembers(text.startsWith('"') ? JSON.parse(text) : text)
}

/** A setting by A1111's name, or the named settings in an object; what says nothing is left out. */
function namedSettings({ names }: ProgramForm, key: string, text: string): [string, string][] {
  const inside = text.startsWith('{') && Object.keys(names ?? {}).some((name) => name.startsWith(`${key}.`))
  if (inside) {
    return [...(jsonMembers(text) ?? [])].flatMap(([inner, value]) => {
      const name = ownName(names, `${key}.${inner}`)
      return name === undefined ? [] : filled(name, value)
    })
  }
  return filled(ownName(names, key) ?? ownName(COMMON_NAMES, key) ?? key, text)
}

function ownName(names: Readonly<Record<string, string>> | undefined, key: string): string | undefined {
  return names && Object.hasOwn(names, key) ? names[key] : undefined
}

const EMPTY: ReadonlySet<string> = new Set(['null', '""', '[]', '{}'])

function filled(name: string, text: string): [string, string][] {
  if (EMPTY.has(text)) return []
  const value: string = text.startsWith('"') ? JSON.parse(text) : onOneLine(text)
  return [[name, name === 'Size' ? sizeText(value) : value]]
}

/** JSON without the spaces between its parts. */
function onOneLine(json: string): string {
  return json.replace(/("(?:\\.|[^"\\])*")|\s+/g, (_, text?: string) => text ?? '')
}

/** `(1152, 896)`, `1024 x 1024`. */
function sizeText(value: string): string {
  const sides = /^\D*(\d{1,6})\D+(\d{1,6})\D*$/.exec(value)
  return sides ? `${sides[1]}x${sides[2]}` : value
}

const SIDES = [
  ['width', 'height'],
  ['Width', 'Height'],
] as const

function addSize(settings: Map<string, string>): void {
  for (const [width, height] of SIDES) {
    const sides = [settings.get(width), settings.get(height)]
    if (settings.has('Size') || sides.includes(undefined)) continue
    settings.set('Size', sides.join('x'))
    settings.delete(width)
    settings.delete(height)
  }
}
