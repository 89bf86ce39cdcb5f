/**
 * Which options `sdtool render` takes in which of its modes. What a run would pass over is a usage error: somebody who
 * asks for something must not get a picture without it.
 */

import { isLoraTag, splitTags } from '../../runtime/prompt/tags.ts'
import { usage } from '../../system/errors.ts'
import type { Arguments } from '../command.ts'
import { text, values } from '../shared/options.ts'
import { messages } from './messages.ts'
import { sweepAxes } from './sweep-arguments.ts'
import { namesALora } from './sweep-variants.ts'

/** Pictures of a prompt, the sheet of verification prompts, or a study. */
export type RenderMode = 'pictures' | 'sheet' | 'compare' | 'sweep' | 'check'

interface Asked {
  readonly mode: RenderMode
  isGiven(option: string): boolean
  /** What `--sweep` names. */
  readonly swept: readonly string[]
  readonly hasLoras: boolean
}

interface Rule {
  /** As they are typed. */
  readonly options: readonly string[]
  /** Nothing would come of them. */
  isIdle(asked: Asked, option: string): boolean
  message(option: string): string
  readonly hint: () => string
}

const RULES: readonly Rule[] = [
  {
    options: ['negative', 'seed', 'count'],
    isIdle: ({ isGiven }) => !isGiven('prompt'),
    message: (option) => messages.needsPrompt(option),
    hint: () => messages.promptsHaveTheirOwn,
  },
  {
    options: ['grid'],
    isIdle: ({ mode }) => mode !== 'pictures',
    message: () => messages.gridNeedsPrompt,
    hint: () => messages.oneSheetAlready,
  },
  {
    options: ['lora', 'vae', 'ema', 'allow-unmatched'],
    isIdle: ({ mode }) => mode === 'check',
    message: (option) => messages.checkWithout(option),
    hint: () => messages.renderModel,
  },
  {
    options: ['merge-method'],
    isIdle: ({ isGiven }) => !isGiven('merge'),
    message: () => messages.methodNeedsMerge,
    hint: () => messages.nameMerge,
  },
  {
    options: ['merge'],
    isIdle: ({ swept }) => !swept.includes('alpha'),
    message: () => messages.mergeNeedsAlpha,
    hint: () => messages.mergeExample,
  },
  {
    options: ['ema'],
    isIdle: ({ isGiven }) => isGiven('merge'),
    message: () => messages.mergeWithoutEma,
    hint: () => messages.writeMergeFirst,
  },
  {
    options: ['allow-unmatched'],
    isIdle: ({ hasLoras }) => !hasLoras,
    message: () => messages.noLoras,
    hint: () => messages.nameLora,
  },
  {
    options: ['cfg', 'steps'],
    isIdle: ({ swept }, option) => swept.includes(option),
    message: (option) => messages.sweptOption(option),
    hint: () => messages.onlySweptValues,
  },
]

/** @throws USAGE (exit 2) for the first option that the mode would pass over */
export function checkOptions(args: Arguments, mode: RenderMode): void {
  const swept = sweepAxes(values(args, 'sweep')).map(({ name }) => name)
  const isGiven = (option: string): boolean => isAsked(args[camelCase(option)])
  const tags = splitTags(text(args, 'prompt') ?? '').tags
  const hasLoras = isGiven('lora') || tags.some(isLoraTag) || swept.some(namesALora)
  const asked: Asked = { mode, isGiven, swept, hasLoras }
  for (const { options, isIdle, message, hint } of RULES) {
    const idle = options.find((option) => isGiven(option) && isIdle(asked, option))
    if (idle !== undefined) throw usage(message(idle), hint())
  }
}

/** Empty texts and `--no-..` ask for nothing. */
function isAsked(value: unknown): boolean {
  return (
    value !== undefined && value !== false && value !== '' && !(Array.isArray(value) && value.length === 0)
  )
}

function camelCase(option: string): string {
  return option.replace(/-[a-z]/g, (pair) => pair[1]!.toUpperCase())
}
