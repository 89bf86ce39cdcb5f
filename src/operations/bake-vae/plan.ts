/** A VAE into a checkpoint: in the place of the one it has, or where it has none. */

import { castWeight, DTYPE_NAMES, type DTypeName, dtypeName } from '../../model/dtype-choice.ts'
import { info, warning } from '../../model/finding.ts'
import { canonicalVae, hasBothNames, type VaeInfo, vaeKey } from '../../model/identify/vae.ts'
import { ldmShape } from '../../model/identify/vae-content.ts'
import { latentsFit, spacesOf } from '../../model/identify/vae-latents.ts'
import type { VaeLatents } from '../../model/identity.ts'
import type { Model } from '../../model/model.ts'
import { COMFYUI_VAE_PREFIX, VAE_PREFIX } from '../../model/networks/architectures/architecture.ts'
import { architectureById } from '../../model/networks/architectures/registry.ts'
import { COMPONENTS, type Component, measure, tensorsOf } from '../../model/networks/components.ts'
import { isComplete, type Shape, sameShape } from '../../model/networks/topology/match.ts'
import { refuse, unverified } from '../../system/errors.ts'
import { checkOperation } from '../../tensor/quantised/check.ts'
import { type DType, elementCount, isFloat, type OutputDType } from '../../tensor/values/dtype.ts'
import { canCast, renamed } from '../../tensor/values/expr.ts'
import type { Finding, Tensor } from '../../tensor/values/table.ts'
import { messages as shared } from '../messages.ts'
import { checkHasTensors, checkWritable, newPlan, type Plan, type PlanBuilder } from '../plan.ts'
import { messages } from './messages.ts'

/** A VAE, alone or in a checkpoint. */
export interface VaeModel extends Model {
  /** What its values say of its latents, where nothing else does. */
  readonly latents?: VaeLatents
}

export interface BakeOptions {
  /** Type of the VAE in the output, `keep`: that of its file. Without it the type of the VAE it replaces. */
  readonly dtype?: DTypeName
}

/** A tensor of the baked VAE, and the one that was in its place. */
export interface BakedTensor {
  readonly before?: Tensor
  readonly after: Tensor
}

export interface BakePlan extends Plan {
  /** All tensors of the VAE, in byte order of their ldm names. */
  readonly baked: readonly BakedTensor[]
}

/**
 * Plans a checkpoint with all tensors of a VAE in it, under the names and in the shapes that the checkpoint's programs
 * look for. The VAE may be a file of its own or stand in a checkpoint, in ldm or diffusers layout, with any prefix.
 * Everything else stays as it is, except training leftovers of the VAE that goes.
 * @throws SdtoolError (exit 3) BASE_NOT_A_CHECKPOINT, VAE_NOT_FOUND, NO_TENSORS, TENSOR_NOT_CONVERTIBLE; (exit 4)
 *   VAE_INCOMPLETE, VAE_WRONG_ARCHITECTURE, VAE_MISFIT
 */
export function planBakeVae(base: Model, vae: VaeModel, options: BakeOptions = {}): BakePlan {
  checkBase(base)
  const baked = bakedTensors(base, vae, options)
  const plan = newPlan(base.file)
  const byName = new Map(baked.flatMap((one) => (one.before ? [[one.before.name, one]] : [])))
  for (const component of base.identity.components) addComponent(plan, component, base, byName, vae.name)
  const added = baked.filter(({ before }) => before === undefined)
  const component = vaeComponent(added.map(({ after }) => after))
  for (const { after } of added) plan.addNew(component, after, messages.from(vae.name))
  for (const { path, bytes } of base.file.leftovers ?? []) {
    if (bytes > 0) plan.addLeftover(path, bytes, shared.trainingState)
  }
  const findings = [...latentsFindings(base, vae), ...uncheckedFindings(base, vae)]
  return { ...plan.build(base.file.metadata, findings), baked }
}

function checkBase({ name, file, identity: { components, title } }: Model): void {
  checkHasTensors(file)
  checkWritable(file)
  const network = components.find(({ role }) => role === 'unet')
  if (network !== undefined && network.prefix !== '') return
  const text = network === undefined ? messages.notACheckpoint : messages.noPlaceForVae
  throw refuse('BASE_NOT_A_CHECKPOINT', text(name, title), messages.checkpointFirst)
}

