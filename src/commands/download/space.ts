/** Whether the disks have room for a whole plan, before its first byte. */
import { formatBytes } from '../../report/text/text.ts'
import { type DiskSpace, diskSpace } from '../../system/atomic.ts'
import { SdtoolError } from '../../system/errors.ts'
import { messages } from './messages.ts'
import type { PlannedDownload } from './plan.ts'

interface Demand {
  readonly disk: DiskSpace
  readonly bytes: number
  readonly count: number
}

/** DISK_FULL (exit 1) for the first disk that is too small for what goes there; undefined if there is room for all. */
export async function spaceShortage(
  downloads: readonly PlannedDownload[],
  look: (path: string) => Promise<DiskSpace> = diskSpace,
): Promise<SdtoolError | undefined> {
  const demands = new Map<number, Demand>()
  for (const download of downloads) {
    const bytes = missingBytes(download)
    if (bytes === 0) continue
    // a folder that cannot be accessed fails later, and does not stop the others
    const disk = await look(download.target).catch(() => undefined)
    if (disk === undefined) continue
    const { bytes: before, count } = demands.get(disk.device) ?? { bytes: 0, count: 0 }
    demands.set(disk.device, { disk, bytes: before + bytes, count: count + 1 })
  }
  const short = [...demands.values()].find(({ disk, bytes }) => bytes > disk.free)
  return short && shortageOf(short)
}

/** The part of an earlier run already takes its room; if it is useless, its room becomes free. */
function missingBytes({ isPresent, file, partBytes }: PlannedDownload): number {
  return isPresent || file.bytes === undefined ? 0 : Math.max(0, file.bytes - partBytes)
}

function shortageOf({ disk, bytes, count }: Demand): SdtoolError {
  const message = messages.diskTooSmall(count, formatBytes(bytes), disk.folder, formatBytes(disk.free))
  return new SdtoolError('DISK_FULL', message, { hint: messages.freeSpace(formatBytes(bytes - disk.free)) })
}
