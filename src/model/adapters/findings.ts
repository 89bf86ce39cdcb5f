import type { Finding } from '../../tensor/values/table.ts'
import { error, info, warning } from '../finding.ts'
import { trainedOnKnown } from '../identify/hashes-known.ts'
import { contradictionFindings } from '../identify/same-prediction.ts'
import { type BaseId, baseById, type ShapeVerdict } from './base.ts'
import { nowhereModules, unknownModules } from './fit.ts'
import type { AdapterInfo, ValueCount } from './info.ts'
import { messages } from './messages.ts'
import type { AdapterKeys, AdapterModule } from './modules.ts'
import { surplusRoles } from './registry.ts'
import { doubledPrefix } from './targets.ts'

/** Findings that tell how an adapter is applied, which belong on the page of whatever applies it. */
const OF_APPLYING: ReadonlySet<string> = new Set([
  'adapter-alpha-unknown',
  'adapter-alpha-claim',
  'adapter-oft-old',
  'adapter-wrapped-names',
])

/** Those of an adapter, each with the name of its file. */
export function applyingFindings(name: string, { findings }: Pick<AdapterInfo, 'findings'>): Finding[] {
  return findings
    .filter(({ code }) => OF_APPLYING.has(code))
    .map((finding) => ({ ...finding, message: `${name}: ${finding.message}` }))
}

type Facts = Omit<AdapterInfo, 'findings' | 'alphas'>

/** What a person should know before using or baking an adapter. */
export function adapterFindings(
  facts: Facts,
  split: AdapterKeys,
  verdict: ShapeVerdict,
  metadata: Readonly<Record<string, string>>,
): Finding[] {
  return [
    ...brokenModules(split),
    ...strangeNames(facts, split),
    ...baseFindings(facts, split, verdict),
    ...contradictionFindings(facts.base.prediction),
    ...mixtures(facts),
    ...rankClaim(facts, metadata),
    ...settingFindings(facts, split, metadata),
    ...trainedOnKnown(baseHash(metadata)),
  ]
}

function brokenModules({ modules, incomplete }: AdapterKeys): Finding[] {
  const findings: Finding[] = []
  if (incomplete.length > 0) {
    const { name, roles } = incomplete[0]!
    const names = incomplete.map((module) => module.name)
    findings.push(warning('adapter-incomplete-modules', messages.incompleteModules(names, name, roles)))
  }
  const misfits = modules.flatMap(({ name, algorithm, parts }) => {
    const why = algorithm.shapeError?.(parts)
    return why === undefined ? [] : [{ name, why }]
  })
  if (misfits.length > 0) {
    const names = misfits.map(({ name }) => name)
    findings.push(warning('adapter-misshapen-modules', messages.misshapenModules(names, misfits[0]!.why)))
  }
  return findings
}

function strangeNames(facts: Facts, { modules }: AdapterKeys): Finding[] {
  const findings: Finding[] = []
  const doubled = modules.filter((module) => doubledPrefix(module) !== undefined).map(({ name }) => name)
  if (doubled.length > 0) {
    const message = messages.doubledPrefix(doubled)
    findings.push(warning('adapter-doubled-prefix', message))
  }
  for (const { title, modules } of facts.wrapped) {
    const message = messages.wrappedNames(modules, title)
    findings.push(info('adapter-wrapped-names', message))
  }
  const surplus = modules.flatMap(({ name, algorithm, parts }) => {
    return surplusRoles(algorithm, parts).map((role) => `${name}.${role}`)
  })
  if (surplus.length > 0) {
    const message = messages.surplusTensors(surplus)
    findings.push(warning('adapter-surplus-tensors', message))
  }
  if (facts.strays.length > 0) {
    findings.push(warning('adapter-stray-keys', messages.strayKeys(facts.strays)))
  }
  if (facts.unknownModules.length > 0) {
    const where = facts.base.title
    const message = messages.unknownModules(facts.unknownModules, where)
    findings.push(warning('adapter-unknown-modules', message))
  }
  return [...findings, ...nowhereFindings(modules, facts.base.architecture)]
}

/** Blocks of a UNet, in whatever spelling. */
const UNET_WORDS = /(?:down|up|mid|input|output|middle)[^a-z]?blocks?/i

/** What sounds like a UNet and is none was broken by a tool; anything else may be for a model that is not known here. */
function nowhereFindings(modules: readonly AdapterModule[], base: BaseId | undefined): Finding[] {
  const names = nowhereModules(
    modules.filter((module) => doubledPrefix(module) === undefined),
    base,
  )
  if (names.length === 0) return []
  const broken = names.filter((name) => UNET_WORDS.test(name))
  return broken.length > 0
    ? [warning('adapter-broken-names', messages.brokenNames(broken))]
    : [info('adapter-foreign-names', messages.foreignNames(names))]
}

