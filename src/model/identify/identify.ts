import { defined } from '../../system/defined.ts'
import { quoted } from '../../system/text.ts'
import { isEncoded } from '../../tensor/quantised/check.ts'
import type { Finding, TensorTable } from '../../tensor/values/table.ts'
import { baseById } from '../adapters/base.ts'
import { describeAdapter } from '../adapters/describe.ts'
import type { AdapterInfo } from '../adapters/info.ts'
import { MAX_NAMES, warning } from '../finding.ts'
import type { ArchitectureInfo, Identifiable, Identity } from '../identity.ts'
import { KINDS, type Kind } from '../kinds.ts'
import { misnamed } from '../layouts/endings.ts'
import { MODEL_SLOTS, RE_CHECKPOINT, splitTable, type TablePart } from '../layouts/split.ts'
import type { Architecture, Variant } from '../networks/architectures/architecture.ts'
import { ARCHITECTURES, architectureById } from '../networks/architectures/registry.ts'
import { SD2_BY_PREDICTION, sd2 } from '../networks/architectures/sd2.ts'
import { COMPONENTS, type Component } from '../networks/components.ts'
import type { RecognisedDenoiser } from './denoiser-info.ts'
import { describeEma } from './ema.ts'
import { describeEmbedding } from './embeddings.ts'
import type { ValueReader } from './evidence.ts'
import { findPrediction } from './find-prediction.ts'
import { findingsOf } from './findings.ts'
import { quantisedFindings } from './findings-storage.ts'
import { ggufEvidence } from './gguf-architecture.ts'
import { fp16Overflow } from './half-range.ts'
import { messages } from './messages.ts'
import { namedExpert, namedMember } from './named-member.ts'
import { recogniseOther } from './other-kinds.ts'
import { readPositionIds } from './position-ids.ts'
import type { Hints, Prediction } from './prediction.ts'
import { component, NAMED, resolveParts } from './resolve-parts.ts'
import { readSchedule } from './schedule.ts'
import { identifyVae, type VaeInfo } from './vae.ts'
import { findVaeLatents } from './vae-latents.ts'

export type { Identifiable, Identity } from '../identity.ts'
export type { ValueReader } from './evidence.ts'
export type { Hints, Prediction } from './prediction.ts'

/**
 * Says what a file is: its kind, its architecture and the evidence for it, and which component owns which key.
 * `read` is called for a handful of tensors of at most a few thousand elements (markers, buffers, one bias).
 */
export async function identify(file: Identifiable, read: ValueReader, hints: Hints = {}): Promise<Identity> {
  const identity = await identifyTable(file, read, hints)
  const { findings = [] } = file.renaming ?? {}
  return { ...identity, findings: [...findings, ...misnamed(file, hints), ...identity.findings] }
}

async function identifyTable(file: Identifiable, read: ValueReader, hints: Hints): Promise<Identity> {
  const parts = splitTable(file)
  // Looking for an adapter costs as much as all the rest, and names as these leave no doubt
  if (!parts.some(({ prefix }) => RE_CHECKPOINT.test(prefix)) && !hasCodes(file)) {
    const small = identifyAddition(file, hints)
    if (small) return small
  }
  if (!parts.some(({ slot }) => MODEL_SLOTS.has(slot))) return identifyOther(file, parts, hints)
  return identifyModel(file, parts, read, hints)
}

/** A quantised model may have a low-rank part in every layer, and is not an adapter for that. */
function hasCodes({ tensors }: TensorTable): boolean {
  return [...tensors.values()].some((tensor) => tensor.quantised?.role === 'codes' && isEncoded(tensor))
}

/** Adapters and embeddings: their keys may look like those of the component they change. */
function identifyAddition(file: Identifiable, hints: Hints): Identity | undefined {
  const described = describeAdapter(file)
  if (described) {
    const adapter = withExpert(described, file, hints)
    const components = [component('adapter', '', [...file.tensors.values()])]
    const title = adapterTitle(adapter)
    const findings = [...adapter.findings, ...quantisedFindings(file)]
    return { kind: 'lora', title, components, adapter, findings }
  }
  const embedding = describeEmbedding(file)
  if (!embedding) return undefined
  const components = [component('embedding', '', [...file.tensors.values()])]
  const findings = [...embedding.findings, ...quantisedFindings(file)]
  return { kind: 'embedding', title: embedding.title, components, embedding, findings }
}

