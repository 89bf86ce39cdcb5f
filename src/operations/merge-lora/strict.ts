/** What keeps an adapter from being merged, said in one line. */

import { BASES, type BaseId, baseById } from '../../model/adapters/base.ts'
import { cloneofsimoRefusal, namedByOrder } from '../../model/adapters/cloneofsimo-order.ts'
import type { DialectId } from '../../model/adapters/dialects.ts'
import type { AdapterModule } from '../../model/adapters/modules.ts'
import { TARGETS } from '../../model/adapters/targets.ts'
import { MAX_NAMES } from '../../model/finding.ts'
import { type Identity, KINDS, type Kind } from '../../model/identity.ts'
import { EXIT, type ExitCode, refuse, SdtoolError } from '../../system/errors.ts'
import { quoted } from '../../system/text.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import type { Finding, TensorTable } from '../../tensor/values/table.ts'
import type { LoraResult } from './apply.ts'
import { type LoraInput, sideOf } from './plan-options.ts'
import type { Unmatched, UnmatchedReason } from './select.ts'

/** Adapters that are no change of the weights of a base that sdtool knows. */
const NOT_MERGEABLE: Readonly<Partial<Record<DialectId, string>>> = {
  lllite: 'a ControlNet-LLLite, which works beside a model and cannot be merged into one',
  'control-lora': 'a control-lora, which makes a ControlNet of a model and cannot be merged into one',
  cascade: 'for Stable Cascade, whose layers sdtool does not know',
}

/** @throws LORA_UNSUPPORTED */
export function checkMergeable({ name, adapter }: LoraInput): void {
  const why = adapter.dialects.map(({ id }) => NOT_MERGEABLE[id]).find((reason) => reason !== undefined)
  if (why !== undefined) throw refuse('LORA_UNSUPPORTED', `${name} is ${why}`)
}

/**
 * The modules with names: those of cloneofsimo/lora have numbers instead.
 * @throws LORA_UNSUPPORTED
 */
export function namedModules(modules: readonly AdapterModule[], name: string): readonly AdapterModule[] {
  if (!modules.some(({ dialect }) => dialect === 'cloneofsimo')) return modules
  const named = namedByOrder(modules)
  if (named === undefined) throw refuse('LORA_UNSUPPORTED', `${name}: ${cloneofsimoRefusal}`)
  return named
}

const BASE_KINDS: ReadonlySet<Kind> = new Set<Kind>(['checkpoint', 'unet', 'dit', 'text-encoder'])

/** @throws BASE_NOT_A_MODEL, BASE_UNKNOWN, SCALED_FP8, QUANTISED */
export function checkBase(name: string, file: TensorTable, identity: Identity): void {
  const { kind, title, components, architecture } = identity
  const isKnown =
    BASE_KINDS.has(kind) && (architecture !== undefined || !components.some(({ role }) => role === 'unet'))
  // the keys of some formats are no layers that could be told
  if (!isKnown) checkOperation('merge-lora', file.tensors.values(), name)
  if (!BASE_KINDS.has(kind)) {
    throw refuse(
      'BASE_NOT_A_MODEL',
      `${name} is no model to merge LoRAs into: ${title}`,
      kind === 'lora'
        ? 'The base comes first: sdtool merge-lora base lora.'
        : `It is of the kind ${KINDS[kind]}.`,
    )
  }
  if (isKnown) return
  throw refuse('BASE_UNKNOWN', `${name}: sdtool does not know this architecture, so no layer can be told`)
}

interface Wording {
  readonly code: string
  /** Behind "12 modules". */
  readonly what: string
  readonly exit?: ExitCode
}

/** The gravest reason first: it is the one that is told first. */
const REASONS: Readonly<Record<UnmatchedReason, Wording>> = {
  'doubled-prefix': {
    code: 'LORA_DOUBLED_PREFIX',
    what: 'with their prefix twice, so that it names no layer',
  },
  'no-part': { code: 'LORA_PART_MISSING', what: 'for a part that the base does not have' },
  'unknown-name': { code: 'LORA_UNMATCHED', what: 'without a layer in the base' },
  misfit: { code: 'LORA_MISFIT', what: 'of a shape that does not fit the layer' },
  incomplete: { code: 'LORA_INCOMPLETE', what: 'that lack a tensor', exit: EXIT.refused },
  'no-bias': { code: 'LORA_BIAS_MISSING', what: 'for a bias that the layer does not have' },
  'same-layer': { code: 'LORA_SAME_LAYER', what: 'for a layer that another module changes, too' },
  'alpha-zero': { code: 'LORA_ALPHA_ZERO', what: 'with alpha 0, which would change nothing' },
  stray: { code: 'LORA_STRAY_KEYS', what: 'of no use to any module' },
}

const ORDER = Object.keys(REASONS) as UnmatchedReason[]

/**
 * The reason to write nothing; undefined if there is none.
 * @param allowUnmatched the rest is enough, if there is any
 */
export function problemOf(
  result: LoraResult,
  identity: Identity,
  allowUnmatched: boolean,
): SdtoolError | undefined {
  const { input, matched, unmatched, leftOut } = result
  if (matched.length > 0 && (unmatched.length === 0 || allowUnmatched)) return undefined
  if (unmatched.length === 0) return leftOutError(input.name, leftOut.length)
  const wrong = wrongArchitecture(result, identity)
  const { code, exit = EXIT.unverified } = wrong === undefined ? REASONS[mainReason(unmatched)] : WRONG
  const none = matched.length === 0
  const sentence = wrong ?? reasonSentence(result)
  return new SdtoolError(
    none && wrong === undefined ? 'LORA_MATCHES_NOTHING' : code,
    `${input.name}: ${sentence}`,
    {
      exitCode: exit,
      ...hintOf(result, none),
    },
  )
}

