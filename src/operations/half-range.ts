/** Networks that are put into a type in which they cannot be run. */
import { warning } from '../model/finding.ts'
import type { Model } from '../model/model.ts'
import { messages } from './messages.ts'
import type { Plan } from './plan.ts'

/** The plan, with a finding where it makes weights F16 whose network overflows in F16. */
export function withHalfRange<P extends Plan>(plan: P, { file, identity }: Model): P {
  const why = identity.architecture?.fp16Overflows
  const denoiser = identity.components.find(({ role }) => role === 'unet')
  if (why === undefined || denoiser === undefined) return plan
  const isMadeHalf = denoiser.names.some((name) => {
    return plan.table.tensors.get(name)?.dtype === 'F16' && file.tensors.get(name)?.dtype !== 'F16'
  })
  if (!isMadeHalf) return plan
  return { ...plan, findings: [...plan.findings, warning('fp16-overflow', messages.fp16Overflow(why))] }
}
