import type { Identifiable, Identity } from '../identity.ts'
import type { Architecture } from '../networks/architectures/architecture.ts'
import type { Candidate } from './denoiser-info.ts'
import type { PositionIds } from './position-ids.ts'
import type { UnknownText } from './resolve-parts.ts'
import type { ScheduleBuffers } from './schedule.ts'

/** What `identify` knows when it comes to judging the file. */
export interface Facts {
  readonly file: Identifiable
  readonly identity: Omit<Identity, 'findings'>
  readonly known: Architecture | undefined
  readonly candidates: readonly Candidate[]
  readonly unknownTexts: readonly UnknownText[]
  readonly positionIds: readonly PositionIds[]
  readonly schedule: ScheduleBuffers | undefined
}
