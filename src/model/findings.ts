import { type DType, elementCount } from '../tensor/dtype.ts'
import { tensorBytes } from '../tensor/expr.ts'
import type { Finding, Tensor, TensorTable } from '../tensor/table.ts'
import { quoted } from '../tensor/text.ts'
import type { Architecture } from './architectures/architecture.ts'
import { type Component, ROLES, type Role } from './components.ts'
import type { Candidate } from './denoiser.ts'
import { isCastable } from './dtype-choice.ts'
import { coversAll, type EmaInfo, isOnlyCounters } from './ema.ts'
import { isFp8Scale } from './fp8.ts'
import type { Identifiable, Identity } from './identify.ts'
import { needsRepair, type PositionIds } from './position-ids.ts'
import type { Schedule } from './schedule.ts'
import { isComplete, type TopologyMatch } from './topology/match.ts'
import { CLIP_VOCABULARY } from './topology/text.ts'

/** What `identify` knows when it comes to judging the file. */
export interface Facts {
  readonly file: Identifiable
  readonly identity: Omit<Identity, 'findings'>
  readonly known: Architecture | undefined
  readonly candidates: readonly Candidate[]
  readonly naiNames: boolean
  readonly positionIds: readonly PositionIds[]
  readonly schedule: Schedule | undefined
}

/** Names a message repeats; the rest is counted. */
const MAX_NAMES = 3

/** Everything a person should know about a model file, the gravest first. */
export function findingsOf(facts: Facts): Finding[] {
  const found = [
    ...architecture(facts),
    ...missingComponents(facts),
    ...incompleteComponents(facts.identity.components),
    ...emaFindings(facts.identity.ema),
    ...trainingLeftovers(facts),
    ...scheduleFindings(facts),
    ...positionIdFindings(facts.positionIds),
    ...precision(facts),
    ...fp8(facts.file),
    ...names(facts),
    ...insides(facts.identity.components),
    ...unknownKeys(facts.identity.components),
    ...sharedTensors(facts.file),
  ]
  const rank = { error: 0, warning: 1, info: 2 }
  return found.sort((a, b) => rank[a.severity] - rank[b.severity])
}

function info(code: string, message: string, bytes?: number): Finding {
  return { code, severity: 'info', message, ...(bytes === undefined ? {} : { bytes }) }
}

function warning(code: string, message: string, bytes?: number): Finding {
  return { code, severity: 'warning', message, ...(bytes === undefined ? {} : { bytes }) }
}

/** "12 keys (a, b, c, ...)", with at most `MAX_NAMES` names. */
function counted(names: readonly string[], noun: string): string {
  const shown = names.slice(0, MAX_NAMES).map(quoted).join(', ')
  return `${names.length} ${noun}${names.length === 1 ? '' : 's'} (${shown}${names.length > MAX_NAMES ? ', ...' : ''})`
}

/** Candidates a message names. */
const MAX_CANDIDATES = 3

function architecture({ identity, candidates }: Facts): Finding[] {
  const { architecture } = identity
  if (architecture?.width !== undefined) {
    const message = `${architecture.title} topology, non-standard width: ${architecture.width}`
    return [info('non-standard-width', message)]
  }
  if (architecture || !identity.components.some(({ role }) => role === 'unet')) return []
  if (candidates.length === 0) {
    return [warning('unknown-architecture', 'the UNet has none of the key names sdtool knows')]
  }
  const nearest = candidates.slice(0, MAX_CANDIDATES).map(({ architecture, match }) => {
    const extra = match.extra.length > 0 ? `${match.extra.length} keys too many` : ''
    return `${architecture.title} (${[faultText(match), extra].filter(Boolean).join('; ')})`
  })
  return [warning('unknown-architecture', `no known architecture; nearest: ${nearest.join('; ')}`)]
}

/** "3 of 686 keys missing, first "a"; 1 misshapen, first "b": [4,4] instead of [8,4]". */
function faultText({ expected, missing, misshapen }: TopologyMatch): string {
  const parts: string[] = []
  if (missing.length > 0) {
    const first = missing.slice(0, MAX_NAMES).map(({ name }) => quoted(name))
    parts.push(
      `${missing.length} of ${expected} keys missing: ${first.join(', ')}${missing.length > MAX_NAMES ? ', ...' : ''}`,
    )
  }
  if (misshapen.length > 0) {
    const { name, actual, expected: shape } = misshapen[0]!
    const first = `${quoted(name)} is [${actual.join(',')}] instead of [${shape.join(',')}]`
    parts.push(`${misshapen.length} misshapen: ${first}${misshapen.length > 1 ? ', ...' : ''}`)
  }
  return parts.join('; ')
}

/** A checkpoint is loaded as a whole; without one of these a program has to get it from elsewhere. */
const NEEDED: readonly Role[] = ['unet', 'text', 'vae']