const WRONG: Wording = { code: 'LORA_WRONG_ARCHITECTURE', what: '' }

function leftOutError(name: string, modules: number): SdtoolError {
  return new SdtoolError('LORA_LEFT_OUT', `${name}: the options leave out all of its ${modules} modules`, {
    exitCode: EXIT.unverified,
    hint: 'See --only, --include, --exclude, --blocks and the ratios.',
  })
}

function mainReason(unmatched: readonly Unmatched[]): UnmatchedReason {
  return ORDER.find((reason) => unmatched.some((one) => one.reason === reason))!
}

/** "12 of 264 modules without a layer in the base ("a", "b", ...)". */
function reasonSentence({ matched, unmatched }: LoraResult): string {
  const reason = mainReason(unmatched)
  const mine = unmatched.filter((one) => one.reason === reason)
  const all = matched.length + unmatched.filter((one) => one.reason !== 'stray').length
  const count = reason === 'stray' ? plural(mine.length, 'key') : `${mine.length} of ${plural(all, 'module')}`
  return `${count} ${REASONS[reason].what}${examples(reason, mine)}`
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function examples(reason: UnmatchedReason, unmatched: readonly Unmatched[]): string {
  const { name, detail } = unmatched[0]!
  if (reason === 'no-part') {
    return ` (${[...new Set(unmatched.map(({ target }) => TARGETS[target]))].join(', ')})`
  }
  return detail === undefined ? ` (${shown(unmatched)})` : `: ${quoted(name)}, ${detail}`
}

function shown(unmatched: readonly Unmatched[]): string {
  const names = unmatched.slice(0, MAX_NAMES).map(({ name }) => quoted(name))
  return [...names, ...(unmatched.length > MAX_NAMES ? ['...'] : [])].join(', ')
}

function hintOf({ unmatched, matched }: LoraResult, none: boolean): { hint?: string } {
  if (none) return {}
  const sides = new Set(unmatched.map(({ target }) => sideOf(target)))
  const [side] = sides
  const isMissingPart = unmatched.every(({ reason }) => reason === 'no-part') && sides.size === 1
  const isSide = matched.every(({ module }) => sideOf(module.target) !== side)
  if (isMissingPart && isSide) return { hint: `--only ${side === 'text' ? 'unet' : 'text'} leaves them out.` }
  return { hint: `--allow-unmatched goes on with the other ${plural(matched.length, 'module')}.` }
}

/** One finding for each part and reason, with the first names. */
export function unmatchedFindings(
  result: LoraResult,
  identity: Identity,
  severity: Finding['severity'],
): Finding[] {
  const { input, unmatched } = result
  const wrong = unmatched.length === 0 ? undefined : wrongArchitecture(result, identity)
  const first =
    wrong === undefined ? [] : [{ code: codeOf(WRONG), severity, message: `${input.name}: ${wrong}` }]
  const rest = ORDER.flatMap((reason) => {
    const mine = unmatched.filter((one) => one.reason === reason)
    const targets = new Set(mine.map(({ target }) => target))
    return [...targets].map((target): Finding => {
      const own = mine.filter((one) => one.target === target)
      const where = reason === 'stray' || target === 'other' ? '' : `${TARGETS[target]}: `
      const detail = own[0]?.detail === undefined ? '' : `; of the first, ${own[0].detail}`
      const what = plural(own.length, reason === 'stray' ? 'key' : 'module')
      return {
        code: codeOf(REASONS[reason]),
        severity,
        message: `${input.name}: ${where}${what} ${REASONS[reason].what} (${shown(own)})${detail}`,
      }
    })
  })
  return [...first, ...rest]
}

/** As findings spell it. */
function codeOf({ code }: Wording): string {
  return code.toLowerCase().replaceAll('_', '-')
}

/** "this is a Stable Diffusion XL LoRA, the base is Stable Diffusion 1.x: attn2.to_k expects 2048, the base has 768". */
function wrongArchitecture({ input, unmatched }: LoraResult, { architecture }: Identity): string | undefined {
  const family = input.adapter.base.architecture
  if (family === undefined || architecture === undefined || isOfFamily(family, architecture.id))
    return undefined
  const why = clue(unmatched) ?? input.adapter.base.evidence[0]
  const title = `this is a ${BASES[family].title} LoRA, the base is ${architecture.title}`
  return why === undefined ? title : `${title}: ${why}`
}

function isOfFamily(family: BaseId, architecture: string): boolean {
  return baseById(family).architectures.includes(architecture)
}

/** What gives an architecture away: the width of the text that cross attention looks at. */
const CROSS_ATTENTION = /(attn2\.to_[kv])\.weight$/

function clue(unmatched: readonly Unmatched[]): string | undefined {
  for (const { placed } of unmatched) {
    const layer = placed && CROSS_ATTENTION.exec(placed.place.weight)?.[1]
    const [expected, found] = [placed?.module.shape.columns, placed?.place.shape[1]]
    if (layer && expected !== undefined && expected !== found) {
      return `${layer} expects ${expected}, the base has ${found}`
    }
  }
  return undefined
}
