/** Images on a terminal, in the best way it has. A new protocol is a file and a line here. */
import type { RgbImage } from '../../../image/image.ts'
import type { World } from '../../../system/world.ts'
import { blocks } from './blocks.ts'
import { iterm2 } from './iterm2.ts'
import { kitty } from './kitty.ts'
import type { Protocol } from './protocol.ts'
import { sixel } from './sixel.ts'

/** In the order they are tried; the last one works wherever there are colours. */
export const PROTOCOLS: readonly Protocol[] = [kitty, iterm2, sixel, blocks]

const DEFAULT_COLUMNS = 80

/**
 * The protocol of a terminal. Undefined for a file, a pipe, or a terminal without colours: nobody wants an image there.
 * tmux and screen pass none of the protocols on unless they are told to.
 */
export function protocolFor({ stdout, env }: Pick<World, 'stdout' | 'env'>): Protocol | undefined {
  if (stdout.isTTY !== true || env.NO_COLOR || env.TERM === 'dumb') return undefined
  const isMultiplexed = env.TMUX || env.STY || /^(screen|tmux)/.test(env.TERM ?? '')
  return isMultiplexed ? blocks : PROTOCOLS.find((protocol) => protocol.isKnown(env))
}

/** Shows an image on the terminal. @returns false where the output is not a terminal with colours */
export function showPreview(image: RgbImage, world: Pick<World, 'stdout' | 'env'>): boolean {
  const protocol = protocolFor(world)
  if (!protocol) return false
  const { stdout, env } = world
  const text = `${protocol.show(image, stdout.columns || DEFAULT_COLUMNS, env)}\n`
  if (stdout.picture) stdout.picture(text)
  else stdout.write(text)
  return true
}
