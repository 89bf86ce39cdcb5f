/** Blocks by the numbers in the names of a network: all that is known of one whose family is not. */

/** The blocks of one kind in a family: `{ path: 'noise_refiner', label: 'N' }` calls `noise_refiner.1.` N01. */
export interface BlockRow {
  /** What stands before the number, without a dot behind it. */
  readonly path: string
  /** A kind of `BLOCK_KINDS`, or one of the family's own: capital letters. */
  readonly label: string
}

/** Names a block after a row that the key lies in. */
export function labelByRows(key: string, rows: readonly BlockRow[]): string | undefined {
  for (const { path, label } of rows) {
    if (!key.startsWith(`${path}.`)) continue
    const [number] = key.slice(path.length + 1).split('.', 1)
    if (RE_NUMBER.test(number!)) return label + number!.padStart(2, '0')
  }
  return undefined
}

/** Without leading zeros, so that no two names make one label. */
const RE_NUMBER = /^(?:0|[1-9]\d{0,4})$/
/** Labels are typed in options and printed in tables. */
const RE_STEP = /^[\w-]{1,64}$/
/** Steps of a name that are looked at. */
const MAX_STEPS = 12
/** Blocks of one network; names that are numbered further are no blocks. */
export const MAX_BLOCKS = 1000

/** A number in a name. */
interface Numbered {
  /** The steps before it. */
  readonly path: string
  readonly number: string
  /** Layers stand behind it (`layers.3.mlp.weight`), not only tensors of one layer (`mlp.3.weight`). */
  readonly hasLayers: boolean
}

function numbersIn(key: string): Numbered[] {
  const steps = key.split('.', MAX_STEPS)
  const found: Numbered[] = []
  for (const [i, number] of steps.entries()) {
    if (!RE_STEP.test(number)) return found
    if (!RE_NUMBER.test(number) || i === steps.length - 1) continue
    found.push({ path: steps.slice(0, i).join('.'), number, hasLayers: steps.length - i > 2 })
  }
  return found
}

/** Numbers behind one path. */
interface NumberedList {
  readonly all: Set<string>
  readonly withLayers: Set<string>
}

function listsOf(keys: Iterable<string>): Map<string, NumberedList> {
  const lists = new Map<string, NumberedList>()
  for (const key of keys) {
    for (const { path, number, hasLayers } of numbersIn(key)) {
      const list = lists.get(path) ?? { all: new Set(), withLayers: new Set() }
      lists.set(path, list)
      list.all.add(number)
      if (hasLayers) list.withLayers.add(number)
    }
  }
  return lists
}

/**
 * Labels of a network by its own numbering: the path before the number, and the number: `layers.12`,
 * `double_stream_blocks.4`; undefined for what is in no block. Of several numbers in a name (`model.1.sub.7.conv`) it is the
 * first behind which two or more of a list have layers of their own. In a network without such lists, one is enough; and one
 * without that is a row of layers (`body.7.weight`), each of which is a block.
 * @param keys of the whole network, as its tensors are called
 */
export function numberedBlocks(keys: Iterable<string>): (key: string) => string | undefined {
  const all = [...keys]
  const lists = listsOf(all)
  const isBlocks = CHOICES.find((isChosen) => [...lists.values()].some(isChosen)) ?? (() => false)
  const labelOf = (key: string): string | undefined => {
    const chosen = numbersIn(key).find(({ path }) => isBlocks(lists.get(path) ?? NO_LIST))
    if (chosen === undefined) return undefined
    return chosen.path === '' ? chosen.number : `${chosen.path}.${chosen.number}`
  }
  const labels = new Set(all.map(labelOf))
  return labels.size > MAX_BLOCKS ? () => undefined : labelOf
}

/** What a list of blocks is: the first of these that a network has. */
const CHOICES: readonly ((list: NumberedList) => boolean)[] = [
  ({ withLayers }) => withLayers.size > 1,
  ({ withLayers }) => withLayers.size > 0,
  ({ all }) => all.size > 1,
]

const NO_LIST: NumberedList = { all: new Set(), withLayers: new Set() }

/** `layers_3_attention_out` as `layers.3.attention_out`: the numbers of a name without dots. */
export function withNumberSteps(flat: string): string {
  return flat.replace(/_(?=\d+(?:_|$))/g, '.').replace(/(?<=\.\d{1,5})_/g, '.')
}
