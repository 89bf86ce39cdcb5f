/** What a downloaded model is, which its site only says: whether it is in the right folder, and of the base it should be. */
import { mkdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { actualFamily } from '../../civitai/api/base-claim.ts'
import { kindOfName } from '../../civitai/plan/file-kinds.ts'
import { folderKindOf } from '../../library/program-places.ts'
import { type Interruptible, identifyFile, withModel } from '../../library/session.ts'
import type { Identity } from '../../model/identity.ts'
import { publish } from '../../system/atomic.ts'
import { SdtoolError } from '../../system/errors.ts'
import { messages } from './messages.ts'
import { type DownloadPlace, folderFor, folderKind, otherFolderKind } from './place.ts'
import type { PlannedDownload } from './plan.ts'

export interface Settled {
  readonly path: string
  /** Worth a warning. */
  readonly problems: readonly string[]
}

/** Moves a model to the folder for what it is. @throws the reason of the signal */
export async function settle(
  planned: PlannedDownload,
  place: DownloadPlace,
  world: Interruptible,
): Promise<Settled> {
  const { target, version } = planned
  const identity = await identityOf(target, world)
  if (identity === undefined) return { path: target, problems: [] }
  const moved = await moveToPlace(planned, identity, place)
  return { ...moved, problems: [...moved.problems, ...otherBase(identity, version.baseModel)] }
}

/** Undefined for what is no model: its content has been checked as far as that goes. */
async function identityOf(path: string, world: Interruptible): Promise<Identity | undefined> {
  if (kindOfName(path)?.proof !== 'model') return undefined
  try {
    return await withModel(path, world, (opened) => identifyFile(path, opened))
  } catch (error) {
    world.signal.throwIfAborted()
    if (error instanceof SdtoolError) return undefined
    throw error
  }
}

async function moveToPlace(
  { file, version, target }: PlannedDownload,
  identity: Identity,
  place: DownloadPlace,
): Promise<Settled> {
  const kind = folderKindOf(identity)
  const planned = folderKind(file, version)
  const stays = { path: target, problems: [] }
  if (place.layout === undefined || planned === undefined || kind !== otherFolderKind(planned)) return stays
  const path = join(folderFor(place, kind), basename(target))
  if (dirname(path) === dirname(target)) return stays
  try {
    await mkdir(dirname(path), { recursive: true })
    await publish(target, path, false)
    return { path, problems: [] }
  } catch (error) {
    // a folder on another disk, a file of that name: what was downloaded stays where it is
    return {
      path: target,
      problems: [messages.belongsElsewhere(target, dirname(path), (error as Error).message)],
    }
  }
}

function otherBase(identity: Identity, baseModel = ''): string[] {
  const own = actualFamily(identity, baseModel)
  return own === undefined ? [] : [messages.otherBase(baseModel, own)]
}
