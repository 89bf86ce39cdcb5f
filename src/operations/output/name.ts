import { type DTypeName, dtypeName } from '../../model/dtype-choice.ts'
import { stemOf } from '../../model/file-name.ts'
import { COMPONENTS, type Role, VITAL_ROLES } from '../../model/networks/components.ts'
import { type DType, isFloat, type OutputDType } from '../../tensor/values/dtype.ts'
import type { Plan, PlanStep } from '../plan.ts'

/** What the words behind the name of a model say. */
type Meaning = 'full' | 'pruned' | 'emaonly' | 'nonema' | Part | DTypeName

/** What is left of a checkpoint when others of its components were dropped by name. */
type Part = 'unet' | 'text' | 'vae' | 'novae' | 'ema'

/** Spellings in use, with `-` for every separator. */
const SPELLINGS: Readonly<Record<string, Meaning>> = {
  full: 'full',
  nonpruned: 'full',
  'non-pruned': 'full',
  'full-ema': 'full',
  pruned: 'pruned',
  emaonly: 'emaonly',
  'ema-only': 'emaonly',
  'ema-pruned': 'emaonly',
  nonema: 'nonema',
  'non-ema': 'nonema',
  noema: 'nonema',
  'no-ema': 'nonema',
  novae: 'novae',
  'no-vae': 'novae',
  fp32: 'fp32',
  fp16: 'fp16',
  half: 'fp16',
  bf16: 'bf16',
  fp8: 'fp8_e4m3fn',
  'fp8-e4m3fn': 'fp8_e4m3fn',
  'fp8-e5m2': 'fp8_e5m2',
}

/** Longer spellings first: `full-ema` must not be taken for a model called `x-full` with something behind. */
const LONGEST_FIRST = Object.keys(SPELLINGS).sort((a, b) => b.length - a.length)

const TYPES: ReadonlySet<Meaning> = new Set<Meaning>(['fp32', 'fp16', 'bf16', 'fp8_e4m3fn', 'fp8_e5m2'])

interface Word {
  readonly meaning: Meaning
  /** As it is in the name, with the separator before it. */
  readonly text: string
}

/** `v1-5-pruned_fp16.ckpt` -> stem `v1-5`, words `-pruned` and `_fp16`. Only words at the end count. */
function parseName(fileName: string): { stem: string; words: Word[] } {
  let stem = stemOf(fileName)
  const words: Word[] = []
  for (;;) {
    const plain = stem.toLowerCase().replace(/[_. ]/g, '-')
    const spelling = LONGEST_FIRST.find(
      (word) => plain.endsWith(`-${word}`) && plain.length > word.length + 1,
    )
    if (spelling === undefined) return { stem, words }
    const start = stem.length - spelling.length - 1
    words.unshift({ meaning: SPELLINGS[spelling]!, text: stem.slice(start) })
    stem = stem.slice(0, start)
  }
}

/**
 * The file name the scene would give a pruned model: `model-emaonly-fp16.safetensors`, `model-pruned.safetensors`.
 * Words the name ends in already are not repeated, and go if they are no longer true (`full`, another type).
 * @param fileName name of the input, without folder
 */
export function prunedName(fileName: string, plan: Plan): string {
  // a repair alone changes no word of the name, but the output must not have the input's
  const name = prunedNameOf(fileName, plan)
  return name === fileName ? nameWith(fileName, ['pruned']) : name
}

function prunedNameOf(fileName: string, plan: Plan): string {
  return nameWith(fileName, [...whatIsGone(plan), ...newType(plan)])
}

/**
 * As `prunedName`, for a conversion: `model-fp16.safetensors`, or `model.safetensors` if all values stay. What has that
 * name already (a pickle called .safetensors, a model whose keys alone change) becomes `model-converted.safetensors`.
 */
export function convertedName(fileName: string, plan: Plan, ending = '.safetensors'): string {
  const name = stemOf(nameWith(fileName, newType(plan)))
  // file systems of Windows and macOS do not tell cases apart
  const isTaken = `${name}${ending}`.toLowerCase() === fileName.toLowerCase()
  return `${name}${isTaken ? '-converted' : ''}${ending}`
}

