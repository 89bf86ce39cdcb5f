/** A model as one file, and as a folder of diffusers with a file for each network. */
import { refuse } from '../../system/errors.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import { vaeLevels } from '../identify/vae.ts'
import type { Identifiable, Identity } from '../identity.ts'
import type { Architecture } from '../networks/architectures/architecture.ts'
import { UNET_PREFIX, VAE_PREFIX } from '../networks/architectures/architecture.ts'
import { DIT_ARCHITECTURES } from '../networks/architectures/proof.ts'
import { architectureById } from '../networks/architectures/registry.ts'
import type { Component } from '../networks/components.ts'
import { deriveUnet } from '../networks/topology/derive.ts'
import { unetNaming } from '../networks/topology/diffusers.ts'
import type { UnetConfig } from '../networks/topology/unet.ts'
import { localsOf } from './component.ts'
import { type DitPipeline, fromDitPipeline, type NativeFile, toDitPipeline } from './dit-pipeline.ts'
import { SAID_BY_SCHEDULER, standsAlone } from './markers.ts'
import { messages } from './messages.ts'
import { unetToDiffusers, unetToLdm, vaeToDiffusers, vaeToLdm } from './networks.ts'
import { type Locals, toOpenClip, toTransformers } from './openclip.ts'

/** Folders of networks in a pipeline. */
export const PIPELINE_FOLDERS = [
  'unet',
  'transformer',
  'vae',
  'text_encoder',
  'text_encoder_2',
  'text_encoder_3',
] as const
export type PipelineFolder = (typeof PIPELINE_FOLDERS)[number]

export type PipelineTensors = Partial<Record<PipelineFolder, ReadonlyMap<string, Tensor>>>

/** A model taken apart. */
export type Pipeline = UnetPipeline | DitPipeline

export interface UnetPipeline {
  readonly kind: 'unet'
  readonly tensors: PipelineTensors
  readonly unet: UnetConfig
  /** Keys of the file that a pipeline has no place for. */
  readonly left: readonly string[]
}

/** Architectures that are pipelines of these folders. */
const CONVERTIBLE: ReadonlySet<string> = new Set([
  'stable-diffusion-v1',
  'stable-diffusion-v2',
  'stable-diffusion-xl-v1-base',
  'stable-diffusion-xl-v1-refiner',
])

/** The one whose only text encoder is the second of its family. */
const REFINER = 'stable-diffusion-xl-v1-refiner'

/** Variants of them whose pipelines have parts or schedules of their own, and why they are not written. */
const OTHER_PIPELINES: Readonly<Record<string, () => string>> = {
  depth: () => messages.depthLost,
  'unclip-l': () => messages.visionLost,
  'unclip-h': () => messages.visionLost,
  altdiffusion: () => messages.notClip,
  'playground-v2.5': () => messages.edmLevels,
  cosxl: () => messages.edmLevels,
}

/** Layers that SD 2.x uses: all but the last one, which diffusers leaves out. */
const SD2_LAYERS_LESS = 1

/**
 * @throws NOT_A_PIPELINE (exit 3) for what is not a complete checkpoint of SD 1.x, SD 2.x, SDXL or its refiner, and has no
 *   transformer that diffusers has, too; LAYOUT_MISFIT, SCALED_FP8, QUANTISED (exit 3)
 */
export function toPipeline(file: Identifiable, identity: Identity): Pipeline {
  const dit = DIT_ARCHITECTURES.find(({ id }) => id === identity.architecture?.id)
  return dit === undefined ? toUnetPipeline(file, identity) : toDitPipeline(file, identity, dit)
}

/** @throws NOT_A_PIPELINE, SCALED_FP8, QUANTISED (exit 3) */
function toUnetPipeline(file: Identifiable, identity: Identity): UnetPipeline {
  const architecture = convertibleArchitecture(identity)
  const taken = new Set<string>()
  const left: string[] = []
  const localsFor = (component: Component): Map<string, Tensor> => {
    for (const name of component.names) taken.add(name)
    return localsOf(file, component)
  }
  const of = (role: Component['role']) => identity.components.filter((component) => component.role === role)
  const [unetPart, vaePart] = [of('unet')[0], of('vae')[0]]
  const texts = of('text')
  if (unetPart === undefined || vaePart === undefined || texts.length === 0) throw incomplete(identity)
  const unet = unetInDiffusers(unetPart, localsFor(unetPart))
  const vae = vaeInDiffusers(vaePart, localsFor(vaePart))
  const encoders = texts.map((component) => textInDiffusers(component, localsFor(component), architecture.id))
  for (const [component, { left: names }] of [
    [unetPart, unet],
    [vaePart, vae],
    ...texts.map((text, i) => [text, encoders[i]!] as const),
  ] as const)
    left.push(...names.map((name) => component.prefix + name))
  left.push(...[...file.tensors.keys()].filter((name) => !taken.has(name) && !SAID_BY_SCHEDULER.has(name)))
  return {
    kind: 'unet',
    unet: unet.config,
    tensors: {
      unet: unet.tensors,
      vae: vae.tensors,
      ...encoderFolders(encoders, architecture.id),
    },
    left,
  }
}

