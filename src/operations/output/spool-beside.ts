import { dirname, join, resolve } from 'node:path'
import { temporaryFolder } from '../../system/leftovers.ts'
import { cannotWrite } from '../../tensor/atomic.ts'
import { openSpool, type Spool } from '../../tensor/spool.ts'
import { existingFolder } from './place.ts'

/** A spool on the disk of an output, for as long as `use` runs. */
export async function withSpool<T>(output: string, use: (spool: Spool) => Promise<T>): Promise<T> {
  const parent = existingFolder(dirname(resolve(output)))
  const folder = await temporaryFolder(parent, '.sdtool').catch((cause: NodeJS.ErrnoException) => {
    throw cannotWrite(output, cause)
  })
  try {
    const spool = await openSpool(join(folder.path, 'values'))
    try {
      return await use(spool)
    } finally {
      await spool.close()
    }
  } finally {
    await folder.remove()
  }
}
