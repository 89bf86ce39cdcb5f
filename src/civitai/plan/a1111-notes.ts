/** A1111's notes on a model, the JSON file that its editor of metadata writes. */
import { realpath } from 'node:fs/promises'
import { defined } from '../../system/defined.ts'
import { isJsonObject, type JsonObject, ownValue } from '../../system/json.ts'
import { writeNewFile } from '../../system/new-file.ts'
import { baseModelByName } from '../api/base-models.ts'
import { maybe, object, read, text } from '../api/tolerant.ts'
import { kindOfName } from './file-kinds.ts'
import { messages } from './messages.ts'
import {
  checkIsSidecar,
  isTaken,
  jsonAt,
  type ModelFile,
  sidecarError,
  sidecarStem,
} from './sidecar-files.ts'

/**
 * A1111's own notes on a model: keys that are missing are added, nothing else is touched. Other files of that name, and
 * notes on another version, are left alone.
 * @returns the path, if it was written
 * @throws CIVITAI_SIDECAR (exit 1); what `writeNewFile` throws
 */
export async function writeNotes(model: ModelFile): Promise<string | undefined> {
  // A1111 shows no card of a workflow or an archive
  if (kindOfName(model.path)?.proof !== 'model') return undefined
  const path = `${sidecarStem(model.path)}.json`
  await checkIsSidecar(path, model)
  const isThere = await isTaken(path)
  const found = isThere ? await notesAt(path, model) : {}
  const merged = mergeMissing(found, userMetadata(model))
  if (merged === undefined) return undefined
  // a link stays one
  await writeNewFile(isThere ? await realpath(path) : path, `${JSON.stringify(merged, null, 4)}\n`, {
    force: isThere,
  })
  return path
}

/** Keys that A1111's editor and Civitai Browser+ write, and that other JSON files have not. */
const NOTE_KEYS = [
  'sd version',
  'activation text',
  'preferred weight',
  'negative text',
  'notes',
  'vae',
  'modelVersionId',
]

const notesFile = object({ sha256: maybe(text) })

/** The notes that are there. @throws CIVITAI_SIDECAR (exit 1) for another file, or for notes on another one */
async function notesAt(path: string, { version, sha256 }: ModelFile): Promise<JsonObject> {
  const found = await jsonAt(path)
  const isNotes =
    isJsonObject(found) &&
    (Object.keys(found).length === 0 || NOTE_KEYS.some((key) => Object.hasOwn(found, key)))
  if (!isNotes) throw sidecarError(messages.notNotes(path))
  const own = ownValue(found, 'modelVersionId') ?? undefined
  if (own !== undefined && own !== version.id)
    throw sidecarError(messages.sidecarOfAnotherVersion(path, JSON.stringify(own), version.id))
  const hash = read(notesFile, found)?.sha256?.toLowerCase()
  // one version may have several files
  if (own === undefined && hash !== undefined && sha256 !== undefined && hash !== sha256)
    throw sidecarError(messages.sidecarOfAnotherFile(path))
  return found
}

/** Undefined if nothing is missing. */
function mergeMissing(own: JsonObject, facts: JsonObject): JsonObject | undefined {
  const missing = Object.entries(facts).filter(([key]) => !Object.hasOwn(own, key))
  return missing.length === 0 ? undefined : { ...own, ...Object.fromEntries(missing) }
}

/** Keys: A1111 `modules/ui_extra_networks_user_metadata.py` and extensions-builtin/Lora; the last three: Civitai Browser+. */
export function userMetadata({ version, sha256 }: Pick<ModelFile, 'version' | 'sha256'>): JsonObject {
  const { modelId, baseModel, trainedWords, description } = version
  return defined({
    description: description === undefined ? undefined : plainText(description),
    'sd version': sdVersion(baseModel),
    'activation text': activationText(trainedWords),
    'preferred weight': 0,
    sha256: sha256?.toUpperCase(),
    modelId,
    modelVersionId: version.id,
  })
}

/** The choices of A1111's editor, by families. */
const SD_VERSIONS: Readonly<Record<string, string>> = { sd1: 'SD1', sd2: 'SD2', sdxl: 'SDXL' }

function sdVersion(base: string | undefined): string {
  if (base === undefined) return 'Unknown'
  return SD_VERSIONS[baseModelByName(base)?.family ?? ''] ?? 'Other'
}

/** Words in a list, or whole prompts, which have commas of their own, with ` || ` between them. */
export function activationText(words: readonly string[]): string {
  const plain = words
    .map((word) =>
      word
        .slice(0, MAX_TEXT)
        .replaceAll(/<\w+:[^<>]*>/g, '')
        .replace(/[\s,]+$/, '')
        .trim(),
    )
    .filter((word) => word !== '')
  return plain.join(plain.some((word) => word.includes(',')) ? ' || ' : ', ')
}

const ENTITIES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    amp: '&',
    lt: '<',
    gt: '>',
    quot: '"',
    '#39': "'",
    nbsp: ' ',
  }),
)

/** Longer texts are cut: the patterns below take long on them. */
const MAX_TEXT = 20_000

function plainText(html: string): string {
  return html
    .slice(0, MAX_TEXT)
    .replaceAll(/<\/(?:p|h\d|li|div)>|<br\s*\/?>/gi, '\n')
    .replaceAll(/<[^<>]*>/g, '')
    .replaceAll(/&(#?\w+);/g, (whole, name: string) => ENTITIES.get(name) ?? whole)
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim()
}
