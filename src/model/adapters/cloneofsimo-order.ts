/**
 * Which layer each numbered module of a cloneofsimo/lora file belongs to.
 *
 * The trainer walks the linear layers inside of attention and GEGLU modules in the order PyTorch has registered them
 * (`_find_modules_v2` in lora_diffusion/lora.py) and numbers them. That order is a matter of the diffusers version, but
 * the shapes tell the versions apart: the middle block comes last, as it is registered after the up blocks, and the
 * feed forward stood between the two attentions until diffusers 0.15. Real files of both kinds have exactly these
 * shapes. Layers of one shape (q and out, k and v) stand in the order of the source, which is the same in all
 * versions; fixtures/goldens/cloneofsimo.py walks models of two of them the same way.
 */

import { messages } from './messages.ts'
import type { AdapterModule } from './modules.ts'

interface Layer {
  readonly path: string
  readonly rows: number
  readonly columns: number
}

/** Why a file whose shapes fit none of the known orders cannot be used. */
export const cloneofsimoRefusal = (): string => messages.unknownOrder

/** Transformer blocks of the UNets of SD 1.x and 2.x in the order they are registered: their attention, their width. */
const UNET_BLOCKS: readonly (readonly [path: string, width: number])[] = [
  ...blocks('down_blocks', [320, 640, 1280], 0, 2),
  ...blocks('up_blocks', [1280, 640, 320], 1, 3),
  ['mid_block.attentions.0', 1280],
]

function blocks(
  name: string,
  widths: readonly number[],
  first: number,
  attentions: number,
): [path: string, width: number][] {
  return widths.flatMap((width, i) =>
    Array.from({ length: attentions }, (_, n): [string, number] => {
      return [`${name}.${first + i}.attentions.${n}`, width]
    }),
  )
}

/** What a transformer block has, in the order of registration: before diffusers 0.15, since, before GEGLU was trained. */
const BLOCK_ORDERS = [
  ['attn1', 'ff', 'attn2'],
  ['attn1', 'attn2', 'ff'],
  ['attn1', 'attn2'],
] as const

/** Widths of the text embedding: SD 1.x, SD 2.x. */
const CONTEXTS = [768, 1024]

function unetOrders(): Layer[][] {
  return BLOCK_ORDERS.flatMap((order) =>
    CONTEXTS.map((context) =>
      UNET_BLOCKS.flatMap(([path, width]) =>
        order.flatMap((part) => blockLayers(`${path}.transformer_blocks.0`, part, width, context)),
      ),
    ),
  )
}

function blockLayers(block: string, part: 'attn1' | 'ff' | 'attn2', width: number, context: number): Layer[] {
  if (part === 'ff') return [{ path: `${block}.ff.net.0.proj`, rows: 8 * width, columns: width }]
  const other = part === 'attn2' ? context : width
  return [
    { path: `${block}.${part}.to_q`, rows: width, columns: width },
    { path: `${block}.${part}.to_k`, rows: width, columns: other },
    { path: `${block}.${part}.to_v`, rows: width, columns: other },
    { path: `${block}.${part}.to_out.0`, rows: width, columns: width },
  ]
}

/** Layers and width of the text encoders of SD 1.x and 2.x. */
const TEXT_ENCODERS = [
  [12, 768],
  [23, 1024],
] as const

function textOrders(): Layer[][] {
  return TEXT_ENCODERS.map(([layers, width]) =>
    Array.from({ length: layers }, (_, n) =>
      ['k_proj', 'v_proj', 'q_proj', 'out_proj'].map((name) => {
        return { path: `text_model.encoder.layers.${n}.self_attn.${name}`, rows: width, columns: width }
      }),
    ).flat(),
  )
}

/**
 * The modules of a cloneofsimo file with the paths of their layers, as diffusers and transformers name them. Undefined if
 * they are not numbered without gaps, or their shapes do not fit exactly one order.
 */
export function namedByOrder(modules: readonly AdapterModule[]): AdapterModule[] | undefined {
  const unet = modules.filter(({ target }) => target === 'unet')
  const text = modules.filter(({ target }) => target === 'te1')
  if (unet.length + text.length !== modules.length) return undefined
  const named = [withPaths(unet, unetOrders()), withPaths(text, textOrders())]
  return named.every((group) => group !== undefined) ? named.flat() : undefined
}

function withPaths(
  modules: readonly AdapterModule[],
  orders: readonly (readonly Layer[])[],
): AdapterModule[] | undefined {
  if (modules.length === 0) return []
  const sorted = modules.toSorted((a, b) => numberOf(a) - numberOf(b))
  if (sorted.some((module, i) => numberOf(module) !== i)) return undefined
  const [order, another] = orders.filter((order) => fits(sorted, order))
  if (order === undefined || another !== undefined) return undefined
  return sorted.map((module, i) => ({ ...module, path: order[i]!.path }))
}

/** Whether a module has a number for a path, as in a file whose order is not known. */
export function isNumbered({ dialect, path, name }: AdapterModule): boolean {
  return dialect === 'cloneofsimo' && path === name
}

/** `unet:12`, and `12` of a list without names. */
function numberOf({ name }: AdapterModule): number {
  return Number(/\d+$/.exec(name)?.[0])
}

function fits(modules: readonly AdapterModule[], order: readonly Layer[]): boolean {
  return (
    modules.length === order.length &&
    modules.every(({ shape }, i) => shape.rows === order[i]!.rows && shape.columns === order[i]!.columns)
  )
}
