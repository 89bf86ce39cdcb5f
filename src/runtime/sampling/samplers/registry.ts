import type { Sampler } from '../sampler.ts'
import { ddim } from './ddim.ts'
import { dpm2 } from './dpm2.ts'
import { dpm2Ancestral } from './dpm2-a.ts'
import { dpmpp2m } from './dpmpp-2m.ts'
import { dpmpp2mSde } from './dpmpp-2m-sde.ts'
import { dpmpp2sAncestral } from './dpmpp-2s-a.ts'
import { dpmpp3mSde } from './dpmpp-3m-sde.ts'
import { dpmppSde } from './dpmpp-sde.ts'
import { euler } from './euler.ts'
import { eulerAncestral } from './euler-a.ts'
import { heun } from './heun.ts'
import { lcm } from './lcm.ts'
import { plms } from './plms.ts'
import { unipc } from './unipc.ts'

/** Every sampler, in the order of `--help`. A new one is a file and a line here. */
export const SAMPLERS: readonly Sampler[] = [
  euler,
  eulerAncestral,
  heun,
  dpm2,
  dpm2Ancestral,
  dpmpp2sAncestral,
  dpmpp2m,
  dpmpp2mSde,
  dpmppSde,
  dpmpp3mSde,
  ddim,
  plms,
  unipc,
  lcm,
]

/** By its name, the one A1111 shows, or those of other programs: case, spaces, `_` and `-` make no difference. */
export function findSampler(name: string): Sampler | undefined {
  const wanted = folded(name)
  return SAMPLERS.find(({ name, label, aliases }) =>
    [name, label, ...aliases].some((own) => folded(own) === wanted),
  )
}

/** `DPM++ 2M` and `dpmpp_2m` are one. */
export function folded(name: string): string {
  return name
    .toLowerCase()
    .replaceAll('+', 'p')
    .replaceAll(/[^a-z0-9]/g, '')
}
