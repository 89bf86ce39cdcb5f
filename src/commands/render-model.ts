/** The model that is drawn: a file, its LoRAs and its VAE, as one table that is never written. */
import { existsSync } from 'node:fs'
import { EXIT, SdtoolError } from '../errors.ts'
import { withEmaWeights } from '../model/diff/ema.ts'
import type { Identity } from '../model/identity.ts'
import type { MergeOptions } from '../model/merge-lora/options.ts'
import { planMergeLora } from '../model/merge-lora/plan.ts'
import type { Io } from '../report/io.ts'
import type { RenderModel } from '../runtime/engine.ts'
import type { ModelFile, TensorTable } from '../tensor/table.ts'
import { identifyFile, type OpenedModel, withModels } from './files.ts'
import { type LoraArgument, loraArguments } from './lora-arguments.ts'
import { loraInput } from './merge-lora.ts'
import { checkAlive } from './merge-lora-alive.ts'
import { type ModelFolders, resolveModel } from './model-folders.ts'

export interface ModelRequest {
  readonly model: string
  readonly vae?: string
  /** As on a command line, tags among them. */
  readonly loras: readonly string[]
  readonly ema: boolean
  readonly allowUnmatched: boolean
}

/** A LoRA with the place it was found at. */
export interface UsedLora extends LoraArgument {
  readonly path: string
  readonly metadata: Readonly<Record<string, string>>
}

export interface RenderSource {
  readonly model: RenderModel
  readonly path: string
  readonly vae?: RenderModel
  readonly loras: readonly UsedLora[]
  /** All files that are open. */
  readonly files: readonly ModelFile[]
}

/**
 * Opens a model with its LoRAs and its VAE for as long as `use` runs. LoRAs are planned by the planner of merge-lora,
 * with its strictness.
 * @throws MODEL_NOT_FOUND ..., EMA_MISSING, LORA_CHANGES_NOTHING, and what `planMergeLora` throws or finds
 */
export async function withRenderSource<T>(
  request: ModelRequest,
  folders: ModelFolders,
  io: Io,
  use: (source: RenderSource) => Promise<T>,
): Promise<T> {
  const loras = request.loras.length > 0 ? loraArguments(request.loras, [], existsSync) : []
  const path = await resolveModel(request.model, 'checkpoint', folders)
  const loraPaths: string[] = []
  for (const { name } of loras) loraPaths.push(await resolveModel(name, 'lora', folders))
  const vaePath = request.vae === undefined ? [] : [await resolveModel(request.vae, 'vae', folders)]
  return withModels([path, ...loraPaths, ...vaePath], async (opened) => {
    const adapters = opened.slice(1, 1 + loras.length)
    const used = loras.map((lora, i) => {
      return { ...lora, path: loraPaths[i]!, metadata: adapters[i]!.model.metadata }
    })
    const model = await patchedModel(path, opened[0]!, { used, adapters, request, io })
    const vae = vaePath[0] === undefined ? undefined : await plainModel(vaePath[0], opened.at(-1)!)
    const files = opened.map((one) => one.model)
    return use({ model, path, loras: used, files, ...(vae && { vae }) })
  })
}

async function plainModel(path: string, opened: OpenedModel): Promise<RenderModel> {
  return { name: path, table: opened.model, identity: await identifyFile(path, opened) }
}

interface Patching {
  readonly used: readonly UsedLora[]
  readonly adapters: readonly OpenedModel[]
  readonly request: ModelRequest
  readonly io: Io
}

async function patchedModel(
  path: string,
  opened: OpenedModel,
  { used, adapters, request, io }: Patching,
): Promise<RenderModel> {
  const plain = await plainModel(path, opened)
  const model = request.ema ? emaModel(plain) : plain
  if (used.length === 0) return model
  const inputs = await Promise.all(used.map((lora, i) => loraInput(lora.path, adapters[i]!, lora.ratio)))
  const options: MergeOptions = { allowUnmatched: request.allowUnmatched }
  const base = { name: path, file: { ...opened.model, ...model.table }, identity: model.identity }
  const plan = await planMergeLora(base, inputs, options)
  const [problem] = plan.problems
  if (problem !== undefined) throw problem
  await checkAlive(base, inputs, options, opened.read, io.signal)
  return { name: path, table: plan.table, identity: onlyWhatIsIn(model.identity, plan.table) }
}

/** @throws EMA_MISSING */
function emaModel({ name, table, identity }: RenderModel): RenderModel {
  if (identity.ema === undefined) {
    throw new SdtoolError('EMA_MISSING', `${name} has no EMA copy of its weights`, {
      exitCode: EXIT.unverified,
      hint: 'Leave out --ema.',
    })
  }
  return { name, ...withEmaWeights({ table, identity }) }
}

/** A plan leaves out an EMA copy of weights that change. */
function onlyWhatIsIn(identity: Identity, { tensors }: TensorTable): Identity {
  const components = identity.components.filter(({ names }) => names.every((name) => tensors.has(name)))
  return { ...identity, components }
}