/** @throws NOT_A_PIPELINE (exit 3) for other kinds of files, architectures and variants */
function convertibleArchitecture(identity: Identity): Architecture {
  const architecture = identity.architecture && architectureById(identity.architecture.id)
  if (architecture === undefined || !CONVERTIBLE.has(architecture.id) || identity.kind !== 'checkpoint') {
    throw refuse('NOT_A_PIPELINE', messages.notAPipeline(identity.title), messages.pipelinesAre)
  }
  const { variant = '' } = identity.architecture ?? {}
  if (Object.hasOwn(OTHER_PIPELINES, variant)) {
    throw refuse(
      'NOT_A_PIPELINE',
      messages.variantNotAPipeline(identity.title, OTHER_PIPELINES[variant]!()),
      messages.extractInstead,
    )
  }
  return architecture
}

function encoderFolders([first, second]: readonly Converted[], architecture: string): PipelineTensors {
  if (architecture === REFINER) return { text_encoder_2: first!.tensors }
  return { text_encoder: first!.tensors, ...(second && { text_encoder_2: second.tensors }) }
}

function incomplete({ title }: Identity): Error {
  return refuse('NOT_A_PIPELINE', messages.incompletePipeline(title))
}

interface Converted {
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly left: readonly string[]
}

function unetInDiffusers({ layout }: Component, locals: Locals): Converted & { readonly config: UnetConfig } {
  const config = configOf(locals, layout === 'diffusers')
  const converted = layout === 'diffusers' ? { tensors: locals, left: [] } : unetToDiffusers(locals, config)
  return { ...converted, config }
}

/** @throws NOT_A_PIPELINE (exit 3) */
function configOf(locals: Locals, isDiffusers: boolean): UnetConfig {
  const shapeOf = (name: string) => locals.get(name)?.shape
  // all convertible UNets have two res blocks to a level
  const naming = isDiffusers ? unetNaming(2, shapeOf) : (name: string) => name
  const config = deriveUnet((name) => shapeOf(naming(name)))
  if (config === undefined) throw refuse('NOT_A_PIPELINE', messages.unknownBlocks)
  return config
}

function vaeInDiffusers({ layout }: Component, locals: Locals): Converted {
  if (layout === 'diffusers') return { tensors: locals, left: [] }
  return vaeToDiffusers(locals, vaeLevels({ tensors: locals, metadata: {} }, ''))
}

/** diffusers has no projection, and one layer less, for SD 2.x. */
function textInDiffusers({ layout }: Component, locals: Locals, architecture: string): Converted {
  if (layout !== 'openclip') return { tensors: locals, left: [] }
  const isSd2 = architecture === 'stable-diffusion-v2'
  const blocks = [...locals.keys()].filter((name) => name.endsWith('.ln_1.weight')).length
  const isWhole = locals.has('text_projection')
  const layers = isSd2 && isWhole ? blocks - SD2_LAYERS_LESS : blocks
  const tensors = toTransformers(locals, layers)
  if (isSd2) tensors.delete('text_projection.weight')
  const used = new Set([...toOpenClip(tensors).keys()])
  return { tensors, left: [...locals.keys()].filter((name) => !used.has(name)) }
}

/** Width of a token vector, which tells the encoders apart. */
function widthOf(tensors: Locals): number {
  return tensors.get('text_model.embeddings.token_embedding.weight')?.shape[1] ?? 0
}

const SD2_WIDTH = 1024

/**
 * One file of the networks of a pipeline, with the names of their authors.
 * @throws NOT_A_PIPELINE, LAYOUT_MISFIT, SCALED_FP8, QUANTISED (exit 3)
 */
export function fromPipeline(tensors: PipelineTensors): NativeFile {
  return tensors.transformer === undefined ? fromUnetPipeline(tensors) : fromDitPipeline(tensors)
}

/** @throws NOT_A_PIPELINE (exit 3) */
function fromUnetPipeline({
  unet,
  vae,
  text_encoder: text,
  text_encoder_2: second,
}: PipelineTensors): NativeFile {
  if (unet === undefined || vae === undefined || (text ?? second) === undefined) {
    throw refuse('NOT_A_PIPELINE', messages.incompleteFolder)
  }
  const left: string[] = []
  // SimpleTuner writes the markers into the file of the UNet
  const out = new Map([...unet].filter(([name]) => standsAlone(name)))
  const weights = new Map([...unet].filter(([name]) => !out.has(name)))
  const add = (prefix: string, folder: string, { tensors, left: names }: Converted): void => {
    for (const [name, tensor] of tensors) out.set(prefix + name, { ...tensor, name: prefix + name })
    left.push(...names.map((name) => `${folder}: ${name}`))
  }
  add(UNET_PREFIX, 'unet', unetToLdm(weights, configOf(weights, true)))
  add(VAE_PREFIX, 'vae', vaeToLdm(vae, vaeLevels({ tensors: vae, metadata: {} }, '')))
  if (text === undefined) add('conditioner.embedders.0.model.', 'text_encoder_2', inOpenClip(second!))
  else if (second !== undefined) {
    add('conditioner.embedders.0.transformer.', 'text_encoder', { tensors: text, left: [] })
    add('conditioner.embedders.1.model.', 'text_encoder_2', inOpenClip(second))
  } else if (widthOf(text) === SD2_WIDTH) add('cond_stage_model.model.', 'text_encoder', inOpenClip(text))
  else add('cond_stage_model.transformer.', 'text_encoder', { tensors: text, left: [] })
  return { table: { tensors: out, metadata: {} }, left }
}

function inOpenClip(tensors: Locals): Converted {
  const converted = toOpenClip(tensors)
  const back = toTransformers(converted)
  return { tensors: converted, left: [...tensors.keys()].filter((name) => !back.has(name)) }
}
