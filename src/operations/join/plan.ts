/** Networks of several files as one that programs load whole. */
import {
  castWeight,
  checkCast,
  checkSelected,
  chosenDType,
  type DTypeChoice,
} from '../../model/dtype-choice.ts'
import { counted, info, warning } from '../../model/finding.ts'
import { standsAlone } from '../../model/layouts/markers.ts'
import { missingParts, partTitle } from '../../model/needs.ts'
import { UNET_PREFIX } from '../../model/networks/architectures/architecture.ts'
import {
  type Component,
  type Role,
  type Selector,
  sameSelector,
  tensorsOf,
} from '../../model/networks/components.ts'
import { refuse, usage } from '../../system/errors.ts'
import { isEncoded } from '../../tensor/quantised/check.ts'
import { QUANTISATION_KEY } from '../../tensor/quantised/config.ts'
import type { OutputDType } from '../../tensor/values/dtype.ts'
import { renamed } from '../../tensor/values/expr.ts'
import type { Finding } from '../../tensor/values/table.ts'
import { latentsFindings } from '../bake-vae/plan.ts'
import { messages as shared } from '../messages.ts'
import type { InputModel } from '../operation.ts'
import { newPlan, type Plan, type PlanBuilder } from '../plan.ts'
import { messages } from './messages.ts'
import { architectureOf, encodersOf, type JoinInput, networksOf, type Placed, vaeOf } from './parts.ts'

/**
 * Plans a file with the denoising network of the first model and the text encoders and the VAE of the others, each under the
 * names and behind the prefix that programs look for. What else the first model has stays, unless another takes its place.
 * @throws SdtoolError (exit 2) USAGE; (exit 3) NOT_A_DENOISER, ENCODER_NOT_FOUND, VAE_NOT_FOUND, QUANTISED, SCALED_FP8,
 *   TENSOR_NOT_CONVERTIBLE, LAYOUT_MISFIT; (exit 4) ENCODER_WRONG_ARCHITECTURE, VAE_WRONG_ARCHITECTURE, COMPONENT_NOT_FOUND
 */
export function planJoin(base: InputModel, others: readonly JoinInput[], dtype: DTypeChoice = {}): Plan {
  if (others.length === 0) throw usage(messages.nothingToJoin, messages.nameParts)
  for (const model of [base, ...others.map((other) => other.model)]) checkHeader(model)
  const architecture = architectureOf(base)
  const added = others.flatMap(({ model, part }) =>
    part === 'text' ? encodersOf(model, base, architecture) : vaeOf(model, base, architecture),
  )
  checkOnce(added)
  const parts = [...networksOf(base, 'unet', () => UNET_PREFIX), ...added]
  const kept = keptOf(base, added)
  checkSelected(
    [...parts.map(({ component }) => component), ...kept],
    Object.keys(dtype.by ?? {}) as Selector[],
  )
  const plan = newPlan(base.file)
  for (const part of parts) addPart(plan, part, base, dtype)
  addRest(plan, base, kept, dtype, new Set(parts.flatMap(keysOf)))
  const findings = [
    ...leftFindings(parts),
    ...incompleteFindings([...parts.map(({ component }) => component), ...kept], base),
    ...others.flatMap(({ model, part }) => (part === 'vae' ? latentsFindings(base, model) : [])),
  ]
  return plan.build(base.file.metadata, findings)
}

/** @throws QUANTISED (exit 3) for codes that the header tells by the names of their layers */
function checkHeader({ name, file }: InputModel): void {
  if (!Object.hasOwn(file.metadata, QUANTISATION_KEY) || ![...file.tensors.values()].some(isEncoded)) return
  throw refuse('QUANTISED', messages.headerCodes(name, QUANTISATION_KEY), messages.keepSeparate)
}

/** @throws USAGE (exit 2) for a network that two files have */
function checkOnce(parts: readonly Placed[]): void {
  for (const [i, { component, prefix, from }] of parts.entries()) {
    const first = parts.slice(0, i).find((part) => part.prefix === prefix)
    if (first === undefined) continue
    throw usage(messages.twice(component.title, first.from.name, from.name), messages.nameOnce)
  }
}

function keyOf(prefix: string, name: string): string {
  return standsAlone(name) ? name : prefix + name
}

function keysOf({ prefix, tensors }: Placed): string[] {
  return [...tensors.keys()].map((name) => keyOf(prefix, name))
}

function addPart(
  plan: PlanBuilder,
  { from, component, prefix, tensors }: Placed,
  base: InputModel,
  dtype: DTypeChoice,
): void {
  const type = chosenDType(component, dtype)
  checkCast(from.file, component, type)
  const why = messages.place(from.name, prefix)
  for (const [name, tensor] of tensors) {
    const after = castWeight(renamed(tensor, keyOf(prefix, name)), type)
    const own = base.file.tensors.get(from === base ? component.prefix + name : after.name)
    if (own === undefined) plan.addNew(component, after, why)
    else
      plan.add(
        component,
        from !== base ? 'replace' : own.name === after.name ? 'keep' : 'rename',
        own,
        after,
        why,
      )
  }
}

/** Roles of what only training needs. */
const NOT_NEEDED: ReadonlySet<Role> = new Set<Role>(['ema', 'training'])

/** What stays of the first model: neither its network nor what others bring. */
function keptOf({ identity }: InputModel, added: readonly Placed[]): Component[] {
  return identity.components.filter(({ id, role }) => {
    if (role === 'unet' || role === 'marker' || NOT_NEEDED.has(role)) return false
    return !added.some(({ component }) => {
      return role === 'vae' ? component.role === 'vae' : role === 'text' && sameSelector(component.id, id)
    })
  })
}

/** @param taken keys that are in the plan already */
function addRest(
  plan: PlanBuilder,
  base: InputModel,
  kept: readonly Component[],
  dtype: DTypeChoice,
  taken: ReadonlySet<string>,
): void {
  for (const component of base.identity.components) {
    if (kept.includes(component)) addKept(plan, component, base, chosenDType(component, dtype))
    else if (component.role !== 'unet' && component.role !== 'marker')
      addDropped(plan, component, base, taken)
  }
}

function addKept(
  plan: PlanBuilder,
  component: Component,
  { file }: InputModel,
  type: OutputDType | undefined,
): void {
  checkCast(file, component, type)
  for (const tensor of tensorsOf(file, component)) {
    const after = castWeight(tensor, type)
    plan.add(component, after === tensor ? 'keep' : 'cast', tensor, after, shared.partOfModel)
  }
}

function addDropped(
  plan: PlanBuilder,
  component: Component,
  { file }: InputModel,
  taken: ReadonlySet<string>,
): void {
  for (const tensor of tensorsOf(file, component))
    if (!taken.has(tensor.name)) plan.add(component, 'drop', tensor, undefined, messages.notInPlace)
}

function leftFindings(parts: readonly Placed[]): Finding[] {
  const left = parts.flatMap((part) => part.left)
  return left.length === 0 ? [] : [info('no-place', messages.noPlace(counted(left, 'tensor')))]
}

/** What the model needs and nobody named. */
function incompleteFindings(present: readonly Component[], { identity }: InputModel): Finding[] {
  const missing = missingParts({ ...identity, components: present }).map(partTitle)
  return missing.length === 0 ? [] : [warning('join-incomplete', messages.incomplete(missing))]
}
