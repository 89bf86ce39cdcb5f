/** InvokeAI before version 3: prompts with their negative part in brackets, and command lines. */
import type { JsonValue } from '../../system/json.ts'
import type { ImageText } from '../texts/image-text.ts'
import { type FormText, type FurtherFacts, textAt } from './form.ts'

const KEYWORD = 'Dream'

/** Options of its command line by A1111's names. Source: InvokeAI 2, docs/features/CLI.md */
const OPTIONS: Readonly<Record<string, string>> = {
  s: 'Steps',
  S: 'Seed',
  W: 'Width',
  H: 'Height',
  C: 'CFG scale',
  A: 'Sampler',
  f: 'Denoising strength',
}

/** `"a cat [blurry]" -s 50 -S 123 -W 512 -H 512 -C 7.5 -A k_lms` */
export function readDream(texts: readonly ImageText[]): FormText | undefined {
  const line = texts.find(({ keyword }) => keyword === KEYWORD)?.text
  const end = line?.lastIndexOf('"') ?? 0
  if (line === undefined || !line.startsWith('"') || end === 0) return undefined
  const settings = new Map<string, string>()
  const words = line.slice(end + 1).split(/\s+/)
  words.forEach((word, i) => {
    const [option, value] = [/^-([A-Za-z])(.*)$/.exec(word), words[i + 1]]
    if (!option) return
    const name = Object.hasOwn(OPTIONS, option[1]!) ? OPTIONS[option[1]!]! : `-${option[1]}`
    settings.set(name, option[2] || (value?.startsWith('-') ? '' : (value ?? '')))
  })
  return { keyword: KEYWORD, ...withoutBrackets(line.slice(1, end)), settings: withSize(settings) }
}

function withSize(settings: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const { Width, Height, ...others } = Object.fromEntries(settings)
  const isWhole = Width !== undefined && Height !== undefined
  return isWhole ? new Map(Object.entries({ ...others, Size: `${Width}x${Height}` })) : settings
}

/** The parts of a prompt of `sd-metadata`. */
export function dreamNegative(object: JsonValue): Partial<FurtherFacts> {
  const prompt = textAt(object, ['image.prompt.0.prompt', 'image.prompt'])
  return prompt === undefined ? {} : withoutBrackets(prompt)
}

/** Words in square brackets are the negative prompt. Source: InvokeAI 2, ldm/invoke/conditioning.py */
function withoutBrackets(prompt: string): { prompt: string; negative: string } {
  const negative = [...prompt.matchAll(RE_BRACKETS)].map(([, words]) => words!.trim())
  const clean = prompt.replace(RE_BRACKETS, ' ').replaceAll(/ {2,}/g, ' ').trim()
  return { prompt: clean, negative: negative.join(' ') }
}

const RE_BRACKETS = /\[([^[\]]*)\]/g
