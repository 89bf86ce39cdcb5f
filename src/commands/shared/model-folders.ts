/** `--models`: the folders where bare names are looked up. */
import { delimiter } from 'node:path'
import type { Argv } from 'yargs'
import { openModelFolders } from '../../library/model-folders.ts'
import type { ModelFolders } from '../../library/resolve.ts'
import { escaped, usage } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import type { Arguments } from '../command.ts'
import { noteSkipped } from './listed-files.ts'
import { messages } from './messages.ts'
import { values } from './options.ts'

export function withModelFolders(yargs: Argv): Argv {
  return yargs.option('models', {
    type: 'string',
    describe: messages.modelsOption,
    defaultDescription: 'SDTOOL_MODELS',
  })
}

/** The folders of `--models`, or else of `SDTOOL_MODELS`, a list like that of PATH. @throws USAGE (exit 2) for an empty `--models` */
export function modelFolders(args: Arguments, world: World): ModelFolders {
  const named = values(args, 'models')
  if (named.includes('')) throw usage(messages.optionNeedsValue('models'))
  const listed = (world.env.SDTOOL_MODELS ?? '').split(delimiter).filter((folder) => folder !== '')
  return openModelFolders(named.length > 0 ? named : listed, {
    signal: world.signal,
    note: (line) => world.stderr.write(`sdtool: ${escaped(line)}\n`),
    onSkipped: (skipped) => noteSkipped(skipped, world),
  })
}
