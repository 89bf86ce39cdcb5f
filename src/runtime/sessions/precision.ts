import type { EngineOptions, Precision } from '../engine/engine.ts'

/** Half the memory, and on most cards twice the speed, where the device can. */
export function precisionFor({ precision, device }: EngineOptions): Precision {
  return precision ?? (device.half ? 'fp16' : 'fp32')
}
