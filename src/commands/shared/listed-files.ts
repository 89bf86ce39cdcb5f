import { type FileList, listFiles } from '../../library/files.ts'
import { SKIP_REASONS, type SkippedFolder, skippedText } from '../../library/scan.ts'

import { escaped } from '../../system/errors.ts'
import type { World } from '../../system/world.ts'
import { messages } from './messages.ts'

/** More folders of one kind are counted. */
const MAX_NAMED = 3

/** Reports what was skipped on stderr, a line for each reason. */
export function noteSkipped(skipped: readonly SkippedFolder[], { stderr }: Pick<World, 'stderr'>): void {
  for (const why of SKIP_REASONS) {
    const paths = skipped.filter((folder) => folder.why === why).map(({ path }) => path)
    if (paths.length === 0) continue
    const named = paths.slice(0, MAX_NAMED).join(', ')
    const unlisted = paths.length - MAX_NAMED
    const text = skippedText(why, unlisted > 0 ? messages.moreSkipped(named, unlisted) : named)
    stderr.write(`${messages.note(escaped(text))}\n`)
  }
}

/** The files a command line names; what was skipped in its folders is reported. @throws what `listFiles` throws */
export async function listedFiles(
  names: readonly string[],
  find: (name: string) => Promise<string>,
  world: Pick<World, 'signal' | 'stderr'>,
  endings?: readonly string[],
): Promise<FileList> {
  const list = await listFiles(names, find, world, endings)
  noteSkipped(list.skipped, world)
  return list
}
