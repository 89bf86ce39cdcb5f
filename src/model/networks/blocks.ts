import type { Architecture, DenoisingNetwork } from './architectures/architecture.ts'
import type { Role } from './components.ts'
import { labelByRows, numberedBlocks } from './numbered-blocks.ts'
import { type ListName, listNames } from './template/network.ts'

/**
 * Kinds of blocks, in the order a prompt goes through a model. A label is the kind and, where there are several,
 * two digits: `IN04`, `MID`, `TE11`. `BASE` is what lies in no block. Families may have kinds of their own, see `BlockRow`;
 * blocks of what is not known are called as in the file: `layers.12`.
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
  N: 'noise refiner of Lumina 2 and Z-Image',
  C: 'context refiner of Lumina 2 and Z-Image',
  L: 'layers of Lumina 2 and Z-Image',
  T: 'transformer blocks of Qwen-Image',
  B: 'blocks of Wan',
  ENC: 'encoder of a VAE',
  DEC: 'decoder of a VAE',
  BASE: 'everything else',
} as const

export type BlockKind = keyof typeof BLOCK_KINDS

/** Label of a block; those of a UNet are the ones of block-weighted merges, but for its middle, which they call M00. */
export type BlockLabel = string

type Rule = readonly [pattern: RegExp, kind: BlockKind]

/** Of a network that has blocks of a UNet. */
const UNET_RULES: readonly Rule[] = [
  [/^input_blocks\.(\d{1,5})\./, 'IN'],
  [/^(?:middle_block|mid_block)\./, 'MID'],
  [/^output_blocks\.(\d{1,5})\./, 'OUT'],
]
const RE_UNET = /^(?:input_blocks|down_blocks)\./

const TRANSFORMER_RULES: readonly Rule[] = [
  [/^double_blocks\.(\d{1,5})\./, 'D'],
  [/^single_blocks\.(\d{1,5})\./, 'S'],
  [/^joint_blocks\.(\d{1,5})\./, 'J'],
]

const TEXT_RULES: readonly Rule[] = [
  [/^(?:text_model\.)?encoder\.layers\.(\d{1,5})\./, 'TE'],
  [/^transformer\.resblocks\.(\d{1,5})\./, 'TE'],
  [/^encoder\.block\.(\d{1,5})\./, 'TE'], // T5
  [/^(?:model\.)?layers\.(\d{1,5})\./, 'TE'], // Llama and its relatives
  [
    /^(?:text_model\.)?embeddings\.|^token_embedding\.|^positional_embedding$|^shared\.|^(?:model\.)?embed_tokens\./,
    'EMB',
  ],
  [
    /^(?:text_model\.|encoder\.)?final_layer_norm\.|^ln_final\.|^text_projection\b|^logit_scale$|^(?:model\.)?norm\.|^lm_head\./,
    'FINAL',
  ],
]

const VAE_RULES: readonly Rule[] = [
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

/** The label of the block that a key belongs to. Keys are inside the component, without its prefix. */
export type BlockNames = (key: string) => BlockLabel

/**
 * Labels of the blocks of a network: `IN04`, `MID`, `OUT11`, `TE07`, `ENC`; `D07`, `S31` in Flux, `J23` in SD3; those of a
 * family's own table; `layers.12`, as the file numbers them, for what is not known; `BASE` for what is in none. Embeddings of
 * time and labels of a UNet count as `IN00`, its last convolution as its last `OUT`.
 * @param keys of the whole component, without its prefix; UNets in ldm or diffusers layout
 */
export function blockNames(
  role: Role,
  keys: Iterable<string>,
  architecture?: Pick<Architecture, 'network'>,
): BlockNames {
  const network = architecture?.network
  const lists = role === 'unet' && network?.kind === 'dit' ? listNames(network) : []
  const all = [...keys].map((key) => inNativeList(key, lists))
  const known = knownBlocks(role, all, network)
  const numbered = numberedBlocks(all)
  return (key) => {
    const native = inNativeList(key, lists)
    return known(native) ?? numbered(native) ?? 'BASE'
  }
}

function inNativeList(key: string, lists: readonly ListName[]): string {
  const found = lists.find(([theirs]) => key.startsWith(theirs))
  return found === undefined ? key : found[1] + key.slice(found[0].length)
}

/** Undefined for what no table names. */
function knownBlocks(
  role: Role,
  keys: readonly string[],
  network: DenoisingNetwork | undefined,
): (key: string) => BlockLabel | undefined {
  if (role === 'text') return (key) => byRules(key, TEXT_RULES)
  if (role === 'vae') return (key) => byRules(key, VAE_RULES)
  if (!DENOISERS.has(role)) return () => undefined
  const rows = network?.kind === 'dit' ? (network.blocks ?? []) : []
  const isUnet = keys.some((key) => RE_UNET.test(key))
  return (key) =>
    labelByRows(key, rows) ??
    (isUnet ? unetBlock(key, network) : undefined) ??
    byRules(key, TRANSFORMER_RULES)
}

/** Roles of networks that denoise, or are made like one. */
const DENOISERS: ReadonlySet<Role> = new Set<Role>(['unet', 'ema', 'control'])

function byRules(key: string, rules: readonly Rule[]): BlockLabel | undefined {
  for (const [pattern, kind] of rules) {
    const match = pattern.exec(key)
    if (match !== null) return match[1] === undefined ? kind : numbered(kind, Number(match[1]))
  }
  return undefined
}

function unetBlock(key: string, network: DenoisingNetwork | undefined): BlockLabel | undefined {
  const { levels, resBlocks } = unetSize(network)
  if (RE_FIRST.test(key)) return numbered('IN', 0)
  if (RE_LAST.test(key)) return numbered('OUT', levels * (resBlocks + 1) - 1)
  return byRules(key, UNET_RULES) ?? diffusersBlock(key, resBlocks)
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
  return kind + String(n).padStart(2, '0')
}

const ORDER = Object.keys(BLOCK_KINDS)

/** Puts labels into the order of `BLOCK_KINDS`, other kinds by their names before `BASE`; then of their numbers. */
export function compareBlocks(a: BlockLabel, b: BlockLabel): number {
  const [kindA, kindB] = [kindOf(a), kindOf(b)]
  if (kindA !== kindB) return place(kindA) - place(kindB) || (kindA < kindB ? -1 : 1)
  return numberOf(a) - numberOf(b)
}

function kindOf(label: BlockLabel): string {
  return label.replace(/\d+$/, '')
}

function numberOf(label: BlockLabel): number {
  return Number(/\d+$/.exec(label)?.[0] ?? 0)
}

/** `BASE` is the last one. */
function place(kind: string): number {
  const known = ORDER.indexOf(kind)
  return known < 0 ? ORDER.length - 1.5 : known
}
