import { stat } from 'node:fs/promises'
import { basename } from 'node:path'

import { type ProgramPlace, programPlaces } from '../../library/program-places.ts'
import { identifyFile, type OpenedModel, withModel } from '../../library/session.ts'
import { alphaTensors, readAlphas } from '../../model/adapters/describe.ts'
import { embeddingHash } from '../../model/identify/embedding-checksum.ts'
import type { Identity, ValueReader } from '../../model/identify/identify.ts'
import type { KnownFile } from '../../model/identity.ts'
import { type MetadataSummary, summariseMetadata } from '../../model/metadata/summary.ts'
import type { Component } from '../../model/networks/components.ts'

import { defined } from '../../system/defined.ts'
import type { Hashes } from '../../system/hash.ts'
import { quoted } from '../../system/text.ts'
import { type Environment, startProgress } from '../../system/world.ts'
import { UnsafePickleError } from '../../tensor/formats/security.ts'
import { type ReadInto, readValues } from '../../tensor/values/expr.ts'
import { addScans, EMPTY_SCAN, type ScanResult, scanTensor } from '../../tensor/values/scan.ts'
import type { Finding, ModelFile, SecurityReport } from '../../tensor/values/table.ts'
import { hashWithProgress } from '../hashing.ts'
import { mayBeInfinite } from '../output/finite.ts'
import { damageFindings, tolerated } from './checksums.ts'
import { messages } from './messages.ts'
import { findNeeds, type Needs } from './needs.ts'
import type { InspectionOptions } from './options.ts'
import { placeFindings } from './place-findings.ts'
import type { Recognised, recogniseKnown } from './recognise-known.ts'

/** What the values of a component are, and the tensors with NaN or infinite values. */
export interface ComponentScan {
  readonly component: Component
  readonly total: ScanResult
  readonly broken: readonly string[]
}

/** Everything `inspect` found out about a file. */
export interface Inspection {
  readonly path: string
  readonly bytes: number
  readonly model: KnownFile
  readonly identity: Identity
  readonly summary: MetadataSummary
  /** Of the file; of the VAE's values, with the metric of model-toolkit; A1111's four digits of an embedding. */
  readonly hashes: Hashes & {
    readonly vae?: string
    readonly vaeMetric?: string
    readonly embedding?: string
  }
  readonly scan?: readonly ComponentScan[]
  /** What was transferred to look into a file on a server. */
  readonly remote?: { readonly requests: number; readonly bytes: number }
  /** What it is used with and does not have in its file. */
  readonly needs?: Needs
  /** Where programs look for such a file. */
  readonly places: readonly ProgramPlace[]
  /** Of the container, of the model, and of the values if they were read. */
  readonly findings: readonly Finding[]
}

/** A file that was refused, with the security report if it was for its pickle. */
export interface Refusal {
  readonly path: string
  readonly bytes: number
  readonly error: unknown
  readonly security?: SecurityReport
}

/** Opens and examines one file. Errors become a `Refusal`. @throws the reason of the signal */
export async function inspectFile(
  path: string,
  options: InspectionOptions,
  environment: Environment,
): Promise<Inspection | Refusal> {
  try {
    return await withModel(
      path,
      environment,
      (opened) => inspectOpened(path, opened, options, environment),
      tolerated,
    )
  } catch (error) {
    environment.signal.throwIfAborted()
    const bytes = (await stat(path).catch(() => undefined))?.size ?? 0
    return refusalOf(path, bytes, error)
  }
}

export function refusalOf(path: string, bytes: number, error: unknown): Refusal {
  const security = error instanceof UnsafePickleError ? { security: error.report } : {}
  return { path, bytes, error, ...security }
}

