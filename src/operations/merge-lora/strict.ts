/** What keeps an adapter from being merged, in one line. */

import { baseById } from '../../model/adapters/base.ts'
import { cloneofsimoRefusal, isNumbered } from '../../model/adapters/cloneofsimo-order.ts'
import type { DialectId } from '../../model/adapters/dialects.ts'
import type { AdapterModule } from '../../model/adapters/modules.ts'
import { TARGETS, type TargetId } from '../../model/adapters/targets.ts'
import type { Identity } from '../../model/identity.ts'
import { parseRecipe, RECIPE_KEY, type Recipe } from '../../model/metadata/recipe.ts'
import { hasUnknownNetwork } from '../../model/unknown-networks.ts'
import { defined } from '../../system/defined.ts'
import { EXIT, type ExitCode, refuse, SdtoolError, unverified } from '../../system/errors.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import type { Finding, TensorTable } from '../../tensor/values/table.ts'
import { isNoNetwork, kindHint } from '../plan.ts'
import { familiesOf, isOfFamily, titlesOf } from './families.ts'
import type { LoraInput } from './plan-options.ts'
import type { LoraResult, Unmatched, UnmatchedReason } from './select.ts'
import { sideOf } from './sides.ts'
import { messages, type UnmatchedFacts } from './unmatched-messages.ts'

/** Adapters that are not a change of the weights of a base that sdtool knows. */
const NOT_MERGEABLE: Readonly<Partial<Record<DialectId, 'lllite' | 'controlLora' | 'cascade'>>> = {
  lllite: 'lllite',
  'control-lora': 'controlLora',
  cascade: 'cascade',
}

/** @throws LORA_UNSUPPORTED (exit 3) */
export function checkMergeable({ name, adapter }: LoraInput): void {
  const why = adapter.dialects.map(({ id }) => NOT_MERGEABLE[id]).find((reason) => reason !== undefined)
  if (why !== undefined) throw refuse('LORA_UNSUPPORTED', messages[why](name))
}

/** @throws LORA_UNSUPPORTED (exit 3) for modules of cloneofsimo/lora whose order is not known */
export function checkNamed(modules: readonly AdapterModule[], name: string): void {
  if (modules.some(isNumbered)) throw refuse('LORA_UNSUPPORTED', messages.inFile(name, cloneofsimoRefusal()))
}

/** @throws BASE_NOT_A_MODEL, SCALED_FP8, QUANTISED (exit 3) */
export function checkBase(name: string, file: TensorTable, identity: Identity): void {
  const { kind, title, architecture } = identity
  // keys of some formats do not show which layers there are
  if (architecture === undefined) checkOperation('merge-lora', file.tensors.values(), name)
  if (!isNoNetwork(identity)) return
  const hint = kind === 'lora' ? messages.baseFirst : kindHint(kind)
  throw refuse('BASE_NOT_A_MODEL', messages.baseNotModel(name, title), hint)
}

interface Refusal {
  readonly code: string
  readonly exit?: ExitCode
}

/** The gravest reason first: it is the one that is reported first. */
const REASONS: Readonly<Record<UnmatchedReason, Refusal>> = {
  'doubled-prefix': { code: 'LORA_DOUBLED_PREFIX' },
  'no-part': { code: 'LORA_PART_MISSING' },
  'unknown-name': { code: 'LORA_UNMATCHED' },
  misfit: { code: 'LORA_MISFIT' },
  incomplete: { code: 'LORA_INCOMPLETE', exit: EXIT.refused },
  'no-bias': { code: 'LORA_BIAS_MISSING' },
  'same-layer': { code: 'LORA_SAME_LAYER' },
  'alpha-zero': { code: 'LORA_ALPHA_ZERO' },
  stray: { code: 'LORA_STRAY_KEYS' },
}

const WRONG: Refusal = { code: 'LORA_WRONG_ARCHITECTURE' }

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
  const foreign = foreignFamily(input, identity)
  if (foreign !== undefined) return unverified(WRONG.code, foreign, messages.unknownBaseHint)
  const other = otherTransformer(result, identity)
  if (other !== undefined) return unverified(WRONG.code, other)
  if (matched.length > 0 && (unmatched.length === 0 || allowUnmatched)) return undefined
  if (unmatched.length === 0) return leftOutError(input.name, leftOut.length)
  const wrong = wrongArchitecture(result, identity)
  const { code, exit = EXIT.unverified } = wrong === undefined ? REASONS[mainReason(unmatched)] : WRONG
  const none = matched.length === 0
  return new SdtoolError(
    none && wrong === undefined ? 'LORA_MATCHES_NOTHING' : code,
    wrong ?? reasonSentence(result),
    { exitCode: exit, ...hintOf(result, none) },
  )
}

function leftOutError(name: string, modules: number): SdtoolError {
  return unverified('LORA_LEFT_OUT', messages.leftOut(name, modules), messages.seeOptions)
}

function mainReason(unmatched: readonly Unmatched[]): UnmatchedReason {
  return ORDER.find((reason) => unmatched.some((one) => one.reason === reason))!
}

/** "12 of 264 modules without a layer in the base ("a", "b", ...)". */
function reasonSentence({ input, matched, unmatched }: LoraResult): string {
  const reason = mainReason(unmatched)
  const mine = unmatched.filter((one) => one.reason === reason)
  const of = matched.length + unmatched.filter((one) => one.reason !== 'stray').length
  const parts = [...new Set(mine.map(({ target }) => TARGETS[target]))]
  const facts = factsOf(input.name, mine)
  return messages[reason]({ ...facts, of, ...(reason === 'no-part' && { parts }) })
}

