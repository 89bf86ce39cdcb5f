import { bakeVae } from './bake-vae/bake-vae.ts'
import { loraMerge } from './lora-merge/lora-merge.ts'
import { merge } from './merge/merge.ts'
import type { AnyOperation } from './operation.ts'
import { prune } from './prune/prune.ts'

/** Every operation. A new one is a folder and a line here. */
export const OPERATIONS: readonly AnyOperation[] = [prune, merge, bakeVae, loraMerge]

export function operationOf(verb: string): AnyOperation | undefined {
  return OPERATIONS.find((operation) => operation.verb === verb)
}