/** Bytes of the longest name that sdtool makes up; file systems allow 255, and downloads add some. */
const MAX_NAME_BYTES = 180

/**
 * `v1-5-pruned-fp16.ckpt` and the additions `outline`, `stripes-0.7` -> `v1-5-pruned-outline-stripes-0.7-fp16.safetensors`.
 * Of more additions than a name has room for, the first ones and their count.
 */
export function mergedName(fileName: string, additions: readonly string[], plan: Plan): string {
  for (let shown = additions.length; shown > 0; shown--) {
    const more = additions.length - shown
    const all = [...additions.slice(0, shown), ...(more > 0 ? [`and-${more}-more`] : [])]
    const name = nameWith(fileName, newType(plan), all)
    if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name
  }
  return nameWith(fileName, newType(plan), ['merged'])
}

/** @param additions stand behind the words of the name, but before those of its type */
function nameWith(fileName: string, facts: readonly Meaning[], additions: readonly string[] = []): string {
  const { stem, words } = parseName(fileName)
  const isFalse = ({ meaning }: Word) =>
    facts.includes(meaning)
      ? false
      : (meaning === 'full' && facts.some((fact) => !TYPES.has(fact))) ||
        (TYPES.has(meaning) && facts.some((fact) => TYPES.has(fact)))
  const kept = words.filter((word) => !isFalse(word))
  const separator = words[0]?.text[0] ?? '-'
  const added = facts
    .filter((fact) => !kept.some(({ meaning }) => meaning === fact))
    .map((fact) => ({ meaning: fact, text: separator + fact }))
  const all = [...kept, ...added]
  const [types, others] = [all.filter((w) => TYPES.has(w.meaning)), all.filter((w) => !TYPES.has(w.meaning))]
  const behind = [
    ...others.map(({ text }) => text),
    ...additions.map((addition) => separator + addition),
    ...types.map(({ text }) => text),
  ]
  return `${stem}${behind.join('')}.safetensors`
}

/** What was left out; the other words say already that something was. */
function whatIsGone({ steps }: Plan): Meaning[] {
  const part = remainingPart(steps)
  if (part !== undefined) return [part]
  if (steps.some(({ action }) => action === 'promote')) return ['emaonly']
  const dropped = steps.filter(({ action }) => action === 'drop')
  if (dropped.length === 0) return []
  const hadEma = dropped.some(({ component }) => COMPONENTS[component].role === 'ema')
  return hadEma ? ['nonema', 'pruned'] : ['pruned']
}

/** Undefined if every component a checkpoint needs is still there, or if no word says what is not. */
function remainingPart(steps: readonly PlanStep[]): Part | undefined {
  const has = (some: readonly PlanStep[], role: Role) =>
    some.some(({ component }) => COMPONENTS[component].role === role)
  const left = steps.filter(({ action }) => action !== 'drop')
  const before = VITAL_ROLES.filter((role) => has(steps, role))
  const after = VITAL_ROLES.filter((role) => has(left, role))
  if (after.length === before.length) return undefined
  if (after.length === 0) return has(left, 'ema') ? 'ema' : undefined
  if (after.length === 1) return after[0]
  return after.includes('vae') ? undefined : 'novae'
}

/** The type most floats were cast to; a VAE left in fp32 makes no name. */
function newType({ table }: Plan): Meaning[] {
  const tensors = [...table.tensors.values()].filter(({ dtype }) => isFloat(dtype))
  const cast = tensors.find(({ source }) => source.kind === 'cast')
  if (!cast) return []
  const counts = new Map<DType, number>()
  for (const { dtype } of tensors) counts.set(dtype, (counts.get(dtype) ?? 0) + 1)
  const isMost = counts.get(cast.dtype)! > tensors.length / 2
  return isMost ? [dtypeName(cast.dtype as OutputDType)] : []
}
