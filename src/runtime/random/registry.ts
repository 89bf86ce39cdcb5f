import type { Gaussian, Seed } from './gaussian.ts'
import { philoxGaussian } from './philox.ts'
import { torchCpuGaussian } from './torch-cpu.ts'

/** Where noise comes from. A new source is a file and a line here. */
export const RNGS = {
  cpu: { label: 'CPU', gaussian: torchCpuGaussian },
  nv: { label: 'NV', gaussian: philoxGaussian },
} as const satisfies Record<string, { readonly label: string; gaussian(seed: Seed): Gaussian }>

export type RngName = keyof typeof RNGS
