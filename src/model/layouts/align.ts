/** A diffusion transformer under the names that another file has for the same one. */
import { renamed } from '../../tensor/values/expr.ts'
import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import type { Identity } from '../identity.ts'
import type { Model } from '../model.ts'
import { architectureById } from '../networks/architectures/registry.ts'
import { type Component, measure } from '../networks/components.ts'
import type { DitLayout, DitNetwork } from '../networks/template/network.ts'
import { otherSpelling } from '../networks/template/template.ts'
import { localsOf } from './component.ts'
import { ditInLayout, spelledAsWeight } from './dit.ts'

/** Tensors, and what they are. */
export interface Identified {
  readonly table: TensorTable
  readonly identity: Identity
}

/** Where the transformer of a file stands, and how its tensors are named. */
interface Laid {
  readonly component: Component
  readonly network: DitNetwork
  readonly layout: DitLayout
}

/**
 * The same tensors, those of the transformer with the prefix, in the layout and in the spelling of another file. As they
 * are where the two are not transformers of one architecture.
 * @throws LAYOUT_MISFIT, SCALED_FP8, QUANTISED (exit 3)
 */
export function namedAs(own: Identified, like: Identified): Identified {
  const [from, to] = [laidOf(own.identity), laidOf(like.identity)]
  if (from === undefined || to === undefined || from.network !== to.network) return own
  const { prefix } = to.component
  const { tensors, left } = relaid(own.table, from, to.layout)
  const names = new Map([...tensors.keys()].map((name) => [name, spelledIn(like.table, prefix, name)]))
  const isSame = from.layout === to.layout && left.length === 0 && from.component.prefix === prefix
  if (isSame && [...names.values()].every((name) => own.table.tensors.has(prefix + name))) return own
  const placed = [...tensors].map(([name, tensor]) => renamed(tensor, prefix + names.get(name)!))
  return withComponent(own, from.component, { ...placedIn(to), tensors: placed })
}

/** Names of a transformer that programs other than diffusers read: those of its authors, or as ComfyUI saves them. */
export type NativeSpelling = 'native' | 'comfyui'

/**
 * A model whose transformer has native names; the same model where it has them. Where the names of the family are not known
 * in both layouts, it is the same, too.
 * @throws LAYOUT_MISFIT, SCALED_FP8, QUANTISED (exit 3)
 */
export function withNativeNames<M extends Model>(model: M, spelling?: NativeSpelling): M {
  const from = laidOf(model.identity)
  if (from === undefined || (spelling === undefined && from.layout === 'ldm')) return model
  const { prefix } = from.component
  const native = relaid(model.file, from, 'ldm').tensors
  const spelled = spelling === 'comfyui' ? spelledAsWeight(native, from.network) : native
  const placed = [...spelled.values()].map((tensor) => renamed(tensor, prefix + tensor.name))
  if (from.layout === 'ldm' && placed.every(({ name }) => model.file.tensors.has(name))) return model
  const identified = { table: model.file, identity: model.identity }
  return inModel(model, withComponent(identified, from.component, { prefix, layout: 'ldm', tensors: placed }))
}

/** Whether the transformer of a model has names that are known in both layouts. */
export function hasBothLayouts({ identity }: Model): boolean {
  return laidOf(identity) !== undefined
}

/** As `namedAs`, of whole models. @throws LAYOUT_MISFIT, SCALED_FP8, QUANTISED (exit 3) */
export function modelNamedAs<M extends Model>(model: M, like: Model): M {
  const own = { table: model.file, identity: model.identity }
  const named = namedAs(own, { table: like.file, identity: like.identity })
  return named === own ? model : inModel(model, named)
}

function inModel<M extends Model>(model: M, { table, identity }: Identified): M {
  return { ...model, file: { ...model.file, tensors: table.tensors }, identity }
}

function laidOf({ architecture, components }: Identity): Laid | undefined {
  const network = architectureById(architecture?.id ?? '')?.network
  const component = components.find(({ id }) => id === 'dit')
  if (network?.kind !== 'dit' || network.diffusers === undefined || component === undefined) return undefined
  return { component, network, layout: component.layout === 'diffusers' ? 'diffusers' : 'ldm' }
}

/** Tensors without a place in the layout keep their names. */
function relaid(table: TensorTable, { component, network, layout }: Laid, to: DitLayout) {
  const locals = localsOf(table, component)
  const { tensors, left } = ditInLayout(locals, network, layout, to)
  return { tensors: new Map([...tensors, ...left.map((name) => [name, locals.get(name)!] as const)]), left }
}

function spelledIn({ tensors }: TensorTable, prefix: string, name: string): string {
  const other = otherSpelling(name)
  return other !== undefined && !tensors.has(prefix + name) && tensors.has(prefix + other) ? other : name
}

interface Placed {
  readonly prefix: string
  readonly layout: Component['layout']
  readonly tensors: readonly Tensor[]
}

function placedIn({ component: { prefix, layout } }: Laid): Omit<Placed, 'tensors'> {
  return { prefix, layout }
}

/** @param component whose tensors others take the place of */
function withComponent(
  { table, identity }: Identified,
  component: Component,
  { prefix, layout, tensors }: Placed,
): Identified {
  const gone = new Set(component.names)
  const kept = [...table.tensors].filter(([name]) => !gone.has(name))
  const { match: _, layout: __, ...rest } = component
  const other: Component = { ...rest, prefix, ...(layout && { layout }), ...measure(tensors) }
  return {
    table: { ...table, tensors: new Map([...kept, ...tensors.map((one) => [one.name, one] as const)]) },
    identity: {
      ...identity,
      components: identity.components.map((one) => (one === component ? other : one)),
    },
  }
}
