/** The strength of a module, where another naming keeps it. */
import { matrixOf, scaled } from '../../../tensor/algebra/matrix.ts'
import type { Tensor } from '../../../tensor/values/table.ts'
import type { Parts } from '../../adapters/algorithm.ts'
import { alphaScale } from '../../adapters/factors.ts'
import { loraScale } from '../../adapters/lora.ts'
import type { PlacedLora } from '../modules.ts'

/** Algorithms whose change is multiplied by alpha / rank. */
const SCALED: ReadonlySet<string> = new Set(['lora', 'loha', 'lokr'])

/** alpha / rank, or what takes its place; undefined where nothing scales the change. */
export function strengthOf({ module: { algorithm, parts }, numbers }: PlacedLora): number | undefined {
  if (!SCALED.has(algorithm.id)) return undefined
  return algorithm.id === 'lora'
    ? loraScale(parts, numbers)
    : alphaScale(parts, numbers, algorithm.rank?.(parts))
}

/**
 * Whether a factor only moves the exponents of numbers, so that their type holds the product exactly. Small numbers of
 * binary16 have no room below.
 */
function isExact(factor: number, { dtype }: Tensor): boolean {
  const isPowerOfTwo = factor !== 0 && Number.isInteger(Math.log2(Math.abs(factor)))
  return isPowerOfTwo && (dtype !== 'F16' || Math.abs(factor) >= 1)
}

/**
 * The factors with the strength multiplied into them. They stay in their type where that is exact, and become F32 where it
 * is not: what half precision would round away is more than a file of twice the size costs.
 */
export function withStrength(parts: Parts, strength: number): Parts {
  if (strength === 1) return parts
  return new Map(
    [...parts].map(([role, tensor]) => [role, SCALED_ROLES.has(role) ? times(tensor, strength) : tensor]),
  )
}

/** PEFT scales the bias of up along. */
const SCALED_ROLES: ReadonlySet<string> = new Set(['lora_up', 'lora_up_bias'])

function times(tensor: Tensor, factor: number): Tensor {
  const dtype = isExact(factor, tensor) ? tensor.dtype : 'F32'
  return {
    ...tensor,
    dtype,
    source: { kind: 'patched', base: tensor, value: scaled(factor, matrixOf(tensor)) },
  }
}
