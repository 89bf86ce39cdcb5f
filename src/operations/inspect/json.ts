import { type BaseId, baseById } from '../../model/adapters/base.ts'
import type { AdapterBase, AdapterInfo } from '../../model/adapters/info.ts'
import type { PeftConfig } from '../../model/adapters/peft/config.ts'
import { familyOf } from '../../model/families.ts'
import type { EmbeddingInfo } from '../../model/identify/embeddings.ts'
import type { MemberByName } from '../../model/identify/named-member.ts'
import type { Prediction } from '../../model/identify/prediction.ts'
import { trainedPrediction } from '../../model/identify/prediction-statements.ts'
import type { ArchitectureInfo, Identity, KnownFile } from '../../model/identity.ts'
import type { MetadataSummary } from '../../model/metadata/summary.ts'
import type { Component } from '../../model/networks/components.ts'
import { findingJson, withNulls } from '../../report/document/envelope.ts'
import { errorJson } from '../../report/terminal/error.ts'
import { FORMATS } from '../../tensor/formats/open.ts'
import { quantisedParts } from '../../tensor/quantised/summary.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import type { Inspection, Refusal } from './inspection.ts'
import { messages } from './messages.ts'
import { needsJson, placeJson } from './needs-json.ts'
import type {
  InspectedAdapter,
  InspectedArchitecture,
  InspectedComponent,
  InspectedEmbedding,
  InspectedModel,
  InspectedPeftConfig,
  InspectedSummary,
  InspectResult,
} from './schema.ts'

/** The result of `inspect --json` for one file. Keys are a contract: add, never rename. */
export function inspectionJson(inspection: Inspection, keys: readonly Tensor[] | undefined): InspectedModel {
  const { path, bytes, model, identity, hashes, findings, scan, summary, remote, needs, places } = inspection
  const { adapter, embedding, vae, ema } = identity
  return {
    path,
    bytes,
    remote: remote ?? null,
    format: model.format,
    kind: identity.kind,
    title: identity.title,
    evidence: identity.evidence ?? [],
    architecture: architectureJson(identity, model),
    components: identity.components.map(componentJson),
    ema: ema ? { of: ema.of, tensors: ema.pairs.size, uncovered: ema.uncovered, bytes: ema.bytes } : null,
    adapter: adapter ? adapterJson(adapter) : null,
    embedding: embedding ? embeddingJson(embedding) : null,
    vae: vae ? withNulls(vae, 'latentChannels', 'downscale', 'space', 'evidence') : null,
    quantised: quantisedParts(model),
    tensors: keys?.map(({ name, dtype, shape }) => ({ name, dtype, shape })) ?? null,
    metadata: model.metadata,
    extras: model.extras,
    summary: summaryJson(summary),
    needs: needs ? needsJson(needs) : null,
    places: places.map(placeJson),
    hashes,
    scan: scan?.map(({ component, total, broken }) => ({ name: component.id, ...total, broken })) ?? null,
    security: model.security ?? null,
    leftovers: model.leftovers,
    findings: findings.map(findingJson),
    error: null,
  }
}

function adapterJson({ settings, findings, base, ...facts }: AdapterInfo): InspectedAdapter {
  return {
    ...withNulls(facts, 'alphas'),
    settings: { configs: settings.configs.map(peftConfigJson), problems: settings.problems },
    base: withNulls(base, 'architecture', 'title', 'claimed', 'claimedBy'),
    findings: findings.map(findingJson),
  }
}

function peftConfigJson({ oft, ...config }: PeftConfig): InspectedPeftConfig {
  return {
    ...withNulls(config, 'target', 'type', 'rank', 'alpha', 'feedforward'),
    oft: oft ? withNulls(oft, 'limit') : null,
  }
}

export function embeddingJson({
  parts,
  snapshots,
  trainedOn,
  findings,
  ...facts
}: EmbeddingInfo): InspectedEmbedding {
  return {
    ...withNulls(facts, 'name', 'token', 'architecture', 'steps'),
    parts: parts.map(({ tensors, ...part }) => withNulls(part, 'token')),
    snapshots: snapshots?.length ?? null,
    trainedOn: trainedOn ? withNulls(trainedOn, 'name', 'hash') : null,
    findings: findings.map(findingJson),
  }
}