/** Examines a file that is open. */
export async function inspectOpened(
  path: string,
  opened: OpenedModel,
  options: InspectionOptions,
  environment: Environment,
): Promise<Inspection> {
  const { model, read } = opened
  const valuesOf = (tensor: Parameters<typeof readValues>[0]) => readValues(tensor, read)
  const identity = await withAlphas(opened, await identifyFile(path, opened), valuesOf)
  const scan = options.scan ? await scanComponents(path, model, identity, read, environment) : undefined
  if (options.scan) await opened.sums?.finish(read, environment.signal)
  const hashes = options.hashes
    ? {
        ...(await hashWithProgress(path, undefined, environment)),
        ...(await embeddingHashOf(identity, valuesOf)),
      }
    : {}
  const known = mayBeKnown(identity, options)
    ? await recognise({ name: path, file: model, identity, read }, hashes, options, environment)
    : { hashes: {}, findings: [] }
  const needs = await findNeeds(path, identity, options.folders, environment)
  return {
    path,
    bytes: model.file.size,
    model,
    identity,
    summary: summariseMetadata(model.metadata),
    hashes: { ...hashes, ...known.hashes },
    ...defined({ scan, needs }),
    places: programPlaces(identity),
    findings: [
      ...model.findings,
      ...damageFindings(opened.sums?.damaged ?? []),
      ...identity.findings,
      ...(scan?.flatMap(scanFindings) ?? []),
      ...known.findings,
      ...(options.remote ? [] : await placeFindings(path, identity)),
    ],
  }
}

/** What most pages do without is not even loaded. */
function mayBeKnown({ kind }: Identity, { hashes, folders, remote }: InspectionOptions): boolean {
  if (remote) return false
  return hashes || kind === 'vae' || (kind === 'checkpoint' && folders.roots.length > 0)
}

async function recognise(...args: Parameters<typeof recogniseKnown>): Promise<Recognised> {
  const { recogniseKnown } = await import('./recognise-known.ts')
  return recogniseKnown(...args)
}

/** The values of alpha are worth reading only for a page about the file. */
async function withAlphas(
  { model, prefetch }: OpenedModel,
  identity: Identity,
  read: ValueReader,
): Promise<Identity> {
  if (!identity.adapter) return identity
  const tensors = alphaTensors(model)
  if (prefetch && !(await prefetch(tensors)))
    return { ...identity, findings: [...identity.findings, scatteredAlphas(tensors.length)] }
  const adapter = await readAlphas(model, identity.adapter, read)
  return { ...identity, adapter, findings: adapter.findings }
}

function scatteredAlphas(count: number): Finding {
  return {
    code: 'adapter-alpha-unread',
    severity: 'info',
    message: messages.alphasNotFetched(count),
  }
}

async function embeddingHashOf({ embedding }: Identity, read: ValueReader): Promise<{ embedding?: string }> {
  const hash = embedding && (await embeddingHash(embedding, read))
  return defined({ embedding: hash })
}

/** What the values of every component are; all of the file is read. */
export async function scanComponents(
  path: string,
  model: ModelFile,
  { components }: Identity,
  read: ReadInto,
  environment: Environment,
): Promise<ComponentScan[]> {
  const progress = startProgress(environment, messages.scanning(basename(path)))
  const all = components.reduce((sum, { bytes }) => sum + bytes, 0)
  let done = 0
  try {
    const scans: ComponentScan[] = []
    for (const component of components) {
      let total = EMPTY_SCAN
      const broken: string[] = []
      for (const name of component.names) {
        const tensor = model.tensors.get(name)!
        const scanned = await scanTensor(tensor, read, environment.signal)
        const result = mayBeInfinite(name) ? { ...scanned, inf: 0 } : scanned
        if (result.nan + result.inf > 0) broken.push(name)
        total = addScans(total, result)
        done += result.values * (component.bytes / Math.max(1, component.parameters))
        progress.update(done, all)
      }
      scans.push({ component, total, broken })
    }
    return scans
  } finally {
    progress.end()
  }
}

export function scanFindings({ component, total, broken }: ComponentScan): Finding[] {
  const findings: Finding[] = []
  const { nan, inf, overflowF16, vanishF16, values } = total
  if (broken.length > 0) {
    const message = messages.notFinite(component.title, nan, inf, broken.length, quoted(broken[0]!))
    findings.push({ code: 'not-finite', severity: 'error', message })
  }
  if (overflowF16 > 0) {
    const message = messages.fp16Overflow(component.title, overflowF16, total.largest.toPrecision(4))
    findings.push({ code: 'fp16-overflow', severity: 'warning', message })
  }
  if (vanishF16 > values / 1000) {
    const message = messages.fp16Underflow(component.title, vanishF16)
    findings.push({ code: 'fp16-underflow', severity: 'info', message })
  }
  return findings
}
