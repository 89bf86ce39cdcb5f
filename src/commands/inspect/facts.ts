/** The facts of a page, a line each: what a model, an adapter, an embedding or a pickle is. */

import type { ProgramPlace } from '../../library/program-places.ts'
import { type BaseId, baseById } from '../../model/adapters/base.ts'
import type { AdapterInfo, ValueCount } from '../../model/adapters/info.ts'
import type { EmaInfo } from '../../model/identify/ema.ts'
import type { EmbeddingInfo } from '../../model/identify/embeddings.ts'
import type { Prediction } from '../../model/identify/prediction.ts'
import type { Recipe } from '../../model/metadata/recipe.ts'
import { partLatents, partTitle } from '../../model/needs.ts'
import { PREDICTIONS } from '../../model/networks/predictions.ts'
import type { Inspection } from '../../operations/inspect/inspection.ts'
import type { FittingFile, Needs } from '../../operations/inspect/needs.ts'
import type { SecurityReport } from '../../tensor/values/table.ts'
import { messages } from './messages.ts'

export type FactLine = readonly [label: string, value: string]

export function architectureFacts({ identity, model, summary }: Inspection): FactLine[] {
  const { architecture, ema, evidence } = identity
  return [
    ...(evidence ? [[messages.because, evidence.join('; ')] as const] : []),
    ...(architecture ? [[messages.because, architecture.evidence.join('; ')] as const] : []),
    ...(architecture ? [[messages.predicts, predictionText(architecture.prediction)] as const] : []),
    ...(architecture?.shift === undefined ? [] : [[messages.shift, String(architecture.shift)] as const]),
    ...(ema ? emaFacts(ema) : []),
    ...['epoch', 'global_step'].flatMap((key) => numberFacts(key, model.extras[key])),
    ...(summary.recipe ? [[messages.madeBy, recipeText(summary.recipe)] as const] : []),
    ...(summary.comfy ? [[messages.savedBy, messages.savedByComfy] as const] : []),
  ]
}

function predictionText({ type, evidence, zeroTerminalSnr, sigmaMax }: Prediction): string {
  return messages.prediction(PREDICTIONS[type], zeroTerminalSnr ?? false, sigmaMax, evidence)
}

function emaFacts({ updates, decay }: EmaInfo): FactLine[] {
  if (updates === undefined) return []
  const digits = decay === undefined ? undefined : Number(decay.toPrecision(6))
  return [[messages.ema, messages.emaUpdates(updates, digits)]]
}

function numberFacts(key: string, value: unknown): FactLine[] {
  return typeof value === 'number' || typeof value === 'bigint' ? [[key, String(value)]] : []
}

function recipeText({ operation, inputs, sdtool }: Recipe): string {
  return messages.madeBySdtool(sdtool, operation, inputs.map(({ name }) => name).join(', '))
}

export function adapterFacts(adapter: AdapterInfo): FactLine[] {
  const targets = adapter.targets.map(({ title, modules }) => messages.modulesOf(title, modules)).join(', ')
  const { base } = adapter
  const claimed = base.claimed ? [messages.claimedBy(base.claimed, base.claimedBy)] : []
  return [
    [messages.algorithm, adapter.algorithms.map(({ title, modules }) => `${title} (${modules})`).join(', ')],
    [messages.names, adapter.dialects.map(({ title }) => title).join('; ')],
    [messages.rank, distribution(adapter.ranks)],
    [messages.alpha, alphaLine(adapter)],
    [messages.changes, targets],
    [messages.for, [baseTitle(base.architecture), ...base.evidence, ...claimed].join('; ')],
    ...(base.prediction ? [[messages.trainedToPredict, predictionText(base.prediction)] as const] : []),
    ...(adapter.convModules > 0
      ? [[messages.convolutions, messages.moduleCount(adapter.convModules)] as const]
      : []),
    ...(adapter.embeddings.length > 0 ? [[messages.embeddings, adapter.embeddings.join(', ')] as const] : []),
  ]
}

