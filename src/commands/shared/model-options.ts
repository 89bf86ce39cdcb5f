import { DTYPE_NAMES, type DTypeChoice, type DTypeName, isDTypeName } from '../../model/dtype-choice.ts'
import { isSelector, SELECTORS, type Selector, sameSelector } from '../../model/networks/components.ts'
import { defined } from '../../system/defined.ts'
import { usage } from '../../system/errors.ts'
import type { Arguments } from '../command.ts'
import { messages } from './messages.ts'
import { list } from './options.ts'

export const DTYPE_LIST: readonly string[] = Object.keys(DTYPE_NAMES)

/** Components and roles a person can name. */
export const SELECTOR_LIST: readonly string[] = SELECTORS

/**
 * `--dtype fp16 --dtype vae=fp32,text=keep`: one type for all, others by component or role.
 * @throws USAGE (exit 2) for a word that is neither, with what it could be
 */
export function readDtypeChoice(args: Arguments): DTypeChoice {
  let all: DTypeName | undefined
  const by: Partial<Record<Selector, DTypeName>> = {}
  for (const item of list(args, 'dtype')) {
    const [left, right] = item.split('=', 2) as [string, string | undefined]
    if (right === undefined) {
      if (all !== undefined) throw usage(messages.twoTypesForAll, messages.nameComponent)
      all = dtype(left)
      continue
    }
    const name = selector(left, 'dtype')
    if ((Object.keys(by) as Selector[]).some((other) => sameSelector(other, name)))
      throw usage(messages.twoTypesFor(name), messages.giveOnce)
    by[name] = dtype(right)
  }
  return { ...defined({ all }), ...(Object.keys(by).length > 0 && { by }) }
}

function dtype(text: string): DTypeName {
  const name = text.toLowerCase()
  if (!isDTypeName(name)) throw usage(messages.unknownType(name), messages.validTypes(DTYPE_LIST.join(', ')))
  return name
}

function selector(name: string, option: string): Selector {
  if (isSelector(name)) return name
  throw usage(messages.unknownComponent(option, name), messages.validComponents(SELECTOR_LIST.join(', ')))
}

/** `--keep vae,text`. @throws USAGE (exit 2) */
export function selectors(args: Arguments, option: 'keep' | 'drop'): Selector[] {
  return list(args, option).map((name) => selector(name, option))
}
