import { EXIT, SdtoolError } from '../system/errors.ts'
import { checkOperation, isEncoded } from '../tensor/quantised/check.ts'
import { isFloat, type OutputDType } from '../tensor/values/dtype.ts'
import { canCast, cast } from '../tensor/values/expr.ts'
import type { Tensor, TensorTable } from '../tensor/values/table.ts'
import { messages } from './messages.ts'
import { type Component, isSelected, type Selector, sameSelector, tensorsOf } from './networks/components.ts'

/** What people write after `--dtype`. `keep` leaves every tensor as it is. */
export const DTYPE_NAMES = {
  fp32: 'F32',
  fp16: 'F16',
  bf16: 'BF16',
  fp8_e4m3fn: 'F8_E4M3',
  fp8_e5m2: 'F8_E5M2',
  keep: undefined,
} as const satisfies Record<string, OutputDType | undefined>

export type DTypeName = keyof typeof DTYPE_NAMES

export function isDTypeName(name: string): name is DTypeName {
  return Object.hasOwn(DTYPE_NAMES, name)
}

/** Types for the weights of a file: one for all, and others for components named by id or role. */
export interface DTypeChoice {
  readonly all?: DTypeName
  readonly by?: Readonly<Partial<Record<Selector, DTypeName>>>
}

/** Types of people's options by the type they stand for. */
export function dtypeName(dtype: OutputDType): DTypeName {
  const names = Object.keys(DTYPE_NAMES) as DTypeName[]
  return names.find((name) => DTYPE_NAMES[name] === dtype)!
}

/** The type a component shall have; undefined: the one it has. An id counts more than a role, a role more than all. */
export function chosenDType(component: Component, { all, by = {} }: DTypeChoice): OutputDType | undefined {
  const name = byId(by, component.id) ?? by[component.role] ?? (isWeights(component) ? all : undefined)
  return name === undefined ? undefined : DTYPE_NAMES[name]
}

function byId(by: NonNullable<DTypeChoice['by']>, id: Selector): DTypeName | undefined {
  const other = (Object.keys(by) as Selector[]).find((selector) => sameSelector(selector, id))
  return other === undefined ? undefined : by[other]
}

/** Buffers and keys nobody knows are only cast by name: their precision may be what they are there for. */
function isWeights({ id, role }: Component): boolean {
  return role !== 'schedule' && role !== 'marker' && role !== 'training' && id !== 'other'
}

/**
 * Numbers that rounding would make wrong: the `alpha` of a LoRA, which scales a whole module, and indices that a
 * merge has stored as floats.
 */
const RE_EXACT = /\.(?:alpha|position_ids)$/

/** The tensor holds weights, as opposed to integers, flags, codes and numbers that have to stay exact. */
export function isCastable(tensor: Pick<Tensor, 'name' | 'dtype' | 'quantised'>): boolean {
  return isFloat(tensor.dtype) && !RE_EXACT.test(tensor.name) && !isEncoded(tensor)
}

/** The tensor as a component of this type has it. */
export function castWeight(tensor: Tensor, dtype: OutputDType | undefined): Tensor {
  const casts = dtype !== undefined && isCastable(tensor) && canCast(tensor.dtype, dtype)
  return casts ? cast(tensor, dtype) : tensor
}

/**
 * Refuses to cast a component whose values count only together with their scales or tables.
 * @throws SCALED_FP8, QUANTISED (exit 3)
 */
export function checkCast(table: TensorTable, component: Component, dtype: OutputDType | undefined): void {
  if (dtype !== undefined)
    checkOperation('cast', tensorsOf(table, component), messages.component(component.title))
}

/**
 * Refuses names that select nothing, which would silently do nothing.
 * @throws COMPONENT_NOT_FOUND (exit 4)
 */
export function checkSelected(components: readonly Component[], selectors: readonly Selector[]): void {
  for (const selector of selectors) {
    if (components.some((component) => isSelected(component, [selector]))) continue
    const present = [...new Set(components.map(({ id }) => id))]
    throw new SdtoolError('COMPONENT_NOT_FOUND', messages.noComponent(selector), {
      exitCode: EXIT.unverified,
      hint: messages.componentsAre(present),
    })
  }
}
