/** What a sheet of `render --sweep` shows, and says of itself in its parameters. */
import type { RgbImage } from '../../image/image.ts'
import { type GenerationFacts, hashList } from '../../image/infotext/write.ts'
import { resolveExisting } from '../../library/resolve.ts'
import { promptWithTags, sheetFacts } from '../../operations/render/facts.ts'
import type { PictureHashes } from '../../operations/render/hash-book.ts'
import type { ImageRequests } from '../../operations/render/requests.ts'
import type { RenderSettings } from '../../runtime/engine/pipeline.ts'
import type { RenderModeRun } from './mode-run.ts'
import { axisTitle, type SweepAxis } from './sweep-arguments.ts'
import { isChangedBy, type SweepVariant } from './sweep-variants.ts'

/** A place on the sheet: its pictures, and what they were drawn with. */
export interface DrawnVariant {
  readonly images: readonly RgbImage[]
  readonly settings: RenderSettings
  readonly hashes: PictureHashes
}

export interface Sweep {
  /** As it was named. */
  readonly model: string
  readonly path: string
  readonly columns: SweepAxis
  readonly rows?: SweepAxis
  readonly shots: ImageRequests
  readonly plain: SweepVariant
  /** Row by row; of each place a picture for each shot. */
  readonly places: readonly DrawnVariant[]
}

/** What all places have in common; then what differs, under the names that A1111 gives the axes of a sheet. */
export async function sweepFacts(
  sweep: Sweep,
  { options, world, book, folders }: RenderModeRun,
): Promise<GenerationFacts> {
  const { columns, rows, plain, places } = sweep
  const [{ settings, hashes }] = places as [DrawnVariant]
  const loras = new Map(places.flatMap((place) => place.hashes.loras.map((lora) => [lora.name, lora])))
  const merged = await resolveExisting(plain.merge?.models ?? [], 'checkpoint', folders)
  const making = {
    settings: { ...settings, cfg: plain.settings.cfg, steps: plain.settings.steps },
    options,
    hashes: { ...hashes, loras: [...loras.values()] },
    version: world.version,
  }
  return sheetFacts(shownShots(sweep), making, {
    Sheet: 'sweep',
    ...axisFacts('X', columns),
    ...(rows && axisFacts('Y', rows)),
    'Merged with': hashList(await Promise.all(merged.map(book.model))),
    'Merge method': plain.merge?.method.id,
  })
}

/** A LoRA of an option that is swept has no ratio that could stand in the prompt. */
function shownShots({ shots: { requests, prompts, tags }, plain, columns, rows }: Sweep) {
  const byOption = plain.loras.slice(0, plain.loras.length - tags.length)
  const fixed = byOption.filter((lora) => ![columns, rows].some((axis) => axis && isChangedBy(lora, axis)))
  return { requests, prompts: prompts.map((prompt) => promptWithTags(prompt, fixed)) }
}

/** Of the settings that A1111 can put on an axis, its own words. */
const A1111_AXES: Readonly<Record<string, string>> = { cfg: 'CFG Scale', steps: 'Steps' }

function axisFacts(letter: 'X' | 'Y', axis: SweepAxis): Record<string, string> {
  return {
    [`${letter} Type`]: A1111_AXES[axis.name] ?? axisTitle(axis),
    [`${letter} Values`]: axis.values.join(', '),
  }
}
