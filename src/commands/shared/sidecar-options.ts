import type { Argv } from 'yargs'
import { SIDECARS, type Sidecar } from '../../civitai/plan/sidecars.ts'
import type { FolderLayout } from '../../library/layouts.ts'
import { usage } from '../../system/errors.ts'
import type { Arguments } from '../command.ts'
import { list } from './options.ts'

export function withSidecars(yargs: Argv): Argv {
  return yargs.option('sidecars', {
    type: 'string',
    describe: 'Files to write beside a model: info, preview, a1111, or none',
    defaultDescription: 'info,preview; a1111 in its folders',
  })
}

/** The kinds that `--sidecars` names; undefined without it. @throws USAGE */
export function namedSidecars(args: Arguments): readonly Sidecar[] | undefined {
  const named = list(args, 'sidecars')
  if (named.length === 0) return undefined
  if (named.includes('none')) return []
  const unknown = named.find((name) => !(SIDECARS as readonly string[]).includes(name))
  if (unknown !== undefined)
    throw usage(`--sidecars ${unknown}: no such choice`, `Choices are ${SIDECARS.join(', ')}, none.`)
  return named as Sidecar[]
}

/** What is written where nothing was named: the notes of A1111 are for its own folders. */
export function usualSidecars(layout: FolderLayout | undefined): readonly Sidecar[] {
  return layout?.id === 'a1111' ? SIDECARS : ['info', 'preview']
}
