/** Whether the disks have room for a whole plan, before the first byte: not after the third of five models. */

import { formatBytes } from '../../report/text/text.ts'
import { type DiskSpace, diskSpace } from '../../system/atomic.ts'
import { SdtoolError } from '../../system/errors.ts'
import type { PlannedDownload } from './plan.ts'

interface Demand {
  readonly disk: DiskSpace
  readonly bytes: number
  readonly count: number
}

/** DISK_FULL for the first disk that is too small for what goes there; undefined if there is room for all. */
export async function spaceShortage(
  downloads: readonly PlannedDownload[],
  look: (path: string) => Promise<DiskSpace> = diskSpace,
): Promise<SdtoolError | undefined> {
  const demands = new Map<number, Demand>()
  for (const download of downloads) {
    const bytes = missingBytes(download)
    if (bytes === 0) continue
    // a place that cannot be looked at fails by itself, and does not stop the others
    const disk = await look(download.target).catch(() => undefined)
    if (disk === undefined) continue
    const { bytes: before, count } = demands.get(disk.device) ?? { bytes: 0, count: 0 }
    demands.set(disk.device, { disk, bytes: before + bytes, count: count + 1 })
  }
  const short = [...demands.values()].find(({ disk, bytes }) => bytes > disk.free)
  return short && shortageOf(short)
}

/** An earlier run's part takes its room already; if it is of no use any more, it gives it back. */
function missingBytes({ isPresent, file, partBytes }: PlannedDownload): number {
  return isPresent || file.bytes === undefined ? 0 : Math.max(0, file.bytes - partBytes)
}

function shortageOf({ disk, bytes, count }: Demand): SdtoolError {
  const what = count === 1 ? 'the download needs' : `the ${count} downloads need`
  return new SdtoolError(
    'DISK_FULL',
    `${what} ${formatBytes(bytes)}, the disk of ${disk.folder} has ${formatBytes(disk.free)} free`,
    { hint: `Free ${formatBytes(bytes - disk.free)}, or name a folder on another disk with -o or --models.` },
  )
}