function withExpert(adapter: AdapterInfo, file: Identifiable, hints: Hints): AdapterInfo {
  const { base } = adapter
  const [id] = base.architecture === undefined ? [] : baseById(base.architecture).architectures
  const architecture = id === undefined ? undefined : architectureById(id)
  const expert = architecture && namedExpert(file, architecture, hints)
  if (expert === undefined) return adapter
  return { ...adapter, base: { ...base, expert, evidence: [...base.evidence, expert.evidence] } }
}

/** "LoRA for Wan 14B (2.2, for high noise, by its name)". */
function adapterTitle({ title, base }: AdapterInfo): string {
  if (base.title === undefined) return title
  const of = base.expert === undefined ? base.title : messages.withMember(base.title, base.expert.title)
  return `${title} for ${of}`
}

function identifyOther(file: Identifiable, parts: readonly TablePart[], hints: Hints): Identity {
  const other = recogniseOther(file)
  const components = parts.map(({ slot, prefix, tensors }) =>
    component(slot === 'other' ? 'weights' : (NAMED[slot] ?? 'other'), prefix, tensors),
  )
  const findings = quantisedFindings(file)
  if (other) return { ...other, components, findings }
  const vae = identifyVae(file)
  if (vae) {
    const { title } = vae
    const latents = findVaeLatents(file, { title, vae }, hints)
    return { kind: 'taesd', title, components, vae, ...(latents && { latents }), findings }
  }
  const broken = brokenLora(file)
  if (broken)
    return { kind: 'unknown', title: 'LoRA with broken names', components, findings: [broken, ...findings] }
  const first = [...file.tensors.keys()].slice(0, MAX_NAMES).map(quoted).join(', ')
  const message = file.tensors.size === 0 ? messages.noTensors : messages.unknownKind(first)
  return {
    kind: 'unknown',
    title: 'unknown kind of file',
    components,
    findings: [warning('unknown-kind', message), ...findings],
  }
}

/** How keys of adapters sound, whatever became of them. */
const RE_LORA_WORD = /(?:^|[^a-z])(?:lora|lycoris|loha|lokr|locon|hada|oft)(?:$|[^a-z])/i

/** Of a file whose keys are nearly those of an adapter: a tool has changed them. */
function brokenLora({ tensors }: TensorTable): Finding | undefined {
  const names = [...tensors.keys()].filter((name) => RE_LORA_WORD.test(name))
  if (names.length === 0 || 2 * names.length < tensors.size) return undefined
  return warning('lora-broken-names', messages.brokenLoraNames(names[0]!))
}

async function identifyModel(
  file: Identifiable,
  parts: readonly TablePart[],
  read: ValueReader,
  hints: Hints,
): Promise<Identity> {
  const ema = await describeEma(file, parts, read)
  const resolved = resolveParts(file, parts, ema)
  const { components, denoiser, unknownTexts } = resolved
  const known = denoiser?.architecture ?? byEncoders(components)
  const vae = identifyVae(file)
  const kind = kindOf(components, vae)
  const architecture = known && (await describeArchitecture(file, known, denoiser, read, hints))
  const positionIds = await readPositionIds(file, read)
  const schedule = await readSchedule(file, read, known)
  const title = modelTitle(kind, components, architecture, vae)
  const latents = findVaeLatents(
    file,
    { title, ...(architecture && { architecture }), ...(vae && { vae }) },
    hints,
  )
  const identity = {
    kind,
    title,
    ...(architecture ? { architecture } : {}),
    components,
    ...(ema ? { ema } : {}),
    ...(vae ? { vae } : {}),
    ...(latents ? { latents } : {}),
  }
  const candidates = denoiser?.candidates ?? []
  const facts = { file, identity, known, candidates, unknownTexts, positionIds, schedule }
  return { ...identity, findings: findingsOf(facts) }
}

/**
 * The architecture of a checkpoint without its network: the one whose text encoders are all there, and no others. T5 and
 * language models alone do not tell, as families share them.
 */
