/**
 * Networks as tables: one row for each layer of a block, from which keys, shapes, widths and numbers of blocks follow.
 *
 * A path may hold one counter, `double_blocks.{double}.img_mod`, and choices, `{img,txt}_attn.qkv`. A counter without a
 * condition counts: a network has as many blocks as there are numbers from 0 on. With one it goes over some of the blocks
 * that another row has counted: `{joint<last}`, `{joint=last}`, `{joint>=dual}`.
 *
 * A shape is a list of sizes, each a sum of named numbers with factors: `3hidden hidden`, `hidden+2kv hidden`.
 */

/** Numbers of a network: widths, numbers of blocks by the name of their counter, and 1 or 0 for a part it may have. */
export type Dims = Readonly<Record<string, number>>

/** `factor` times a named number, or a constant. */
interface SizeTerm {
  readonly factor: number
  readonly dim?: string
}

/** A sum of terms. */
export type Size = readonly SizeTerm[]

export interface Row {
  /** Without choices; a key itself where the row is a parameter. */
  readonly path: string
  readonly shape: readonly Size[]
  /** Last part of the key of the weight; a parameter has none. */
  readonly leaf?: 'weight' | 'scale'
  /** It has a bias as long as the first size. */
  readonly bias: boolean
  /** Name of the part of the network that it belongs to, where not every network has it. */
  readonly part?: string
}

const RE_CHOICE = /\{([^{}]*,[^{}]*)\}/

/** Every path that a path with choices stands for. */
export function choicesOf(path: string): string[] {
  const found = RE_CHOICE.exec(path)
  if (found === null) return [path]
  const [before, after] = [path.slice(0, found.index), path.slice(found.index + found[0].length)]
  return found[1]!.split(',').flatMap((choice) => choicesOf(before + choice + after))
}

const RE_TERM = /^(\d+)?([a-z]\w*)?$/i

/** Few different ones stand in all tables, thousands of times. */
const sizes = new Map<string, Size>()

export function sizeOf(text: string): Size {
  const known = sizes.get(text) ?? parsedSize(text)
  sizes.set(text, known)
  return known
}

function parsedSize(text: string): Size {
  return text.split('+').map((term) => {
    const [, factor, dim] = RE_TERM.exec(term) ?? []
    if (factor === undefined && dim === undefined) throw new TypeError(`"${term}" is not a size`)
    return { factor: Number(factor ?? 1), ...(dim !== undefined && { dim }) }
  })
}

function rows(path: string, shape: string, more: Pick<Row, 'leaf' | 'bias'>): Row[] {
  const sizes = shape.split(' ').map(sizeOf)
  return choicesOf(path).map((one) => ({ path: one, shape: sizes, ...more }))
}

/** Weight and bias: a linear layer `out in`, a convolution `out in height width`, a layer norm `channels`. */
export function layer(path: string, shape: string): Row[] {
  return rows(path, shape, { leaf: 'weight', bias: true })
}

/** A weight without a bias: a matrix, or an RMS norm. */
export function weight(path: string, shape: string): Row[] {
  return rows(path, shape, { leaf: 'weight', bias: false })
}

/** An RMS norm whose weight is called `scale`; ComfyUI saves it as `weight`. */
export function scale(path: string, shape: string): Row[] {
  return rows(path, shape, { leaf: 'scale', bias: false })
}

/** A tensor under a name of its own. */
export function parameter(path: string, shape: string): Row[] {
  return rows(path, shape, { bias: false })
}

/** Rows of a part that not every network of the family has: its name is a number of 1 or 0. */
export function optional(part: string, ...groups: readonly Row[][]): Row[] {
  return groups.flat().map((row) => ({ ...row, part }))
}
