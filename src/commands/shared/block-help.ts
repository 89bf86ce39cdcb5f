import { BLOCK_KINDS } from '../../model/networks/blocks.ts'
import { messages } from './making-messages.ts'

/** What blocks are called in options and tables, for the help. */
export function blockLines(): string[] {
  const kinds = Object.entries(BLOCK_KINDS).map(([kind, what]) => `  ${kind}: ${what}`)
  return [messages.blockNames, ...kinds, `  ${messages.blocksByNumber}`]
}
