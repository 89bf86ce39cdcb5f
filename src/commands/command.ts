import type { Argv } from 'yargs'
import type { ExitCode } from '../errors.ts'
import type { Plan } from '../model/plan.ts'
import type { Recipe } from '../model/recipe.ts'
import type { Io } from '../system/world.ts'
import type { RecipeModel } from './replan.ts'

/** Parsed options of any command. */
export type Arguments = Readonly<Record<string, unknown>>

/** One verb. Its module is loaded only when it is called. */
export interface Command {
  /** yargs positionals behind the name: `<file..>`; '' for none. */
  readonly positionals: string
  /** Two or three command lines a person would type, with what they do. */
  readonly examples: readonly (readonly [command: string, description: string])[]
  options(yargs: Argv): Argv
  run(args: Arguments, io: Io): Promise<ExitCode>
  /**
   * Arguments that do again what a recipe of this verb says, from its options and the paths of its inputs in order.
   * A verb without it cannot be replayed. @throws RECIPE_UNREADABLE
   */
  readonly replay?: (options: Recipe['options'], paths: readonly string[]) => Arguments
  /** What such arguments, those of `replay`, would write; the inputs are open, in the order of the recipe. */
  readonly replan?: (inputs: readonly RecipeModel[], args: Arguments) => Promise<Plan> | Plan
}

/** What `--help` needs to know of a verb before its module is loaded. */
export interface CommandEntry {
  readonly name: string
  readonly describe: string
  load(): Promise<Command>
}
