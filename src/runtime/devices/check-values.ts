import { SdtoolError } from '../../system/errors.ts'
import type { NetworkPrecision } from '../engine/engine.ts'
import { messages } from './messages.ts'

/**
 * @param title of the network: "UNet"
 * @throws NOT_FINITE (exit 1) when a value is NaN or infinite
 */
export function checkFiniteValues(
  values: Float32Array,
  { title, precision }: { readonly title: string; readonly precision: NetworkPrecision },
): void {
  const bad = values.reduce((count, value) => (Number.isFinite(value) ? count : count + 1), 0)
  if (bad === 0) return
  const message = messages.notFinite(title, bad, values.length)
  throw new SdtoolError('NOT_FINITE', message, {
    hint: precision === 'fp16' ? messages.useFp32 : messages.damagedWeights,
  })
}
