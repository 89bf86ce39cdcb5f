import type { AdapterInfo } from '../../model/adapters/info.ts'
import type { DTypeChoice } from '../../model/dtype-choice.ts'
import type { ValueReader } from '../../model/identify/evidence.ts'
import { usage } from '../../system/errors.ts'
import type { TensorTable } from '../../tensor/values/table.ts'
import type { BlockRatios } from './block-ratios.ts'
import { messages } from './messages.ts'
import type { NetworkSide } from './sides.ts'

/** How strongly an adapter is applied: 1 is full. */
export interface LoraRatio {
  /** For the UNet or diffusion transformer. */
  readonly unet: number
  /** For all text encoders. */
  readonly text: number
}

/** What happens to an EMA copy of weights that change. */
export const EMA_USES = ['drop', 'patch'] as const

/** @throws USAGE (exit 2) where nothing would change */
export function checkRatios(ratios: readonly LoraRatio[]): void {
  if (ratios.every(({ unet, text }) => unet === 0 && text === 0))
    throw usage(messages.allRatiosZero, messages.giveRatio)
}

/** An adapter to be merged. */
export interface LoraInput {
  /** As people know it: the path that was given. */
  readonly name: string
  readonly table: TensorTable
  readonly adapter: AdapterInfo
  readonly ratio: LoraRatio
  /** Of single blocks, times that of their side. */
  readonly blocks?: BlockRatios
  /** Reads the values of small tensors of its file. */
  readonly read: ValueReader
}

/** Which names an option means. */
export interface NamePattern {
  /** As it was written. */
  readonly text: string
  readonly matches: (name: string) => boolean
}

export interface MergeLoraPlanOptions {
  readonly dtype?: DTypeChoice
  readonly only?: NetworkSide
  /** Modules of which the name or the key in the checkpoint fits one of these, if there are any. */
  readonly include?: readonly NamePattern[]
  readonly exclude?: readonly NamePattern[]
  /** Leave out what fits nowhere, instead of refusing it. */
  readonly allowUnmatched?: boolean
  /** What becomes of an EMA copy of weights that change; it is left out unless it is to change with them. */
  readonly ema?: (typeof EMA_USES)[number]
}