/** What the file says of itself, by what wrote it there. */
function summaryJson({ training, modelspec, merge, recipe, comfy }: MetadataSummary): InspectedSummary {
  return {
    training: training
      ? {
          ...training,
          datasets: training.datasets.map((set) => withNulls(set, 'images', 'repeats', 'resolution')),
        }
      : null,
    modelspec: modelspec ? withNulls(modelspec, 'thumbnail') : null,
    merge: merge
      ? {
          tool: merge.tool ?? null,
          facts: merge.facts,
          models: merge.models.map((model) => withNulls(model, 'sha256', 'legacyHash', 'name')),
        }
      : null,
    recipe: recipe ? { ...recipe } : null,
    comfy: comfy ? withNulls(comfy, 'nodes') : null,
  }
}

const NO_ARCHITECTURE: InspectedArchitecture = {
  id: null,
  title: null,
  family: null,
  candidates: [],
  variant: null,
  named: null,
  modelspec: null,
  resolution: null,
  width: null,
  prediction: null,
  predictionEvidence: null,
  predictionDetails: null,
  shift: null,
  fp16Overflows: null,
  evidence: [],
}

/** The same keys for every kind of file; null is what nothing in it tells. */
function architectureJson(
  { architecture, adapter, embedding, vae, evidence = [] }: Identity,
  file: KnownFile,
): InspectedArchitecture {
  if (architecture) return { ...modelArchitectureJson(architecture), family: familyOf(architecture) }
  const prediction = adapter ? adapter.base.prediction : trainedPrediction(file)
  const common = { ...NO_ARCHITECTURE, ...(prediction && predictionJson(prediction)) }
  if (adapter) return { ...common, ...baseJson(adapter.base) }
  if (embedding) {
    const widths = embedding.parts.map(({ dim }) => messages.vectorWidth(dim))
    return { ...common, ...familyJson(embedding.architecture), evidence: widths }
  }
  if (!vae) return { ...common, evidence }
  const ids = vae.architectures
  return { ...common, id: ids.length === 1 ? ids[0]! : null, candidates: ids, evidence: [vae.title] }
}

function modelArchitectureJson({ prediction, named, ...facts }: ArchitectureInfo): InspectedArchitecture {
  return {
    ...NO_ARCHITECTURE,
    ...withNulls(facts, 'variant', 'modelspec', 'resolution', 'width', 'shift', 'fp16Overflows'),
    named: namedJson(named),
    ...predictionJson(prediction),
  }
}

function namedJson(named: MemberByName | undefined): InspectedArchitecture['named'] {
  if (named === undefined) return null
  const { id, title, evidence } = named
  return { id, title, evidence }
}

function predictionJson({ type, evidence, ...details }: Prediction) {
  return {
    prediction: type,
    predictionEvidence: evidence,
    predictionDetails: {
      assumed: details.assumed ?? false,
      weak: details.weak ?? false,
      against: details.against ?? [],
      zeroTerminalSnr: details.zeroTerminalSnr ?? false,
      sigmaMax: details.sigmaMax ?? null,
    },
  }
}

/** What an adapter is for: by its shapes, or by its metadata if they do not decide. */
function baseJson({ architecture, expert, claimed, claimedBy, evidence }: AdapterBase) {
  return {
    ...familyJson(architecture ?? claimed),
    named: namedJson(expert),
    evidence: [...evidence, ...(claimedBy === undefined ? [] : [claimedBy])],
  }
}

/** The family people train for, and the id of its architecture if all its members have one. */
function familyJson(family: BaseId | undefined) {
  if (family === undefined) return {}
  const { title, architectures, modelspec } = baseById(family)
  const id = modelspec ?? (architectures.length === 1 ? architectures[0]! : null)
  return { id, family, title, candidates: architectures }
}

function componentJson({ id, names, match, dtypes, ...facts }: Component): InspectedComponent {
  return {
    name: id,
    ...withNulls(facts, 'layout'),
    dtypes: { ...dtypes },
    missing: match?.missing ?? null,
    misshapen: match?.misshapen ?? null,
    extra: match?.extra ?? null,
  }
}

export function refusalJson({ path, bytes, error, security }: Refusal): InspectResult {
  return { path, bytes, security: security ?? null, error: errorJson(error) }
}

/** Name of a container for people. */
export function formatTitle(id: string): string {
  return FORMATS.find((format) => format.id === id)?.title ?? id
}
