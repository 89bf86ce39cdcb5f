import { type BlockLabel, compareBlocks } from '../../model/networks/blocks.ts'
import { EXIT, SdtoolError } from '../../system/errors.ts'
import { messages } from './messages.ts'
import type { NetworkSide } from './sides.ts'

/** A factor for the blocks of a name or pattern. */
export interface BlockRule {
  /** As it was written: `OUT*`. */
  readonly name: string
  readonly factor: number
  readonly matches: (label: string) => boolean
}

/** Factors of single blocks. Where several rules match, the last one counts. */
export interface BlockRatios {
  readonly rules: readonly BlockRule[]
  /** The rules are a list of so many numbers, which leaves no block out that it does not know. */
  readonly list?: number
}

function numbered(kind: string, from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => kind + String(from + i).padStart(2, '0'))
}

/**
 * What the numbers of a list stand for, by their count: the blocks that LoRAs (12, 17) and LoCons (20, 26) of SDXL (12,
 * 20) and of SD 1.x and 2.x (17, 26) have. BASE is the text encoders. Source: hako-mikan/sd-webui-lora-block-weight.
 */
export const BLOCK_LISTS: Readonly<Record<number, readonly string[]>> = {
  12: ['BASE', 'IN04', 'IN05', 'IN07', 'IN08', 'M00', ...numbered('OUT', 0, 5)],
  17: ['BASE', 'IN01', 'IN02', 'IN04', 'IN05', 'IN07', 'IN08', 'M00', ...numbered('OUT', 3, 11)],
  20: ['BASE', ...numbered('IN', 0, 8), 'M00', ...numbered('OUT', 0, 8)],
  26: ['BASE', ...numbered('IN', 0, 11), 'M00', ...numbered('OUT', 0, 11)],
}

/** Names of a block in such ratios: its label, M00 for the middle, BASE for whatever is in no block of the UNet. */
export function namesOf(block: BlockLabel, side: NetworkSide): string[] {
  if (block === 'MID') return ['MID', 'M00']
  return side === 'text' ? [block, 'BASE'] : [block]
}

/** Lists of the same models, for LoRAs (to the left) and LoCons, which have all blocks. */
const LIST_OF_ALL: Readonly<Record<number, number>> = { 12: 20, 17: 26 }

function ruleFor({ rules }: BlockRatios, block: BlockLabel, side: NetworkSide): BlockRule | undefined {
  const names = namesOf(block, side)
  return rules.findLast(({ matches }) => names.some(matches))
}

/** Whether a block of a LoCon gets 0 because the list for LoRAs has no place for it. Source: lora-block-weight, `to26` */
export function isFilled(ratios: BlockRatios, block: BlockLabel, side: NetworkSide): boolean {
  const all = BLOCK_LISTS[LIST_OF_ALL[ratios.list ?? 0] ?? 0] ?? []
  return ruleFor(ratios, block, side) === undefined && namesOf(block, side).some((name) => all.includes(name))
}

/**
 * What the rules say of a block: 1 if nothing, 0 if a list for LoRAs leaves out a block that LoCons have.
 * @throws BLOCK_WITHOUT_RATIO (exit 2) for a list of other models
 */
export function blockFactor(ratios: BlockRatios, block: BlockLabel, side: NetworkSide): number {
  const { list } = ratios
  const rule = ruleFor(ratios, block, side)
  if (rule !== undefined) return rule.factor
  if (list === undefined) return 1
  if (isFilled(ratios, block, side)) return 0
  throw unsuitable(
    'BLOCK_WITHOUT_RATIO',
    messages.blockWithoutRatio(list, block),
    messages.fittingList(block),
  )
}

/** Refuses rules for blocks that the model does not have: they would silently do nothing. @throws BLOCK_UNKNOWN (exit 2) */
export function checkBlocks(
  { rules }: BlockRatios,
  blocks: readonly { readonly block: BlockLabel; readonly side: NetworkSide }[],
): void {
  const known = blocks.flatMap(({ block, side }) => namesOf(block, side))
  const stray = rules.find(({ matches }) => !known.some(matches))
  if (stray === undefined) return
  const labels = [...new Set(blocks.map(({ block }) => block))].sort(compareBlocks)
  const hasText = blocks.some(({ side }) => side === 'text')
  throw unsuitable(
    'BLOCK_UNKNOWN',
    messages.blockUnknown(stray.name),
    messages.knownBlocks(ranges(labels), hasText),
  )
}

/** IN00, IN01, IN02, MID -> IN00-IN02, MID. */
function ranges(labels: readonly BlockLabel[]): string[] {
  const kindOf = (label: BlockLabel) => label.replace(/\d+$/, '')
  return [...new Set(labels.map(kindOf))].map((kind) => {
    const own = labels.filter((label) => kindOf(label) === kind)
    return own.length === 1 ? own[0]! : `${own[0]}-${own.at(-1)}`
  })
}

function unsuitable(code: string, message: string, hint: string): SdtoolError {
  return new SdtoolError(code, message, { exitCode: EXIT.usage, hint })
}
