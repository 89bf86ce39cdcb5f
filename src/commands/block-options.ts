import { usage } from '../errors.ts'
import { BLOCK_LISTS, type BlockRatios, type BlockRule } from '../model/merge-lora/block-ratios.ts'
import { quoted } from '../tensor/text.ts'
import type { Arguments } from './command.ts'
import { globMatcher } from './glob.ts'
import { list } from './options.ts'

/**
 * `--blocks IN04=0.5,OUT*=0`, or a list of 12, 17, 20 or 26 numbers. Undefined without the option.
 * @throws USAGE
 */
export function blockRatios(args: Arguments): BlockRatios | undefined {
  const items = list(args, 'blocks').map((item) => item.trim())
  if (items.length === 0) return undefined
  return items.some((item) => item.includes('=')) ? { rules: items.map(namedRule) } : listed(items)
}

function namedRule(item: string): BlockRule {
  const [name, value] = item.split('=', 2) as [string, string | undefined]
  if (name === '' || value === undefined) throw badItem(item)
  // a name without a star is the whole name: OUT1 must not mean OUT10
  const pattern = name.toUpperCase()
  const matches = /[*?]/.test(pattern) ? globMatcher(pattern) : (label: string) => label === pattern
  return { name, factor: factor(value, item), matches }
}

function listed(items: readonly string[]): BlockRatios {
  const labels = BLOCK_LISTS[items.length]
  if (labels === undefined) {
    const lengths = Object.keys(BLOCK_LISTS).join(', ')
    throw usage(
      `--blocks has ${items.length} numbers`,
      `Lists have ${lengths} numbers; single blocks are named: --blocks IN04=0.5,OUT*=0.`,
    )
  }
  const rules = items.map((item, i): BlockRule => {
    const name = labels[i]!
    return { name, factor: factor(item, item), matches: (label) => label === name }
  })
  return { rules, list: items.length }
}

function factor(text: string, item: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!Number.isFinite(value)) throw badItem(item)
  return value
}

function badItem(item: string): Error {
  return usage(
    `--blocks: ${quoted(item)} is no ratio of a block`,
    'Write IN04=0.5, OUT*=0, or a list of numbers.',
  )
}
