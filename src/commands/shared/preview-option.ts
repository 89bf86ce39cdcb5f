import type { Argv } from 'yargs'
import type { RgbImage } from '../../image/image.ts'
import type { World } from '../../system/world.ts'
import { messages } from './messages.ts'

export function withPreview(yargs: Argv): Argv {
  return yargs.option('preview', {
    type: 'boolean',
    describe: messages.previewOption,
  })
}

/** Shows an image under the result of a command on a terminal; elsewhere stderr says why not. */
export async function preview(
  image: RgbImage,
  { json, quiet }: { readonly json: boolean; readonly quiet: boolean },
  world: World,
): Promise<void> {
  if (json) return
  const { showPreview } = await import('../../report/terminal/preview/preview.ts')
  if (showPreview(image, world) || quiet) return
  world.stderr.write(`${messages.note(messages.noPreview)}\n`)
}