function baseFindings({ base }: Facts, { modules }: AdapterKeys, { contradiction }: ShapeVerdict): Finding[] {
  const findings: Finding[] = []
  if (contradiction !== undefined) {
    const message = messages.mixedBase(contradiction)
    findings.push(warning('adapter-mixed-base', message))
  }
  const { claimed, claimedBy } = base
  if (claimed === undefined) return findings
  const { title } = baseById(claimed)
  if (base.architecture !== undefined && claimed !== base.architecture) {
    findings.push(warning('adapter-base-mismatch', messages.baseMismatch(title, claimedBy, base.title)))
  }
  if (base.architecture === undefined && unknownModules(modules, claimed).length === modules.length)
    findings.push(warning('adapter-base-mismatch', messages.claimUnfounded(title, claimedBy)))
  return findings
}

function mixtures({ dialects, embeddings }: Facts): Finding[] {
  const findings: Finding[] = []
  const styles = dialects.filter(({ id }) => id !== 'kohya')
  if (styles.length > 1) {
    const list = styles.map(({ title, modules }) => `${title} (${modules})`).join(', ')
    findings.push(info('adapter-mixed-names', messages.mixedNames(list)))
  }
  if (embeddings.length > 0) {
    findings.push(info('adapter-embeddings-inside', messages.carriesEmbeddings(embeddings)))
  }
  return findings
}

/** SHA-256, or AutoV1, of the checkpoint it was trained on. Source: kohya-ss sd-scripts, `train_network.py`. */
function baseHash(metadata: Readonly<Record<string, string>>): string | undefined {
  const key = ['ss_new_sd_model_hash', 'ss_sd_model_hash'].find((name) => Object.hasOwn(metadata, name))
  return key === undefined ? undefined : metadata[key]
}

/** A file that was resized or merged often keeps the old claim. Factors of LoKr may be whole, so they have no rank. */
function rankClaim({ ranks }: Facts, metadata: Readonly<Record<string, string>>): Finding[] {
  const text = Object.hasOwn(metadata, 'ss_network_dim') ? metadata.ss_network_dim : undefined
  if (text === undefined || !/^\d{1,5}$/.test(text) || ranks.length === 0) return []
  if (ranks.some(({ value }) => value === Number(text))) return []
  const found = ranks.map(({ value }) => value)
  return [info('adapter-rank-claim', messages.rankClaim(text, found[0]!, found.at(-1)!))]
}

/** What is known of the strength, and what is not. */
function settingFindings(
  { settings, dialects, withoutAlpha, modules, algorithms, ranks }: Facts,
  { modules: own }: AdapterKeys,
  metadata: Readonly<Record<string, string>>,
): Finding[] {
  const findings = settings.problems.map((problem) => error('adapter-config', problem))
  const old = settings.configs.find(({ oft }) => oft?.isOld)
  if (old !== undefined) findings.push(warning('adapter-oft-old', messages.oldOft(old.source)))
  const isScaled = own.some(({ algorithm, parts }) => algorithm.rank?.(parts) !== undefined)
  const isUnsaid =
    isScaled && withoutAlpha === modules && algorithms.length > 0 && settings.configs.length === 0
  if (!isUnsaid || settings.problems.length > 0) return findings
  if (dialects.some(({ id }) => id === 'peft'))
    findings.push(warning('adapter-alpha-unknown', messages.alphaUnknown))
  const claim = Object.hasOwn(metadata, 'ss_network_alpha') ? metadata.ss_network_alpha : undefined
  // kohya reads alpha from the tensors alone; tools that drop those mostly multiply the factors by it
  const isScaleOne = ranks.length === 1 && ranks[0]!.value === Number(claim)
  if (claim !== undefined && !isScaleOne)
    findings.push(info('adapter-alpha-claim', messages.alphaOnlyClaimed(claim)))
  return findings
}

/**
 * alpha / rank scales the whole change: NaN ruins the weight, 0 does nothing.
 * @param odd names of alphas that are not one number
 */
export function alphaFindings(alphas: readonly ValueCount[], odd: readonly string[]): Finding[] {
  const count = (matches: (value: number) => boolean) => {
    return alphas.reduce((sum, { value, modules }) => (matches(value) ? sum + modules : sum), 0)
  }
  const [broken, zero] = [count((value) => !Number.isFinite(value)), count((value) => value === 0)]
  const findings: Finding[] = []
  if (broken > 0) {
    const message = messages.alphaNotFinite(broken)
    findings.push(error('adapter-alpha-not-finite', message))
  }
  if (zero > 0) findings.push(warning('adapter-alpha-zero', messages.alphaZero(zero)))
  if (odd.length > 0) findings.push(warning('adapter-alpha-odd', messages.alphaOdd(odd)))
  return findings
}
