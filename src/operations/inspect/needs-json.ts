import type { ProgramPlace } from '../../library/program-places.ts'
import { partLatents, partTitle } from '../../model/needs.ts'
import { withNulls } from '../../report/document/envelope.ts'
import type { Needs } from './needs.ts'
import type { InspectedNeeds, InspectedPlace } from './schema.ts'

export function needsJson({ parts, searched }: Needs): InspectedNeeds {
  return {
    parts: parts.map(({ part, files }) => ({
      name: part.id,
      role: part.role,
      title: partTitle(part),
      latents: partLatents(part) ?? null,
      files: files?.map(({ path, isSure }) => ({ path, sure: isSure })) ?? null,
    })),
    looked: searched?.looked ?? null,
    files: searched?.files ?? null,
  }
}

export function placeJson(place: ProgramPlace): InspectedPlace {
  return withNulls(place, 'folder', 'option')
}
