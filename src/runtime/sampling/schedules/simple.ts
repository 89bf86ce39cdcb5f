import type { SigmaSchedule } from './schedule.ts'

/** Every n-th noise level of the training, from the highest. Source: ComfyUI and A1111, `simple_scheduler` */
export const simple: SigmaSchedule = {
  name: 'simple',
  label: 'Simple',
  aliases: [],
  sigmas: (steps, { sigmas }) => [
    ...Array.from({ length: steps }, (_, i) => sigmas.at(-1 - Math.floor((i * sigmas.length) / steps))!),
    0,
  ],
}