function factsOf(lora: string, unmatched: readonly Unmatched[]): UnmatchedFacts {
  const { detail } = unmatched[0]!
  return {
    lora,
    count: unmatched.length,
    names: unmatched.map(({ name }) => name),
    ...defined({ detail }),
  }
}

function hintOf({ unmatched, matched }: LoraResult, none: boolean): { hint?: string } {
  if (none) return {}
  const sides = new Set(unmatched.map(({ target }) => sideOf(target)))
  const [side] = sides
  const isMissingPart = unmatched.every(({ reason }) => reason === 'no-part') && sides.size === 1
  const isSide = matched.every(({ module }) => sideOf(module.target) !== side)
  if (isMissingPart && isSide) return { hint: messages.onlyOther(side === 'text' ? 'unet' : 'text') }
  return { hint: messages.allowUnmatched(matched.length) }
}

/** What the base has for a target: the network that it calls UNet may be a transformer. */
export function partTitle(target: TargetId, { components }: Pick<Identity, 'components'>): string {
  const denoiser = target === 'unet' ? components.find(({ role }) => role === 'unet') : undefined
  return denoiser?.title ?? TARGETS[target]
}

/** One finding for each part and reason, with the first names. */
export function unmatchedFindings(
  result: LoraResult,
  identity: Identity,
  severity: Finding['severity'],
): Finding[] {
  const { input, unmatched } = result
  const wrong = unmatched.length === 0 ? undefined : wrongArchitecture(result, identity)
  const first = wrong === undefined ? [] : [{ code: codeOf(WRONG), severity, message: wrong }]
  const rest = ORDER.flatMap((reason) => {
    const mine = unmatched.filter((one) => one.reason === reason)
    const targets = new Set(mine.map(({ target }) => target))
    return [...targets].map((target): Finding => {
      const facts = factsOf(
        input.name,
        mine.filter((one) => one.target === target),
      )
      const part = reason === 'stray' || target === 'other' ? undefined : partTitle(target, identity)
      const message = messages[reason]({ ...facts, ...defined({ part }) })
      return { code: codeOf(REASONS[reason]), severity, message }
    })
  })
  return [...first, ...rest]
}

/** As findings spell it. */
function codeOf({ code }: Refusal): string {
  return code.toLowerCase().replaceAll('_', '-')
}

/** "lora: this is a Stable Diffusion XL LoRA, the base is Stable Diffusion 1.x: attn2.to_k expects 2048, the base has 768". */
function wrongArchitecture({ input, unmatched }: LoraResult, { architecture }: Identity): string | undefined {
  const { base } = input.adapter
  const families = familiesOf(base)
  if (families.length === 0 || architecture === undefined) return undefined
  if (families.some((family) => isOfFamily(family, architecture.id))) return undefined
  const why = clue(unmatched) ?? base.evidence[0]
  const named = base.architecture === undefined ? families : [base.architecture]
  const title = titlesOf(named)
  return why === undefined
    ? messages.wrongArchitecture(input.name, title, architecture.title)
    : messages.wrongArchitectureBecause(input.name, title, architecture.title, why)
}

/**
 * That a LoRA for a transformer is for another network than the base, even where all of its layers have their names there:
 * they do not do the same. Undefined where that is not so.
 */
function otherTransformer(result: LoraResult, identity: Identity): string | undefined {
  const isTransformer = identity.components.some(({ id }) => id === 'dit')
  const isForTransformer = result.input.adapter.base.possible !== undefined
  return isTransformer || isForTransformer ? wrongArchitecture(result, identity) : undefined
}

/**
 * That a LoRA of a family that sdtool knows is for no base that it does not know: it would know it. Undefined where that is
 * not so. Layers of one name in two families are no reason to think that they do the same.
 */
function foreignFamily({ name, adapter, table }: LoraInput, identity: Identity): string | undefined {
  const { base } = adapter
  const family = base.architecture ?? base.claimed
  if (family === undefined || !hasUnknownNetwork(identity)) return undefined
  if (isExtractedFromUnknown(adapter, table)) return undefined
  const { title } = baseById(family)
  const [why] = base.architecture === undefined ? [base.claimedBy] : base.evidence
  return why === undefined
    ? messages.wrongArchitecture(name, title, messages.noKnownArchitecture)
    : messages.wrongArchitectureBecause(name, title, messages.noKnownArchitecture, why)
}

/** sdtool writes down the family of what it extracts; names alone that sound like one are none. */
function isExtractedFromUnknown({ base }: LoraInput['adapter'], { metadata }: TensorTable): boolean {
  const text = Object.hasOwn(metadata, RECIPE_KEY) ? metadata[RECIPE_KEY] : undefined
  return base.claimed === undefined && isExtracted(parseRecipe(text))
}

/** It, or what it was resized or merged from. */
function isExtracted(recipe: Recipe | undefined): boolean {
  if (recipe === undefined) return false
  return recipe.operation === 'extract lora' || recipe.inputs.some((input) => isExtracted(input.recipe))
}

/** What gives an architecture away: the width of the text that cross attention looks at. */
const CROSS_ATTENTION = /(attn2\.to_[kv])\.weight$/

function clue(unmatched: readonly Unmatched[]): string | undefined {
  for (const { placed } of unmatched) {
    const layer = placed && CROSS_ATTENTION.exec(placed.place.weight)?.[1]
    const [expected, found] = [placed?.module.shape.columns, placed?.place.shape[1]]
    if (layer && expected !== undefined && expected !== found)
      return messages.otherWidth(layer, expected, found)
  }
  return undefined
}
