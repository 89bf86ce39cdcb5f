import { type BaseId, baseById } from '../model/adapters/base.ts'
import type { AdapterBase } from '../model/adapters/info.ts'
import type { Component } from '../model/components.ts'
import type { EmbeddingInfo } from '../model/embeddings.ts'
import type { ArchitectureInfo, Identity } from '../model/identity.ts'
import { predictionInMetadata } from '../model/prediction-statements.ts'
import { describe } from '../report/error.ts'
import { FORMATS } from '../tensor/formats/open.ts'
import { quantisedParts } from '../tensor/quantised/summary.ts'
import type { Tensor } from '../tensor/table.ts'
import type { Inspection, Refusal } from './inspection.ts'

/** The document of `inspect --json` for one file. Keys are a contract: add, never rename. */
export function inspectionJson(inspection: Inspection, keys: readonly Tensor[] | undefined): object {
  const { path, bytes, model, identity, hashes, findings, scan, summary, remote } = inspection
  const { adapter, embedding, vae, ema } = identity
  const quantised = quantisedParts(model)
  return {
    file: path,
    bytes,
    ...(remote && { remote }),
    format: model.format,
    kind: identity.kind,
    title: identity.title,
    ...(identity.evidence && { evidence: identity.evidence }),
    architecture: architectureJson(identity, model.metadata),
    components: identity.components.map(componentJson),
    ...(ema && { ema: { of: ema.of, tensors: ema.pairs.size, uncovered: ema.uncovered, bytes: ema.bytes } }),
    ...(adapter && { adapter }),
    ...(embedding && {
      embedding: embeddingJson(embedding),
    }),
    ...(vae && { vae }),
    ...(quantised.length > 0 && { quantised }),
    ...(keys && { tensors: keys.map(({ name, dtype, shape }) => ({ name, dtype, shape })) }),
    metadata: model.metadata,
    extras: model.extras,
    summary,
    hashes,
    ...(scan && {
      scan: scan.map(({ component, total, broken }) => ({ name: component.id, ...total, broken })),
    }),
    ...(model.security && { security: model.security }),
    leftovers: model.leftovers,
    findings,
  }
}

function embeddingJson({ parts, snapshots, ...facts }: EmbeddingInfo): object {
  return {
    ...facts,
    parts: parts.map(({ tensors, ...part }) => part),
    ...(snapshots && { snapshots: snapshots.length }),
  }
}

/** `id`, `prediction` and `evidence` are there for every kind of file; null is what nothing in it tells. */
function architectureJson(identity: Identity, metadata: Readonly<Record<string, string>>): object {
  const { architecture, adapter, embedding, vae, evidence = [] } = identity
  if (architecture) return modelArchitectureJson(architecture)
  const prediction = predictionInMetadata(metadata)
  const common = {
    prediction: prediction?.type ?? null,
    ...(prediction && { predictionEvidence: prediction.evidence }),
  }
  if (adapter) return { ...baseJson(adapter.base), ...common }
  if (embedding) {
    const widths = embedding.parts.map(({ dim }) => `vectors of width ${dim}`)
    return { ...familyJson(embedding.architecture), ...common, evidence: widths }
  }
  if (!vae) return { id: null, ...common, evidence }
  const ids = vae.architectures
  return { id: ids.length === 1 ? ids[0] : null, ...common, candidates: ids, evidence: [vae.title] }
}

function modelArchitectureJson({ prediction, ...facts }: ArchitectureInfo): object {
  const { type, evidence, ...details } = prediction
  return { ...facts, prediction: type, predictionEvidence: evidence, predictionDetails: details }
}

/** What an adapter is for: by its shapes, or by its metadata if they do not decide. */
function baseJson({ architecture, claimed, claimedBy, evidence }: AdapterBase): object {
  return {
    ...familyJson(architecture ?? claimed),
    evidence: [...evidence, ...(claimedBy === undefined ? [] : [claimedBy])],
  }
}

/** The family people train for, and the id of its architecture if all its members have one. */
function familyJson(family: BaseId | undefined): object {
  if (family === undefined) return { id: null }
  const { title, architectures, modelspec } = baseById(family)
  const id = modelspec ?? (architectures.length === 1 ? architectures[0]! : null)
  return { id, family, title, candidates: architectures }
}

function componentJson({ id, names, match, ...facts }: Component): object {
  return {
    name: id,
    ...facts,
    ...(match && { missing: match.missing, misshapen: match.misshapen, extra: match.extra }),
  }
}

export function refusalJson({ path, bytes, error, security }: Refusal): object {
  return { file: path, bytes, error: describe(error), ...(security && { security }) }
}

/** Name of a container for people. */
export function formatTitle(id: string): string {
  return FORMATS.find((format) => format.id === id)?.title ?? id
}

/** `JSON.stringify` for values of pickles: big integers and bytes have no JSON form of their own. */
export function toJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, item) => {
      if (typeof item === 'bigint') return item.toString()
      if (item instanceof Uint8Array) return `${item.byteLength} bytes`
      if (typeof item === 'number' && !Number.isFinite(item)) return String(item)
      return item as unknown
    },
    2,
  )
}
