/** Runs of `sdtool render` that hold pictures of several models against each other. A new one is a file and a line here. */
import type { Argv } from 'yargs'
import type { ModelFolders } from '../../library/resolve.ts'
import { type ExitCode, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import { MERGE_METHODS } from '../../tensor/merge/registry.ts'
import type { Arguments } from '../command.ts'
import { messages } from './messages.ts'
import { messages as optionMessages } from './option-messages.ts'
import type { RenderOptions } from './options.ts'
import { checkOptions, type RenderMode } from './rules.ts'

export type RenderModeRunner = (
  args: Arguments,
  options: RenderOptions,
  folders: ModelFolders,
  world: World,
) => Promise<ExitCode>

/** By the option that asks for them. */
const RUNNERS: Readonly<Record<Exclude<RenderMode, 'pictures' | 'sheet'>, () => Promise<RenderModeRunner>>> =
  {
    compare: async () => (await import('./compare.ts')).runCompare,
    sweep: async () => (await import('./sweep.ts')).runSweep,
    check: async () => (await import('./check-run.ts')).runCheck,
  }

export function withModeOptions(yargs: Argv): Argv {
  return yargs
    .option('compare', {
      type: 'string',
      array: true,
      describe: optionMessages.compare,
    })
    .option('sweep', {
      type: 'string',
      nargs: 1,
      describe: optionMessages.sweep,
    })
    .option('merge', {
      type: 'string',
      nargs: 1,
      describe: optionMessages.merge,
    })
    .option('merge-method', {
      choices: MERGE_METHODS.map(({ id }) => id),
      describe: optionMessages.mergeMethod,
      defaultDescription: MERGE_METHODS[0]!.id,
    })
    .option('check', {
      type: 'string',
      nargs: 1,
      describe: optionMessages.check,
    })
}

/** @throws USAGE (exit 2) for several at once, and for what the mode would pass over */
export async function runnerOf(args: Arguments): Promise<RenderModeRunner | undefined> {
  const asked = (Object.keys(RUNNERS) as (keyof typeof RUNNERS)[]).filter((name) => args[name] !== undefined)
  if (asked.length > 1) throw usage(messages.cannotCombine(asked))
  const [study] = asked
  checkOptions(args, study ?? (args.prompt === undefined ? 'sheet' : 'pictures'))
  return study && RUNNERS[study]()
}