function baseTitle(id: BaseId | undefined): string {
  return id === undefined ? messages.unknownBase : baseById(id).title
}

function alphaLine({ alphas, withoutAlpha, settings }: AdapterInfo): string {
  const configured = settings.configs.flatMap(({ target, alpha, rankStabilised, alphas, source }) => {
    if (alpha === undefined && alphas.length === 0) return []
    return [messages.configuredAlpha({ alpha, rankStabilised, target, source, patterns: alphas.length })]
  })
  const missing = withoutAlpha > 0 ? [messages.noAlpha(withoutAlpha)] : []
  // PEFT, and who follows it, keeps alpha outside of the tensors
  const rest = configured.length > 0 ? [configured.join(', ')] : missing
  return [alphas ? distribution(alphas) : messages.notFetched, ...rest].filter(Boolean).join('; ')
}

/** "16" for one value, "4 to 16, mostly 16" for several. */
function distribution(values: readonly ValueCount[]): string {
  if (values.length === 0) return ''
  const [first, last] = [values[0]!, values.at(-1)!]
  const short = (n: number) => String(Number(n.toPrecision(6)))
  if (values.length === 1) return short(first.value)
  const most = values.reduce((best, item) => (item.modules > best.modules ? item : best))
  return messages.distribution(short(first.value), short(last.value), short(most.value))
}

/** `4 x 768`, for each text encoder. */
export function vectorSizes({ parts }: EmbeddingInfo): string {
  const sizes = parts.map(
    ({ role, vectors, dim }) => `${role === 'single' ? '' : `${role} `}${vectors} x ${dim}`,
  )
  return sizes.join(', ')
}

export function embeddingFacts(embedding: EmbeddingInfo): FactLine[] {
  const { name, token, steps, trainedOn, architecture } = embedding
  return [
    [messages.vectors, vectorSizes(embedding)],
    ...(name === undefined ? [] : [[messages.name, name] as const]),
    ...(token === undefined ? [] : [[messages.token, token] as const]),
    [messages.for, baseTitle(architecture)],
    ...(steps === undefined ? [] : [[messages.steps, String(steps)] as const]),
    ...(trainedOn === undefined
      ? []
      : [[messages.trainedOn, [trainedOn.name, trainedOn.hash].filter(Boolean).join(' ')] as const]),
  ]
}

export function securityFacts(security: SecurityReport | undefined): FactLine[] {
  if (!security) return []
  const opaque = security.globals.filter(({ verdict }) => verdict === 'opaque')
  return [[messages.pickle, messages.safePickle(opaque.length)]]
}

/** Where programs look for such a file. */
export function placeFacts(places: readonly ProgramPlace[]): FactLine[] {
  if (places.length === 0) return []
  const texts = places.map(({ title, folder, option }) => `${title} ${folder ?? option ?? ''}`)
  return [[messages.belongsIn, texts.join('; ')]]
}

/** Files of one part that a page names before it counts the rest. */
const MAX_FITTING = 3

/** What a model is used with, and which files of a person's folders are that. */
export function needFacts({ parts, searched }: Needs): FactLine[] {
  const facts = parts.map(({ part, files }): FactLine => {
    const latents = partLatents(part)
    const title = latents === undefined ? partTitle(part) : messages.vaeOf(latents)
    return [title, files === undefined ? '' : filesText(files)]
  })
  const where = searched === undefined ? messages.nameFolders : messages.lookedAt(searched)
  return [...facts, ['', where]]
}

function filesText(files: readonly FittingFile[]): string {
  if (files.length === 0) return messages.notThere
  const shown = files
    .slice(0, MAX_FITTING)
    .map(({ path, isSure }) => (isSure ? path : messages.maybeFile(path)))
  const more = files.length - shown.length
  return [...shown, ...(more > 0 ? [messages.more(more)] : [])].join(', ')
}
