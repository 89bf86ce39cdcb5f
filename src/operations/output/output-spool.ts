import { dirname, join, resolve } from 'node:path'
import { cannotWrite } from '../../system/atomic.ts'
import { temporaryFolder } from '../../system/leftovers.ts'
import { openSpool, type Spool } from '../../tensor/write/spool.ts'
import { existingFolder } from './place.ts'

/** A spool on the disk of an output, for as long as `use` runs. @throws what `cannotWrite` makes, and what `use` throws */
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