function byEncoders(components: readonly Component[]): Architecture | undefined {
  const found = components.filter(({ role }) => role === 'text')
  const isSame = (a: EncoderPlace, b: EncoderPlace) => a.id === b.id && a.prefix === b.prefix
  const texts = (architecture: Architecture) =>
    architecture.components.filter(({ id }) => COMPONENTS[id].role === 'text')
  const fits = (architecture: Architecture) => {
    const own = texts(architecture)
    return (
      own.some(({ id }) => RE_CLIP.test(id)) &&
      own.every((one) => found.some((other) => isSame(one, other))) &&
      found.every((one) => !RE_FAMILY_ENCODER.test(one.prefix) || own.some((other) => isSame(one, other)))
    )
  }
  return ARCHITECTURES.filter(fits).sort((a, b) => texts(b).length - texts(a).length)[0]
}

type EncoderPlace = Pick<Component, 'id' | 'prefix'>

const RE_CLIP = /^(?:clip|openclip)_/
/** Encoders in files of a whole model that ComfyUI has saved. */
const RE_FAMILY_ENCODER = /^text_encoders\./

async function describeArchitecture(
  file: Identifiable,
  known: Architecture,
  denoiser: RecognisedDenoiser | undefined,
  read: ValueReader,
  hints: Hints,
): Promise<ArchitectureInfo> {
  const variant = denoiser?.variant ?? known.variants.find(({ marker }) => marker && file.tensors.has(marker))
  const nameOf = denoiser?.nameOf ?? ((name) => name)
  const input = { table: file, architecture: known, ...(variant ? { variant } : {}), nameOf, hints }
  const prediction = await findPrediction(input, read)
  const member = variant ?? (known.id === sd2.id ? sd2Member(prediction) : undefined)
  const modelspec = member ? member.modelspec : known.modelspec
  const resolution = member?.resolution ?? known.resolution
  const shift = member?.shift ?? known.shift
  const fp16Overflows = await fp16Overflow(file, known, member, nameOf, read)
  const named = namedMember(file, known, member, hints)
  const title = [known.title, member?.title].filter(Boolean).join(' ')
  const own = denoiser?.architecture ? denoiser.evidence : [messages.encodersInPlace]
  const evidence = [...own, ...ggufEvidence(file, known)]
  return {
    id: known.id,
    title: named === undefined ? title : messages.withMember(title, named.title),
    ...(member === undefined ? {} : { variant: member.id }),
    ...defined({ named, modelspec, resolution, shift, fp16Overflows }),
    ...(denoiser?.width === undefined ? {} : { width: denoiser.width }),
    prediction,
    evidence: named === undefined ? evidence : [...evidence, named.evidence],
  }
}

/** Undefined if nothing says which of the two text-to-image models it is. */
function sd2Member({ type, assumed }: Prediction): Variant | undefined {
  return assumed ? undefined : SD2_BY_PREDICTION[type]
}

function kindOf(components: readonly Component[], vae: VaeInfo | undefined): Kind {
  const roles = new Set(components.map(({ role }) => role))
  if (roles.has('unet')) {
    if (roles.has('text') || roles.has('vae')) return 'checkpoint'
    return components.some(({ id }) => id === 'dit') ? 'dit' : 'unet'
  }
  if (roles.has('control')) return 'controlnet'
  if (roles.has('text') && roles.has('vae')) return 'checkpoint'
  if (roles.has('vae')) return vae?.layout === 'taesd' ? 'taesd' : 'vae'
  return roles.has('text') ? 'text-encoder' : 'vision-encoder'
}

function modelTitle(
  kind: Kind,
  components: readonly Component[],
  architecture: ArchitectureInfo | undefined,
  vae: VaeInfo | undefined,
): string {
  const main = components[0]!
  const layout = kind !== 'checkpoint' && main.layout === 'diffusers' ? ' (diffusers layout)' : ''
  if (kind === 'text-encoder') return main.title
  if ((kind === 'vae' || kind === 'taesd') && vae) return vae.title + layout
  if (kind === 'vae' || kind === 'vision-encoder' || kind === 'controlnet') return KINDS[kind] + layout
  if (!architecture) return `${KINDS[kind]} of unknown architecture${layout}`
  const width = architecture.width === undefined ? '' : ' of non-standard width'
  return `${architecture.title} ${KINDS[kind]}${width}${layout}`
}