function missingComponents({ identity, known }: Facts): Finding[] {
  if (identity.kind !== 'checkpoint') return []
  const present = new Set(identity.components.map(({ role }) => role))
  const findings = NEEDED.filter((role) => !present.has(role)).map((role) =>
    warning(
      `missing-${role}`,
      `the checkpoint has no ${role === 'text' ? 'text encoder' : ROLES[role]}; programs must be given one`,
    ),
  )
  const absent = missingTexts(identity.components, known)
  if (present.has('text') && absent.length > 0) {
    findings.push(warning('missing-text', `the checkpoint lacks ${absent.join(' and ')}`))
  }
  return findings
}

function missingTexts(components: readonly Component[], known: Architecture | undefined): string[] {
  const isNear = (a: string, b: string) => a === b || a === 'text' || b === 'text'
  const texts = components.filter(({ role }) => role === 'text')
  const expected = known?.components.filter(({ id }) => /^(clip|openclip|t5)/.test(id)) ?? []
  // SD3 and Flux are published with and without T5, and Flux with its encoders in files of their own.
  const needed = expected.filter(({ id }) => id !== 't5xxl')
  if (texts.length >= needed.length) return []
  return needed
    .filter(({ id }) => !texts.some((found) => isNear(found.id, id)))
    .map(({ id, prefix }) => `${id} (${prefix})`)
}

function incompleteComponents(components: readonly Component[]): Finding[] {
  return components.flatMap(({ id, title, match }) => {
    if (!match || isComplete(match)) return []
    return [warning(`incomplete-${id.replace('_', '-')}`, `the ${title} is incomplete: ${faultText(match)}`)]
  })
}

function emaFindings(ema: EmaInfo | undefined): Finding[] {
  if (!ema) return []
  if (isOnlyCounters(ema))
    return [
      info('ema-counters', 'counters of an EMA copy that is not there; sdtool prune drops them', ema.bytes),
    ]
  if (ema.updates === 0) {
    const message =
      'the EMA copy was never updated (num_updates is 0), it holds the weights training began with; use the live weights: sdtool prune --ema drop'
    return [warning('ema-never-updated', message, ema.bytes)]
  }
  if (!coversAll(ema)) {
    const covered = ema.pairs.size
    const message = `the EMA copy covers ${covered} of ${covered + ema.uncovered.length} weights, so it cannot replace them; sdtool prune --ema drop removes it`
    return [warning('ema-partial', message, ema.bytes)]
  }
  const message =
    'the weights are there twice, live and as EMA copy; sdtool prune keeps the EMA, --ema drop the live ones'
  const findings = [info('ema-duplicate', message, ema.bytes)]
  if (ema.updates === -1) {
    findings.push(
      info('ema-no-warm-up', 'num_updates is -1: the EMA ran with a constant decay, which is valid'),
    )
  }
  return findings
}

function trainingLeftovers({ file, identity }: Facts): Finding[] {
  const tensors = identity.components.filter(({ role }) => role === 'training')
  const leftovers = (file.leftovers ?? []).filter(({ bytes }) => bytes > 0)
  const bytes = [...tensors, ...leftovers].reduce((sum, part) => sum + part.bytes, 0)
  if (tensors.length + leftovers.length === 0) return []
  const what = [...leftovers.map(({ path }) => path), ...tensors.flatMap(({ names }) => names)]
  return [
    info(
      'training-leftovers',
      `training state nobody needs to use the model: ${counted(what, 'part')}`,
      bytes,
    ),
  ]
}

function scheduleFindings({ identity, schedule }: Facts): Finding[] {
  const buffers = identity.components.find(({ id }) => id === 'schedule')
  if (!buffers) return []
  if (schedule && !schedule.isDefault) {
    const last =
      schedule.lastAlpha === undefined ? '' : `; alphas_cumprod ends at ${schedule.lastAlpha.toPrecision(3)}`
    const message = `the noise schedule is not the usual one${last}; it is kept, as some programs read it`
    return [warning('custom-schedule', message)]
  }
  return [
    info(
      'schedule-buffers',
      `${buffers.tensors} buffers of the usual noise schedule, which programs compute themselves`,
      buffers.bytes,
    ),
  ]
}

function positionIdFindings(all: readonly PositionIds[]): Finding[] {
  return all.filter(needsRepair).map(({ tensor, wrong, example }) => {
    if (!example) {
      return info(
        'position-ids-dtype',
        `${quoted(tensor.name)} is ${tensor.dtype} instead of I64; sdtool prune repairs it`,
      )
    }
    const [index, value] = example
    const message = `${quoted(tensor.name)} has ${wrong} wrong ${wrong === 1 ? 'entry' : 'entries'} (entry ${index} is ${value}), which shifts the tokens of every prompt; sdtool prune repairs it`
    return warning('position-ids-damaged', message)
  })
}

/** Roles whose weights inference does not need in full precision. */
const HALVES: ReadonlySet<Role> = new Set<Role>(['unet', 'text', 'vae', 'control', 'vision', 'depth'])

