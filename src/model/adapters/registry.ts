import type { Algorithm, Modifier, PartRole, Parts, Spelling } from './algorithm.ts'
import { boft } from './boft.ts'
import { dora } from './dora.ts'
import { full } from './full.ts'
import { glora } from './glora.ts'
import { ia3 } from './ia3.ts'
import { loha } from './loha.ts'
import { lokr } from './lokr.ts'
import { lora } from './lora.ts'
import { norm } from './norm.ts'
import { oft } from './oft.ts'
import { peftBoft } from './peft-boft.ts'
import { peftIa3 } from './peft-ia3.ts'
import { peftOft } from './peft-oft.ts'
import { setWeight } from './set-weight.ts'

/** Every algorithm. The order decides for a module that could be two: the first wins. */
export const ALGORITHMS: readonly Algorithm[] = [
  lora,
  loha,
  lokr,
  glora,
  oft,
  boft,
  ia3,
  peftOft,
  peftBoft,
  peftIa3,
  norm,
  setWeight,
  full,
]

export const MODIFIERS: readonly Modifier[] = [dora]

/** `alpha` means something else to each algorithm, so it belongs to none. */
const SHARED_SPELLINGS: readonly Spelling[] = [{ suffix: 'alpha', role: 'alpha' }]

/** Every spelling of every suffix, by the suffix. */
export const SPELLINGS: ReadonlyMap<string, Spelling> = new Map(
  [...ALGORITHMS, ...MODIFIERS]
    .flatMap((family) => family.spellings)
    .concat(SHARED_SPELLINGS)
    .map((spelling) => [spelling.suffix, spelling]),
)

/** The algorithm of a module, decided by which tensors it has (never by metadata); undefined if it is incomplete. */
export function algorithmOf(parts: Parts): Algorithm | undefined {
  return ALGORITHMS.find((algorithm) => {
    const complete = algorithm.required.some((roles) => roles.every((role) => parts.has(role)))
    return complete && (algorithm.accepts?.(parts) ?? true)
  })
}

const KNOWN_ROLES: ReadonlyMap<Algorithm, ReadonlySet<PartRole>> = new Map(
  ALGORITHMS.map((algorithm) => [algorithm, new Set([...algorithm.required.flat(), ...algorithm.optional])]),
)

/** Roles of a module that its algorithm does not know. */
export function surplusRoles(algorithm: Algorithm, parts: Parts): PartRole[] {
  const known = KNOWN_ROLES.get(algorithm)
  return [...parts.keys()].filter((role) => known?.has(role) !== true)
}
