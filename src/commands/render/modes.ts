/** Runs of `sdtool render` that hold pictures of several models against each other. A new one is a file and a line here. */
import type { Argv } from 'yargs'
import type { ModelFolders } from '../../library/resolve.ts'
import { type ExitCode, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import { MERGE_METHODS } from '../../tensor/merge/registry.ts'
import type { Arguments } from '../command.ts'
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
      describe:
        'Draw the same with these models, and show the differences. --lora, --vae and --ema are for the first model only, tags in the prompt for all',
    })
    .option('sweep', {
      type: 'string',
      nargs: 1,
      describe:
        'Values side by side: style=0..1:0.25 for a LoRA, lora=... for all of --lora, cfg=3,5,7, steps=10,20, alpha=... for --merge. Twice: columns and rows',
    })
    .option('merge', {
      type: 'string',
      nargs: 1,
      describe: 'Checkpoint that --sweep alpha=0..1:0.25 blends in, as sdtool merge would. Repeatable',
    })
    .option('merge-method', {
      choices: MERGE_METHODS.map(({ id }) => id),
      describe: 'How it does: a method of sdtool merge',
      defaultDescription: MERGE_METHODS[0]!.id,
    })
    .option('check', {
      type: 'string',
      nargs: 1,
      describe: 'File that sdtool made: does it draw what its recipe says? Exit code 4 if not',
    })
}

/** @throws USAGE for several at once, and for what the mode would pass over */
export async function runnerOf(args: Arguments): Promise<RenderModeRunner | undefined> {
  const asked = (Object.keys(RUNNERS) as (keyof typeof RUNNERS)[]).filter((name) => args[name] !== undefined)
  if (asked.length > 1) throw usage(`${asked.map((name) => `--${name}`).join(' and ')} do not go together`)
  const [study] = asked
  checkOptions(args, study ?? (args.prompt === undefined ? 'sheet' : 'pictures'))
  return study && RUNNERS[study]()
}
