import { type BasePart, partFor } from '../../model/adapters/base-parts.ts'
import { lookupName } from '../../model/adapters/keymap.ts'
import { modulePlaceOf } from '../../model/adapters/targets.ts'
import { info } from '../../model/finding.ts'
import { nearestNames } from '../../system/nearest.ts'
import type { Finding } from '../../tensor/values/table.ts'
import type { MergeLoraPlan } from './plan.ts'
import { messages } from './unmatched-messages.ts'

/** Names helped for each adapter; a list of all would bury the reason. */
const MAX_NEAREST = 3

/** For names that no layer has, the ones most like them. */
export function nearestFindings({ loras, parts }: MergeLoraPlan): Finding[] {
  return loras.flatMap(({ unmatched }) => {
    const unknown = unmatched.filter(({ reason }) => reason === 'unknown-name').slice(0, MAX_NEAREST)
    return unknown.flatMap(({ name, target }): Finding[] => {
      const path = lookupName(modulePlaceOf(name).path)
      const known = namesOf(partFor(parts, target))
      const [nearest] = nearestNames(path, known, 1)
      if (nearest === undefined) return []
      return [info('nearest-name', messages.nearest(name, nearest))]
    })
  })
}

function namesOf(part: BasePart | undefined): string[] {
  return part === undefined ? [] : [...part.names.keys(), ...part.parted.keys()]
}
