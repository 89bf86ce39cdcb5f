import type { Argv } from 'yargs'
import type { RgbImage } from '../../image/image.ts'
import type { World } from '../../system/world.ts'

export function withPreview(yargs: Argv): Argv {
  return yargs.option('preview', {
    type: 'boolean',
    describe: 'Show the picture in the terminal (kitty, iTerm2, sixel, or half blocks)',
  })
}

/** Shows an image under the result of a command, where somebody looks at a terminal; the reason on stderr where not. */
export async function preview(
  image: RgbImage,
  { json, quiet }: { readonly json: boolean; readonly quiet: boolean },
  world: World,
): Promise<void> {
  if (json) return
  const { showPreview } = await import('../../report/terminal/preview/preview.ts')
  if (showPreview(image, world) || quiet) return
  world.stderr.write('sdtool: no preview: the output is no terminal with colours\n')
}