/** @throws VAE_NOT_FOUND (exit 3), VAE_INCOMPLETE (exit 4) */
function sourceOf({ name, identity }: Model): VaeInfo {
  const { vae, title, components } = identity
  if (vae === undefined || vae.layout === 'taesd') throw refuse('VAE_NOT_FOUND', messages.noVae(name, title))
  const match = components.find(({ id }) => id === 'vae')?.match
  if (match === undefined || isComplete(match)) return vae
  const { expected, missing, misshapen } = match
  const wrong = [...missing, ...misshapen].map((key) => key.name)
  throw unverified('VAE_INCOMPLETE', messages.incomplete(name, expected, wrong), messages.downloadAgain)
}

/**
 * Every command that takes a VAE for a model asks this.
 * @throws VAE_WRONG_ARCHITECTURE (exit 4) for one of another size, or of other latents
 */
export function checkVaeFit(base: Model, vae: VaeModel, source: VaeInfo): void {
  const { architecture, vae: own } = base.identity
  const fits = own
    ? own.latentChannels === source.latentChannels &&
      own.downscale === source.downscale &&
      isSameKind(own, source)
    : architecture === undefined || source.architectures.includes(architecture.id)
  if (!fits) throw unverified('VAE_WRONG_ARCHITECTURE', wrongVaeText(base, vae.name, source))
  const found = latentsFit(base, withLatents(vae))
  if (found.fit === 'other') throw unverified('VAE_WRONG_ARCHITECTURE', found.message, messages.otherLatents)
}

/** Tiny ones stand for any of their latents; others of the same size may have other layers. */
function isSameKind(own: VaeInfo, source: VaeInfo): boolean {
  return source.layout === 'taesd' || own.layout === 'taesd' || own.network === source.network
}

function wrongVaeText({ name, identity }: Model, vae: string, source: VaeInfo): string {
  const found = vaeWithDownscale(source)
  return identity.vae
    ? messages.needsSame(vae, found, name, vaeWithDownscale(identity.vae))
    : messages.needsThatOf(vae, found, name, identity.architecture!.title)
}

/** Where neither a table of its keys nor another VAE in its place says whether one is whole. */
function uncheckedFindings({ identity: { vae: own } }: Model, { name, identity }: VaeModel): Finding[] {
  const isChecked = own !== undefined || identity.components.some(({ id, match }) => id === 'vae' && match)
  return isChecked ? [] : [info('vae-unchecked', messages.unchecked(name))]
}

/** What cannot be refused, as nothing is sure of it. */
export function latentsFindings(base: Model, vae: VaeModel): Finding[] {
  const found = latentsFit(base, withLatents(vae))
  if (found.fit === 'probably-other') return [warning('vae-other-latents', found.message)]
  if (found.fit !== 'unknown') return []
  const spaces = spacesOf(vae.identity.vae)
  return spaces.length > 1 ? [info('vae-latents-unknown', messages.latentsUnknown(vae.name, spaces))] : []
}

function withLatents({ name, identity, latents = identity.latents }: VaeModel) {
  return { name, latents }
}

function vaeWithDownscale({ title, downscale }: VaeInfo): string {
  return messages.vaeWithDownscale(title, downscale)
}

/**
 * All tensors of a VAE, as a checkpoint has or would have them, in byte order of their ldm names.
 * @throws VAE_NOT_FOUND (exit 3); VAE_INCOMPLETE, VAE_WRONG_ARCHITECTURE, VAE_MISFIT (exit 4)
 */
export function bakedTensors(base: Model, vae: VaeModel, { dtype }: BakeOptions): BakedTensor[] {
  for (const { name, file, identity } of [vae, base])
    for (const component of identity.components.filter(({ role }) => role === 'vae'))
      checkOperation('bake-vae', tensorsOf(file, component), shared.componentOf(component.title, name))
  const source = sourceOf(vae)
  checkVaeFit(base, vae, source)
  const place = placeFor(base, source)
  checkNames(base, vae, place, source)
  const own = base.identity.vae ? canonicalVae(base.file, base.identity.vae) : new Map<string, Tensor>()
  const given = canonicalVae(vae.file, source)
  const lacking = [...own.keys()].filter((ldm) => !given.has(ldm))
  if (lacking.length > 0) throw unverified('VAE_INCOMPLETE', messages.lacks(vae.name, lacking, base.name))
  const type = dtype === undefined ? mostCommon([...own.values()]) : DTYPE_NAMES[dtype]
  return [...given].map(([ldm, tensor]): BakedTensor => {
    const before = own.get(ldm)
    const shape = shapeFor(ldm, tensor, before, vae.name)
    const name = before?.name ?? vaeKey(base.file, place, ldm)
    const after = { ...renamed(castWeight(tensor, type), name), shape }
    return before === undefined ? { after } : { before, after }
  })
}

