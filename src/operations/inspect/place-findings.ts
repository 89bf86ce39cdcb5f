/** Findings about what lies around a file: the folder of a program it is in, and what Civitai said of it. */
import { actualFamily } from '../../civitai/api/base-claim.ts'
import { civitaiInfoBeside } from '../../civitai/plan/sidecars.ts'
import { misplacedFile } from '../../library/program-places.ts'
import { warning } from '../../model/finding.ts'
import type { Identity } from '../../model/identity.ts'
import { KINDS } from '../../model/kinds.ts'
import type { Finding } from '../../tensor/values/table.ts'
import { messages } from './messages.ts'

export async function placeFindings(path: string, identity: Identity): Promise<Finding[]> {
  return [...misplaced(path, identity), ...(await otherBase(path, identity))]
}

function misplaced(path: string, identity: Identity): Finding[] {
  const found = misplacedFile(path, identity)
  if (found === undefined) return []
  const { title, folder, right } = found
  return [warning('misplaced', messages.misplaced(title, folder, KINDS[identity.kind], right))]
}

async function otherBase(path: string, identity: Identity): Promise<Finding[]> {
  const { baseModel = '' } = await civitaiInfoBeside(path)
  const own = actualFamily(identity, baseModel)
  return own === undefined ? [] : [warning('other-base', messages.otherBase(baseModel, own))]
}
