import type { Finding, TensorTable } from '../../tensor/values/table.ts'
import { info, warning } from '../finding.ts'
import { isUnseen } from '../layouts/markers.ts'
import { isTransformerMarker } from '../layouts/split.ts'
import { type Architecture, LATENT_SPACES } from '../networks/architectures/architecture.ts'
import { COMPONENTS, type Component, ROLES, sameSelector, VITAL_ROLES } from '../networks/components.ts'
import { latentFormat } from '../networks/latents.ts'
import { PREDICTIONS } from '../networks/predictions.ts'
import { isComplete, type TopologyMatch } from '../networks/topology/match.ts'
import { CLIP_VOCABULARY } from '../networks/topology/text.ts'
import { bundledNames } from './embeddings.ts'
import type { Facts } from './facts.ts'
import { messages } from './messages.ts'

/** Candidates a message names. */
const MAX_CANDIDATES = 3

export function architectureFindings({ identity, candidates }: Facts): Finding[] {
  const { architecture } = identity
  if (architecture?.width !== undefined) {
    const message = messages.otherWidth(architecture.title, architecture.width)
    return [info('non-standard-width', message)]
  }
  if (architecture || !identity.components.some(({ role }) => role === 'unet')) return []
  if (candidates.length === 0) {
    return [warning('unknown-architecture', messages.unknownUnet)]
  }
  const nearest = candidates.slice(0, MAX_CANDIDATES).map(({ architecture, match }) => {
    const faults = [
      ...faultsOf(match),
      ...(match.extra.length > 0 ? [messages.extraKeys(match.extra.length)] : []),
    ]
    return `${architecture.title} (${faults.join('; ')})`
  })
  return [warning('unknown-architecture', messages.unknownArchitecture(nearest.join('; ')))]
}

/** "3 of 686 keys missing: "a", ...", "1 misshapen: "b" is [4,4] instead of [8,4]". */
function faultsOf({ expected, missing, misshapen }: TopologyMatch): string[] {
  const [first] = misshapen
  const missingNames = missing.map(({ name }) => name)
  return [
    ...(missing.length > 0 ? [messages.missingKeys(missingNames, expected)] : []),
    ...(first ? [messages.misshapenKeys(misshapen.length, first.name, first.actual, first.expected)] : []),
  ]
}

/** Where its metadata or a file beside it say what programs look for in the tensors alone. */
export function unseenFindings({ file, identity }: Facts): Finding[] {
  const { prediction } = identity.architecture ?? {}
  const isInLdm = identity.components.some(({ id, layout }) => id === 'unet' && layout === 'ldm')
  if (prediction === undefined || !isInLdm || !isUnseen(file, identity)) return []
  return [
    warning(
      'prediction-unseen',
      messages.predictionUnseen(PREDICTIONS[prediction.type], prediction.evidence),
    ),
  ]
}

export function missingComponents({ identity, known }: Facts): Finding[] {
  if (identity.kind !== 'checkpoint') return []
  const present = new Set(identity.components.map(({ role }) => role))
  const findings = VITAL_ROLES.filter((role) => !present.has(role)).map((role) =>
    warning(
      `missing-${role}`,
      messages.missingComponent(role === 'text' ? COMPONENTS.text.title : ROLES[role]),
    ),
  )
  const absent = missingTexts(identity.components, known)
  if (present.has('text') && absent.length > 0) {
    findings.push(warning('missing-text', messages.missingTexts(absent.join(' and '))))
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
    return [warning('text-layout', messages.textLayout(other.title, other.prefix, prefix))]
  })
}

export function incompleteComponents(components: readonly Component[]): Finding[] {
  return components.flatMap(({ id, title, match }) => {
    if (!match || isComplete(match)) return []
    return [
      warning(
        `incomplete-${id.replace('_', '-')}`,
        messages.incompleteComponent(title, faultsOf(match).join('; ')),
      ),
    ]
  })
}

/** A VAE whose keys say that it is for other latents than those of the model it is in. */
export function foreignVae({ identity }: Facts): Finding[] {
  const { architecture, vae } = identity
  const wanted = latentFormat({ ...(architecture && { architecture }) })
  if (architecture === undefined || wanted === undefined || vae?.space === undefined) return []
  if (vae.space === wanted.space) return []
  const message = messages.foreignVae(vae.title, architecture.title, LATENT_SPACES[wanted.space])
  return [warning('vae-other-latents', message)]
}

/** Text encoders that are none of those known, and the one that each is most like. */
export function unknownTexts({ unknownTexts }: Facts): Finding[] {
  return unknownTexts.map(({ prefix, nearest }) => {
    const said = messages.unknownTextEncoder(prefix)
    if (nearest === undefined) return info('unknown-text-encoder', said)
    const faults = faultsOf(nearest.match).join('; ')
    return warning(
      'unknown-text-encoder',
      messages.nearestTextEncoder(said, COMPONENTS[nearest.id].title, faults),
    )
  })
}

export function nameFindings({ file }: Facts): Finding[] {
  const findings: Finding[] = []
  for (const [name, { shape }] of file.tensors) {
    if (!name.endsWith('token_embedding.weight') || shape.length !== 2 || shape[0]! <= CLIP_VOCABULARY)
      continue
    const extra = shape[0]! - CLIP_VOCABULARY
    findings.push(info('extended-vocabulary', messages.extendedVocabulary(name, extra)))
  }
  if ([...file.tensors.keys()].some((name) => name.endsWith('time_embedding.cond_proj.weight'))) {
    findings.push(info('lcm', messages.latentConsistency))
  }
  return findings
}

export function insideFindings(components: readonly Component[]): Finding[] {
  return components.flatMap(({ id, names, bytes }) => {
    if (id === 'markers') return [info('markers', messages.markers(names))]
    if (id === 'adapter') return [info('adapter-inside', messages.adapterInside(names), bytes)]
    if (id === 'embedding') return [info('embedding-inside', bundledText(names), bytes)]
    return []
  })
}

/** Keys without a name of an embedding in them are counted as what they are. */
function bundledText(keys: readonly string[]): string {
  const embeddings = bundledNames(keys)
  return embeddings.length > 0 ? messages.embeddingsInside(embeddings) : messages.embeddingTensors(keys)
}

/** In Kolors, the text of ChatGLM gets the width that SDXL has for text. */
const RE_HID_PROJ = /(?:^|\.)encoder_hid_proj\.(?:weight|bias)$/

/** Keys that a topology does not list and that mean something. */
function isExpectedExtra(name: string, { tensors }: TensorTable): boolean {
  return (
    tensors.get(name)?.quantised !== undefined ||
    name.endsWith('time_embedding.cond_proj.weight') ||
    RE_HID_PROJ.test(name) ||
    isTransformerMarker(name)
  )
}

export function unknownKeys({ identity, file }: Facts): Finding[] {
  return identity.components.flatMap(({ id, title, names, bytes, match }) => {
    if (id === 'other') return [info('unknown-keys', messages.unknownKeys(names), bytes)]
    const extra = match?.extra.filter((name) => !isExpectedExtra(name, file)) ?? []
    return extra.length === 0 ? [] : [info('unknown-keys', messages.extraKeysKept(extra, title))]
  })
}
