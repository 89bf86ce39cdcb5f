import { quoted } from '../../system/text.ts'
import type { Finding, TensorTable } from '../../tensor/values/table.ts'
import { counted, info, MAX_NAMES, warning } from '../finding.ts'
import type { Architecture } from '../networks/architectures/architecture.ts'
import { type Component, ROLES, sameSelector, VITAL_ROLES } from '../networks/components.ts'
import { isComplete, type TopologyMatch } from '../networks/topology/match.ts'
import { CLIP_VOCABULARY } from '../networks/topology/text.ts'
import { bundledNames } from './embeddings.ts'
import type { Facts } from './findings.ts'
import { PREDICTIONS } from './prediction.ts'

/** Candidates a message names. */
const MAX_CANDIDATES = 3

export function architectureFindings({ identity, candidates }: Facts): Finding[] {
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

/** Where sources disagree, the person must know which of them is followed. */
export function predictionFindings({ identity: { architecture } }: Facts): Finding[] {
  const { type, evidence, against } = architecture?.prediction ?? {}
  if (type === undefined || against === undefined) return []
  const message = `it predicts ${PREDICTIONS[type]}, by ${evidence}; ${against.join(' and ')} says otherwise, and is not followed`
  return [warning('prediction-contradicted', message)]
}

export function missingComponents({ identity, known }: Facts): Finding[] {
  if (identity.kind !== 'checkpoint') return []
  const present = new Set(identity.components.map(({ role }) => role))
  const findings = VITAL_ROLES.filter((role) => !present.has(role)).map((role) =>
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

/**
 * Text encoders with the names of transformers where programs look for those of OpenCLIP: the same weights, in matrices
 * of another shape.
 */
export function misplacedTexts({ identity, known }: Facts): Finding[] {
  if (identity.kind !== 'checkpoint') return []
  const texts = identity.components.filter(({ role }) => role === 'text')
  const expected = known?.components.filter(({ id }) => id.startsWith('openclip')) ?? []
  return expected.flatMap(({ id, prefix }) => {
    const other = texts.find((text) => text.id !== id && sameSelector(text.id, id))
    if (other === undefined || texts.some((text) => text.id === id)) return []
    return [
      warning(
        'text-layout',
        `the ${other.title} (${other.prefix}*) has the names of transformers, but programs look for those of OpenCLIP (${prefix}*); sdtool convert --to diffusers, and convert of that folder, gives it those`,
      ),
    ]
  })
}

export function incompleteComponents(components: readonly Component[]): Finding[] {
  return components.flatMap(({ id, title, match }) => {
    if (!match || isComplete(match)) return []
    return [warning(`incomplete-${id.replace('_', '-')}`, `the ${title} is incomplete: ${faultText(match)}`)]
  })
}

export function nameFindings({ file }: Facts): Finding[] {
  const findings: Finding[] = []
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

export function insideFindings(components: readonly Component[]): Finding[] {
  return components.flatMap(({ id, names, bytes }) => {
    if (id === 'markers')
      return [
        info('markers', `${counted(names, 'marker')} tell programs how to use the model and are always kept`),
      ]
    if (id === 'adapter')
      return [
        info('adapter-inside', `${counted(names, 'LoRA key')} that programs ignore in a checkpoint`, bytes),
      ]
    if (id === 'embedding') return [info('embedding-inside', `carries ${bundledText(names)}`, bytes)]
    return []
  })
}

/** Keys without a name of an embedding in them are counted as what they are. */
function bundledText(keys: readonly string[]): string {
  const embeddings = bundledNames(keys)
  return embeddings.length > 0 ? counted(embeddings, 'embedding') : counted(keys, 'embedding tensor')
}

/** Keys that a topology does not list and that mean something. */
function isExpectedExtra(name: string, { tensors }: TensorTable): boolean {
  return tensors.get(name)?.quantised !== undefined || name.endsWith('time_embedding.cond_proj.weight')
}

export function unknownKeys({ identity, file }: Facts): Finding[] {
  return identity.components.flatMap(({ id, title, names, bytes, match }) => {
    if (id === 'other')
      return [
        info(
          'unknown-keys',
          `${counted(names, 'key')} of no known component; kept unless dropped by name (--drop other)`,
          bytes,
        ),
      ]
    const extra = match?.extra.filter((name) => !isExpectedExtra(name, file)) ?? []
    return extra.length === 0
      ? []
      : [info('unknown-keys', `${counted(extra, 'key')} that a ${title} does not have; kept`)]
  })
}