/** @throws VAE_MISFIT (exit 4) for one in the names of diffusers that sdtool cannot rename */
function checkNames(base: Model, vae: Model, place: VaeInfo, source: VaeInfo): void {
  if (hasBothNames(source) || place.layout === source.layout) return
  throw unverified('VAE_MISFIT', messages.otherNames(vae.name, base.name, source.layout), messages.sameNames)
}

/** Where a VAE stands in the checkpoint, or would. */
function placeFor({ identity: { vae, architecture } }: Model, { network }: VaeInfo): VaeInfo {
  const known = architectureById(architecture?.id ?? '')
  const usual = known?.network.kind === 'dit' ? COMFYUI_VAE_PREFIX : VAE_PREFIX
  const prefix = known?.components.find(({ id }) => id === 'vae')?.prefix ?? usual
  return (
    vae ?? {
      layout: 'ldm',
      network,
      title: 'VAE',
      prefix,
      encoder: true,
      decoder: true,
      tensors: 0,
      architectures: [],
    }
  )
}

/** Type of most tensors; undefined if there are none. */
function mostCommon(tensors: readonly Tensor[]): OutputDType | undefined {
  const counts = new Map<DType, number>()
  for (const { dtype } of tensors) if (isFloat(dtype)) counts.set(dtype, (counts.get(dtype) ?? 0) + 1)
  const [first] = [...counts].sort(([, a], [, b]) => b - a)
  return first && canCast(first[0], first[0]) ? first[0] : undefined
}

/**
 * The shape of the tensor it replaces, where 1x1 convolutions and linear layers are one.
 * @throws VAE_MISFIT (exit 4)
 */
function shapeFor(ldm: string, tensor: Tensor, before: Tensor | undefined, name: string): Shape {
  const shape = before?.shape ?? ldmShape(ldm, tensor.shape)
  if (sameShape(bare(shape), bare(tensor.shape)) && elementCount(shape) === elementCount(tensor.shape))
    return shape
  throw unverified('VAE_MISFIT', messages.misfit(name, tensor.name, tensor.shape, shape))
}

/** Without the trailing ones of a 1x1 convolution. */
function bare(shape: Shape): Shape {
  return shape.slice(0, 2 + shape.slice(2).findLastIndex((n) => n !== 1) + 1)
}

function addComponent(
  plan: PlanBuilder,
  component: Component,
  { file }: Model,
  baked: ReadonlyMap<string, BakedTensor>,
  vaeName: string,
): void {
  for (const name of component.names) {
    const tensor = file.tensors.get(name)!
    const after = baked.get(name)?.after
    if (after !== undefined) {
      const type = dtypeName(after.dtype as OutputDType)
      plan.add(component, 'replace', tensor, after, messages.fromAs(vaeName, type))
    } else if (isOfOldVae(component)) {
      plan.add(component, 'drop', tensor, undefined, messages.oldVaeLeftovers)
    } else plan.add(component, 'keep', tensor, tensor, shared.unchanged)
  }
}

function isOfOldVae({ id, prefix }: Component): boolean {
  return id === 'vae_ema' || (id === 'training' && prefix.startsWith(VAE_PREFIX))
}

/** The component that a VAE makes which the checkpoint did not have. */
export function vaeComponent(tensors: readonly Tensor[]): Component {
  return { id: 'vae', ...COMPONENTS.vae, prefix: '', ...measure(tensors) }
}

/** Architectures whose published VAE makes numbers too large for fp16 on the way to a picture. */
const OVERFLOWING = ['stable-diffusion-xl-v1-base', 'stable-diffusion-xl-v1-refiner']

/** Whose numbers a VAE for SDXL has. */
export type SdxlVae = 'published' | 'fixed' | 'unknown'

/** Whether it matters whose numbers the VAE has: only in fp16, only in SDXL. */
export function mayOverflow({ identity }: Model, { baked }: BakePlan): boolean {
  const isHalf = baked.some(({ after }) => after.dtype === 'F16')
  return isHalf && OVERFLOWING.includes(identity.architecture?.id ?? '')
}

/**
 * What running the VAE in fp16 would do: its weights fit, but in the decoder of the published VAE of SDXL values
 * exceed 65504 and the picture turns black (madebyollin/sdxl-vae-fp16-fix).
 */
export function overflowFindings(vae: SdxlVae): Finding[] {
  if (vae === 'fixed') return [info('vae-fp16-safe', messages.fp16Safe)]
  if (vae === 'published') return [warning('vae-fp16-overflow', messages.fp16Overflow)]
  return [info('vae-fp16-unknown', messages.fp16Unknown)]
}
