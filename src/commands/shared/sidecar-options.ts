import type { Argv } from 'yargs'
import { SIDECARS, type Sidecar } from '../../civitai/plan/sidecars.ts'
import type { FolderLayout } from '../../library/layouts.ts'
import { usage } from '../../system/errors.ts'
import type { Arguments } from '../command.ts'
import { messages } from './messages.ts'
import { list } from './options.ts'

export function withSidecars(yargs: Argv): Argv {
  return yargs.option('sidecars', {
    type: 'string',
    describe: messages.sidecarsOption,
    defaultDescription: messages.sidecarsDefault,
  })
}

/** The kinds that `--sidecars` names; undefined without it. @throws USAGE (exit 2) */
export function namedSidecars(args: Arguments): readonly Sidecar[] | undefined {
  const named = list(args, 'sidecars')
  if (named.length === 0) return undefined
  if (named.includes('none')) return []
  const unknown = named.find((name) => !(SIDECARS as readonly string[]).includes(name))
  if (unknown !== undefined)
    throw usage(
      messages.invalidChoice('sidecars', unknown),
      messages.validChoices([...SIDECARS, 'none'].join(', ')),
    )
  return named as Sidecar[]
}

/** What is written where nothing was named: the notes of A1111 are for its own folders. */
export function usualSidecars(layout: FolderLayout | undefined): readonly Sidecar[] {
  return layout?.id === 'a1111' ? SIDECARS : ['info', 'preview']
}
