/** The command of a recipe, and what it is called with. */
import { refuse } from '../errors.ts'
import type { Recipe } from '../model/recipe.ts'
import { quoted } from '../tensor/text.ts'
import type { Arguments, Command } from './command.ts'
import { COMMANDS } from './registry.ts'

export interface Repeatable {
  readonly command: Command
  readonly again: NonNullable<Command['replay']>
}

/** @throws RECIPE_UNKNOWN_OPERATION (exit 3), and what `replay` throws of options it cannot read */
export async function repeatable({ operation, options, inputs }: Recipe): Promise<Repeatable> {
  const command = await COMMANDS.find(({ name }) => name === operation)?.load()
  if (command?.replay === undefined) {
    throw refuse(
      'RECIPE_UNKNOWN_OPERATION',
      `the recipe is of the operation ${quoted(operation)}, which this version of sdtool cannot repeat`,
    )
  }
  // what is wrong with the options is said before anything is looked for, or made
  command.replay(
    options,
    inputs.map(({ name }) => name),
  )
  return { command, again: command.replay }
}

/** What a person may ask of any command, and what decides whether large inputs are hashed in full. */
export function repeatArguments(args: Arguments, { inputs }: Recipe): Arguments {
  const { force, dryRun, quiet, json, verbose, verify, sidecars } = args
  const hash = args.hash === true || inputs.every(({ sha256 }) => sha256 !== undefined)
  return { force, dryRun, quiet, json, verbose, verify, sidecars, hash }
}
