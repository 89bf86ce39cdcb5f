/** The model that is drawn: a file, its LoRAs and its VAE, as one table that is never written. */
import { existsSync } from 'node:fs'
import { resolveCheckpoint, resolveLora } from '../../library/lora-aliases.ts'
import { type ModelFolders, resolveModel } from '../../library/resolve.ts'
import { identifyFile, type OpenedModel, withModels } from '../../library/session.ts'
import { withEmaWeights } from '../../model/diff/ema.ts'
import type { Identity } from '../../model/identity.ts'
import type { Model } from '../../model/model.ts'
import { drawable, whatItIs } from '../../runtime/engine/drawable.ts'
import { EXIT, refuse, SdtoolError } from '../../system/errors.ts'
import type { Environment } from '../../system/world.ts'
import type { ModelFile, TensorTable } from '../../tensor/values/table.ts'
import { checkVaeFit, latentsFindings } from '../bake-vae/plan.ts'
import { hashWithProgress } from '../hashing.ts'
import {
  ignoredInTags,
  isUsed,
  type LoraArgument,
  lorasOption,
  promptLoras,
} from '../merge-lora/lora-text.ts'
import { messages as loraText } from '../merge-lora/lora-text-messages.ts'
import { assertEffects, mergeLora } from '../merge-lora/merge-lora.ts'
import type { InputModel, PlanContext } from '../operation.ts'
import { inputModels, plainContext } from '../run.ts'
import { soundPlan } from '../sound-plan.ts'
import { latentsByValues } from '../vae-values.ts'
import { messages } from './messages.ts'

export interface ModelRequest {
  readonly model: string
  readonly vae?: string
  /** LoRAs that need no reading. */
  readonly given?: readonly LoraArgument[]
  /** As on a command line, tags among them, behind those. */
  readonly loras: readonly string[]
  readonly ema: boolean
  readonly allowUnmatched: boolean
  /** No notes. */
  readonly quiet?: boolean
}

/** A LoRA with the place it was found at. */
export interface UsedLora extends LoraArgument {
  readonly path: string
  readonly metadata: Readonly<Record<string, string>>
}

export interface RenderSource {
  readonly model: Model
  readonly path: string
  readonly vae?: Model
  readonly loras: readonly UsedLora[]
  /** All files that are open. */
  readonly files: readonly ModelFile[]
}

/**
 * Opens a model with its LoRAs and its VAE for as long as `use` runs. LoRAs are planned by merge-lora, with its
 * strictness.
 * @throws MODEL_NOT_FOUND (exit 1) ..., EMA_MISSING, LORA_CHANGES_NOTHING (exit 4), and what `mergeLora` throws or finds
 */
export async function withRenderSource<T>(
  request: ModelRequest,
  folders: ModelFolders,
  environment: Environment,
  use: (source: RenderSource) => Promise<T>,
): Promise<T> {
  const named = [...(request.given ?? []), ...promptLoras(request.loras, existsSync)]
  const loras = named.filter(isUsed)
  if (!request.quiet) noteOnLoras(named, folders)
  const path = await resolveCheckpoint(request.model, folders, environment)
  const loraPaths: string[] = []
  for (const { name } of loras) loraPaths.push(await resolveLora(name, folders, environment))
  const vaePath = request.vae === undefined ? [] : [await resolveModel(request.vae, 'vae', folders)]
  return withModels([path, ...loraPaths, ...vaePath], environment, async (opened) => {
    const inputs = await inputModels([path, ...loraPaths], opened)
    const used = loras.map((lora, i) => {
      return { ...lora, path: loraPaths[i]!, metadata: inputs[i + 1]!.file.metadata }
    })
    const model = await patchedModel(inputs, loras, request, plainContext(opened, environment), folders)
    const vae = vaePath[0] === undefined ? undefined : await plainModel(vaePath[0], opened.at(-1)!)
    if (vae) await checkVae(model, vae, opened.at(-1)!, request, folders, environment)
    const files = opened.map((one) => one.model)
    return use({ model, path, loras: used, files, ...(vae && { vae }) })
  })
}

/** Says what of the LoRAs of a prompt does nothing. */
function noteOnLoras(loras: readonly LoraArgument[], folders: Pick<ModelFolders, 'note'>): void {
  for (const line of ignoredInTags(loras)) folders.note(line)
  for (const lora of loras) if (!isUsed(lora)) folders.note(loraText.noEffect(lora.name))
}

async function plainModel(path: string, opened: OpenedModel): Promise<Model> {
  return { name: path, file: opened.model, identity: await identifyFile(path, opened) }
}

/** @throws NOT_A_VAE (exit 3), VAE_WRONG_ARCHITECTURE (exit 4) */
async function checkVae(
  model: Model,
  { name, file, identity }: Model,
  opened: OpenedModel,
  { quiet = false }: ModelRequest,
  folders: ModelFolders,
  environment: Environment,
): Promise<void> {
  const { kind, components, vae } = identity
  if (vae === undefined || (kind !== 'taesd' && !components.some(({ role }) => role === 'vae')))
    throw refuse('NOT_A_VAE', messages.notAVae(name, whatItIs({ identity })), messages.nameAVae)
  const values = await latentsByValues(
    { name, file: opened.model, identity },
    {
      read: opened.read,
      hash: (path, only) =>
        hashWithProgress(path, only, quiet ? { signal: environment.signal } : environment),
    },
  )
  const given = { name, file, identity, ...values }
  checkVaeFit(model, given, vae)
  for (const { severity, message } of quiet ? [] : latentsFindings(model, given))
    if (severity === 'warning') folders.note(message)
}

/** Findings on how LoRAs were named, which a picture does not show. */
const NOTED: ReadonlySet<string> = new Set(['lora-twice', 'blocks-filled'])

async function patchedModel(
  [plain, ...adapters]: readonly InputModel[],
  loras: readonly LoraArgument[],
  { ema, allowUnmatched, quiet }: ModelRequest,
  context: PlanContext,
  folders: Pick<ModelFolders, 'note'>,
): Promise<Model> {
  drawable(plain!) // before anything is loaded
  const base = ema ? emaModel(plain!) : plain!
  if (adapters.length === 0) return base
  const inputs = [base, ...adapters]
  const options = { loras: lorasOption(loras), allowUnmatched }
  const { table, findings } = await soundPlan(mergeLora, inputs, options, context)
  for (const { code, message } of quiet ? [] : findings) if (NOTED.has(code)) folders.note(message)
  await assertEffects(inputs, options, context)
  return { name: base.name, file: table, identity: onlyWhatIsIn(base.identity, table) }
}

/** @throws EMA_MISSING (exit 4) */
function emaModel({ name, file, identity }: InputModel): InputModel {
  if (identity.ema === undefined) {
    throw new SdtoolError('EMA_MISSING', messages.noEma(name), {
      exitCode: EXIT.unverified,
      hint: messages.omitEma,
    })
  }
  const ema = withEmaWeights({ table: file, identity })
  return { name, file: { ...file, tensors: ema.table.tensors }, identity: ema.identity }
}

/** A plan leaves out an EMA copy of weights that change. */
function onlyWhatIsIn(identity: Identity, { tensors }: TensorTable): Identity {
  const components = identity.components.filter(({ names }) => names.every((name) => tensors.has(name)))
  return { ...identity, components }
}