function precision({ file, identity }: Facts): Finding[] {
  const mixed: Finding[] = []
  let wide = 0
  let saved = 0
  for (const { role, title, names } of identity.components) {
    if (!HALVES.has(role)) continue
    const counts = new Map<DType, number>()
    for (const name of names) {
      const tensor = file.tensors.get(name)!
      if (!isCastable(tensor) || isFp8Scale(name)) continue
      counts.set(tensor.dtype, (counts.get(tensor.dtype) ?? 0) + 1)
      if (tensor.dtype !== 'F32' && tensor.dtype !== 'F64') continue
      wide++
      saved += tensorBytes(tensor) - 2 * elementCount(tensor.shape)
    }
    if (counts.size > 1) {
      const types = [...counts].map(([dtype, count]) => `${count} ${dtype}`).join(', ')
      mixed.push(info('mixed-dtypes', `the ${title} has weights of several types: ${types}`))
    }
  }
  if (wide === 0) return mixed
  const message = `${wide} ${wide === 1 ? 'tensor is' : 'tensors are'} F32 or F64; fp16 is enough to make pictures (sdtool convert --dtype fp16)`
  return [info('full-precision', message, saved), ...mixed]
}

function fp8(file: TensorTable): Finding[] {
  const scales = [...file.tensors.keys()].filter(isFp8Scale)
  if (scales.length === 0) return []
  return [
    info(
      'scaled-fp8',
      `scaled fp8 weights: ${counted(scales, 'scale')}; they are never recast, as the values alone are not the weights`,
    ),
  ]
}

function names({ naiNames, file }: Facts): Finding[] {
  const findings: Finding[] = []
  if (naiNames) {
    const message =
      'the text encoder has the old names without "text_model." (NovelAI); several programs do not load it; sdtool prune renames it'
    findings.push(warning('nai-names', message))
  }
  for (const [name, { shape }] of file.tensors) {
    if (!name.endsWith('token_embedding.weight') || shape.length !== 2 || shape[0]! <= CLIP_VOCABULARY)
      continue
    const extra = shape[0]! - CLIP_VOCABULARY
    findings.push(
      info(
        'extended-vocabulary',
        `${quoted(name)} has ${extra} tokens more than CLIP: embeddings were trained into it`,
      ),
    )
  }
  if ([...file.tensors.keys()].some((name) => name.endsWith('time_embedding.cond_proj.weight'))) {
    findings.push(info('lcm', 'time_embedding.cond_proj is present: a latent consistency model (LCM)'))
  }
  return findings
}

function insides(components: readonly Component[]): Finding[] {
  return components.flatMap(({ id, names, bytes }) => {
    if (id === 'markers')
      return [
        info('markers', `${counted(names, 'marker')} tell programs how to use the model and are always kept`),
      ]
    if (id === 'adapter')
      return [
        info('adapter-inside', `${counted(names, 'LoRA key')} that programs ignore in a checkpoint`, bytes),
      ]
    if (id === 'embedding')
      return [info('embedding-inside', `embeddings inside: ${counted(names, 'tensor')}`, bytes)]
    return []
  })
}

/** Keys that a topology does not list and that mean something. */
function isExpectedExtra(name: string): boolean {
  return isFp8Scale(name) || name.endsWith('time_embedding.cond_proj.weight')
}

function unknownKeys(components: readonly Component[]): Finding[] {
  return components.flatMap(({ id, title, names, bytes, match }) => {
    if (id === 'other')
      return [
        info(
          'unknown-keys',
          `${counted(names, 'key')} of no known component; kept unless dropped by name (--drop other)`,
          bytes,
        ),
      ]
    const extra = match?.extra.filter((name) => !isExpectedExtra(name)) ?? []
    return extra.length === 0
      ? []
      : [info('unknown-keys', `${counted(extra, 'key')} that a ${title} does not have; kept`)]
  })
}

/** Tensors that are the same bytes of a file under two names. */
function sharedTensors({ tensors }: TensorTable): Finding[] {
  const first = new Map<number, Tensor>()
  const shared: Tensor[] = []
  for (const tensor of tensors.values()) {
    const { source } = tensor
    if (source.kind !== 'stored' || source.nbytes === 0) continue
    const other = first.get(source.offset)?.source
    if (other === undefined) first.set(source.offset, tensor)
    else if (
      other.kind === 'stored' &&
      other.file.path === source.file.path &&
      other.nbytes === source.nbytes
    ) {
      shared.push(tensor)
    }
  }
  if (shared.length === 0) return []
  const bytes = shared.reduce((sum, tensor) => sum + tensorBytes(tensor), 0)
  const names = shared.map((tensor) => tensor.name)
  return [
    info(
      'shared-tensors',
      `${counted(names, 'tensor')} share the bytes of another; each is written in full`,
      bytes,
    ),
  ]
}
