import type { Architecture, DenoisingNetwork } from './architectures/architecture.ts'

/**
 * Kinds of blocks, in the order a prompt goes through a model. A label is the kind and, where there are several,
 * two digits: `IN04`, `MID`, `TE11`. `BASE` is what lies in no block.
 */
export const BLOCK_KINDS = {
  EMB: 'embeddings of a text encoder',
  TE: 'layers of a text encoder',
  FINAL: 'last norm and projection of a text encoder',
  IN: 'way down of a UNet',
  MID: 'middle of a UNet',
  OUT: 'way up of a UNet',
  D: 'double blocks of Flux',
  S: 'single blocks of Flux',
  J: 'joint blocks of SD3',
  ENC: 'encoder of a VAE',
  DEC: 'decoder of a VAE',
  BASE: 'everything else',
} as const

export type BlockKind = keyof typeof BLOCK_KINDS

/** Label of a block; those of a UNet are the ones of block-weighted merges, but for its middle, which they call M00. */
export type BlockLabel = BlockKind | `${BlockKind}${number}`

type Rule = readonly [pattern: RegExp, kind: BlockKind]

/** Keys inside a component whose number, if the pattern catches one, is that of the block. First match wins. */
const RULES: readonly Rule[] = [
  [/^input_blocks\.(\d+)\./, 'IN'],
  [/^(?:middle_block|mid_block)\./, 'MID'],
  [/^output_blocks\.(\d+)\./, 'OUT'],
  [/^double_blocks\.(\d+)\./, 'D'],
  [/^single_blocks\.(\d+)\./, 'S'],
  [/^joint_blocks\.(\d+)\./, 'J'],
  [/^(?:text_model\.)?encoder\.layers\.(\d+)\./, 'TE'],
  [/^transformer\.resblocks\.(\d+)\./, 'TE'],
  [/^encoder\.block\.(\d+)\./, 'TE'], // T5
  [/^(?:text_model\.)?embeddings\.|^token_embedding\.|^positional_embedding$|^shared\./, 'EMB'],
  [/^(?:text_model\.|encoder\.)?final_layer_norm\.|^ln_final\.|^text_projection\b|^logit_scale$/, 'FINAL'],
  [/^(?:encoder|quant_conv)\./, 'ENC'],
  [/^(?:decoder|post_quant_conv)\./, 'DEC'],
]

/** Outside of the blocks of a UNet, in both layouts: supermerger's choice; sd-mecha counts them as BASE. */
const RE_FIRST = /^(?:time_embed|label_emb|conv_in|time_embedding|add_embedding|class_embedding)\./
const RE_LAST = /^(?:out|conv_norm_out|conv_out)\./

const RE_DIFFUSERS = /^(down|up)_blocks\.(\d+)\.(?:(?:resnets|attentions)\.(\d+)|(down|up)samplers)\./

/** The UNet of an unknown model is numbered as that of SD 1.x. */
const SD1_LEVELS = 4
const SD1_RES_BLOCKS = 2

/** Levels of a UNet, and its res blocks on each of them on the way down. */
function unetSize(network: DenoisingNetwork | undefined): { levels: number; resBlocks: number } {
  return network?.kind === 'unet'
    ? { levels: network.config.widths.length, resBlocks: network.config.resBlocks }
    : { levels: SD1_LEVELS, resBlocks: SD1_RES_BLOCKS }
}

/**
 * Label of the block a key belongs to: `IN04`, `MID`, `OUT11`, `TE07`, `ENC`; `D07`, `S31` in Flux, `J23` in SD3;
 * `BASE` for what is in none. Embeddings of time and labels count as `IN00`, the last convolution of a UNet as its
 * last `OUT`.
 * @param key inside its component, without the prefix; UNets in ldm or diffusers layout
 */
export function blockOf(key: string, architecture?: Pick<Architecture, 'network'>): BlockLabel {
  const { levels, resBlocks } = unetSize(architecture?.network)
  if (RE_FIRST.test(key)) return numbered('IN', 0)
  if (RE_LAST.test(key)) return numbered('OUT', levels * (resBlocks + 1) - 1)
  for (const [pattern, kind] of RULES) {
    const match = pattern.exec(key)
    if (match !== null) return match[1] === undefined ? kind : numbered(kind, Number(match[1]))
  }
  return diffusersBlock(key, resBlocks) ?? 'BASE'
}

/** On the way down a level is its res blocks and a downsampler, behind `conv_in`; on the way up there is one res block more. */
function diffusersBlock(key: string, resBlocks: number): BlockLabel | undefined {
  const match = RE_DIFFUSERS.exec(key)
  if (match === null) return undefined
  const [, side, level, index] = match
  const first = Number(level) * (resBlocks + 1)
  // the sampler stands behind the last res block; on the way up it is part of that block
  const step = index === undefined ? resBlocks : Number(index)
  return side === 'down' ? numbered('IN', first + step + 1) : numbered('OUT', first + step)
}

/** Every block of the UNet of an architecture, in order: `IN00` ... `MID` ... `OUT11`; none for transformers. */
export function unetBlocks({ network }: Pick<Architecture, 'network'>): BlockLabel[] {
  if (network.kind !== 'unet') return []
  const { levels, resBlocks } = unetSize(network)
  const side = (kind: BlockKind) =>
    Array.from({ length: levels * (resBlocks + 1) }, (_, n) => numbered(kind, n))
  return [...side('IN'), 'MID', ...side('OUT')]
}

function numbered(kind: BlockKind, n: number): BlockLabel {
  return `${kind}${String(n).padStart(2, '0')}` as BlockLabel
}

const ORDER = Object.keys(BLOCK_KINDS)

/** Puts labels into the order of `BLOCK_KINDS`, then of their numbers. */
export function compareBlocks(a: BlockLabel, b: BlockLabel): number {
  const kind = (label: string) => ORDER.indexOf(label.replace(/\d+$/, ''))
  const number = (label: string) => Number(/\d+$/.exec(label)?.[0] ?? 0)
  return kind(a) - kind(b) || number(a) - number(b)
}
