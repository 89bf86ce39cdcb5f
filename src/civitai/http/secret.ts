import { inspect } from 'node:util'
import { messages } from './messages.ts'

/** A token that cannot be printed by accident: every way of turning it into text gives its name instead. */
export interface Secret {
  /** Only for the header of a request that may have it. */
  reveal(): string
  /** Where it is from, for messages: `CIVITAI_TOKEN`. */
  readonly origin: string
}

export function secret(value: string, origin: string): Secret {
  const hidden = () => messages.hiddenToken(origin)
  const kept = { origin }
  for (const [name, give] of [
    ['reveal', () => value],
    ['toString', hidden],
    ['toJSON', hidden],
    [inspect.custom, hidden],
  ] as const)
    Object.defineProperty(kept, name, { value: give, enumerable: false })
  return kept as Secret
}
