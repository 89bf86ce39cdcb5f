import { type FileList, listFiles } from '../../library/files.ts'
import { SKIP_REASONS, type SkippedFolder, skippedText } from '../../library/scan.ts'
import { plural } from '../../report/text/text.ts'
import { escaped } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'

/** More folders of one kind are counted. */
const MAX_NAMED = 3

/** Tells the person what was not looked into, a line for each reason. */
export function noteSkipped(skipped: readonly SkippedFolder[], { stderr }: Pick<World, 'stderr'>): void {
  for (const why of SKIP_REASONS) {
    const paths = skipped.filter((folder) => folder.why === why).map(({ path }) => path)
    if (paths.length === 0) continue
    const more = paths.length > MAX_NAMED ? ` and ${plural(paths.length - MAX_NAMED, 'other')}` : ''
    const named = paths.slice(0, MAX_NAMED).join(', ')
    stderr.write(`sdtool: ${escaped(skippedText(why, named + more))}\n`)
  }
}

/** The files a command line names, with what was left out of its folders said. @throws what `listFiles` throws */
export async function listedFiles(
  names: readonly string[],
  find: (name: string) => Promise<string>,
  world: Pick<World, 'signal' | 'stderr'>,
): Promise<FileList> {
  const list = await listFiles(names, find, world)
  noteSkipped(list.skipped, world)
  return list
}
