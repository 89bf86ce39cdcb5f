import type { SigmaSchedule } from './schedule.ts'

/** Timesteps 1, 1 + s, 1 + 2s .. ("leading"). Source: ComfyUI and A1111, `ddim_scheduler` */
export const ddim: SigmaSchedule = {
  name: 'ddim',
  label: 'DDIM',
  aliases: ['ddim_uniform', 'leading'],
  sigmas: (steps, { sigmas }) => {
    const stride = Math.max(Math.floor(sigmas.length / steps), 1)
    const count = Math.ceil((sigmas.length - 1) / stride)
    return [...Array.from({ length: count }, (_, i) => sigmas[1 + (count - 1 - i) * stride]!), 0]
  },
}
