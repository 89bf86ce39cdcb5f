import { SdtoolError } from '../../system/errors.ts'
import type { NetworkPrecision } from '../engine/engine.ts'

/**
 * @param title of the network: "UNet"
 * @throws NOT_FINITE when a value is NaN or infinite
 */
export function checkFiniteValues(
  values: Float32Array,
  { title, precision }: { readonly title: string; readonly precision: NetworkPrecision },
): void {
  const bad = values.reduce((count, value) => (Number.isFinite(value) ? count : count + 1), 0)
  if (bad === 0) return
  const message = `the ${title} gave NaN or infinity in ${bad} of ${values.length} values`
  throw new SdtoolError('NOT_FINITE', message, {
    hint:
      precision === 'fp16'
        ? 'Its numbers leave the range of fp16: use --precision fp32.'
        : 'Its weights are damaged, or were rounded to fp16 out of range: sdtool inspect counts them.',
  })
}
