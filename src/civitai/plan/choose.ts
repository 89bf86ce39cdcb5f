/** Which files of a version a person wants. */
import { SdtoolError, usage } from '../../system/errors.ts'
import { printable, quoted } from '../../system/text.ts'
import type { FileWish } from '../api/reference.ts'
import type { CivitaiFile, CivitaiVersion } from '../api/shapes.ts'

/** One value of `--file`: an id, or a pattern for the name. */
export interface NamedFile {
  readonly text: string
  matches(fileName: string): boolean
}

export interface Choice extends FileWish {
  readonly named?: readonly NamedFile[]
  readonly all?: boolean
}

/** File types that hold weights, by what they are for. */
const MODEL_TYPES: ReadonlySet<string> = new Set([
  'Model',
  'Pruned Model',
  'Diffusion Model',
  'UNet',
  'VAE',
  'Text Encoder',
  'Vision Encoder',
  'CLIPVision',
  'ControlNet',
  'Upscaler',
  'Negative',
  'Enhancement LoRA',
])

/** What stands for a model of these types; other weights beside it (its VAE) are extras. */
const MAIN_TYPES: ReadonlySet<string> = new Set(['Model', 'Pruned Model', 'Diffusion Model', 'UNet'])

/** Model types whose file has a type of its own. */
const OWN_FILE_TYPES: Readonly<Record<string, string>> = {
  VAE: 'VAE',
  Controlnet: 'ControlNet',
  Upscaler: 'Upscaler',
  TextEncoder: 'Text Encoder',
  CLIPVision: 'CLIPVision',
}

/** Archives of whole folders: no file a program could load. */
const FOLDER_FORMATS: ReadonlySet<string> = new Set(['Diffusers', 'Core ML', 'ONNX'])

/** Weights in one file; not training data, workflows, configurations or archives of folders. */
export function looksModel({ type, format }: CivitaiFile): boolean {
  return MODEL_TYPES.has(type) && !FOLDER_FORMATS.has(format ?? '')
}

/**
 * The files to download: the one a person would take, and a configuration that goes with it; or those that were named.
 * @throws CIVITAI_NO_FILE, CIVITAI_FILE_CHOICE (several are equally good), USAGE for a pattern that fits nothing
 */
export function chooseFiles(version: CivitaiVersion, choice: Choice): readonly CivitaiFile[] {
  const { files } = version
  if (files.length === 0) throw noFiles(version)
  if (choice.all) return files
  if (choice.named?.length) return [...new Set(choice.named.flatMap((name) => named(version, name)))]
  if (choice.fileId !== undefined)
    return named(version, { text: String(choice.fileId), matches: () => false })
  const model = bestOf(version, choice)
  return [model, ...files.filter(({ type }) => type === 'Config' && MAIN_TYPES.has(model.type))]
}

function named(version: CivitaiVersion, { text, matches }: NamedFile): CivitaiFile[] {
  const found = version.files.filter((file) => String(file.id) === text || matches(file.name))
  if (found.length === 0)
    throw usage(`${title(version)} has no file ${quoted(text)}`, `Files are ${fileList(version.files)}.`)
  return found
}

function bestOf(version: CivitaiVersion, choice: Choice): CivitaiFile {
  const wanted = choice.type === undefined ? version.files.filter(looksModel) : version.files
  const candidates = wanted.filter((file) => allowed(file, choice))
  if (candidates.length === 0) throw noneFits(version, choice)
  const scored = candidates.map((file) => ({ file, score: scoreOf(file, version, choice) }))
  const best = Math.max(...scored.map(({ score }) => score))
  const equal = scored.filter(({ score }) => score === best).map(({ file }) => file)
  const primary = equal.filter((file) => file.primary)
  const chosen = equal.length === 1 ? equal[0] : primary.length === 1 ? primary[0] : undefined
  if (chosen) return chosen
  throw new SdtoolError(
    'CIVITAI_FILE_CHOICE',
    `${title(version)} has several files that would do: ${fileList(equal)}`,
    {
      exitCode: 2,
      hint: 'Name one by its id: --file ID. Or all of them: --file all.',
    },
  )
}

/** What a file says of itself must not contradict what was asked for; many say nothing. */
function allowed(file: CivitaiFile, choice: Choice): boolean {
  return (['type', 'format', 'size', 'fp'] as const).every((key) => {
    const wanted = choice[key]?.toLowerCase()
    const own = file[key]?.toLowerCase()
    return wanted === undefined || own === undefined || own === wanted
  })
}

/** As the site scores its primary file, with what was asked for above all. */
function scoreOf(file: CivitaiFile, { modelType }: CivitaiVersion, choice: Choice): number {
  const main = file.type === OWN_FILE_TYPES[modelType] || MAIN_TYPES.has(file.type)
  const asked = (['format', 'size', 'fp'] as const).filter((key) => {
    return choice[key] !== undefined && file[key]?.toLowerCase() === choice[key]?.toLowerCase()
  })
  return (
    (main ? 1000 : 0) +
    100_000 * asked.length +
    (isSafetensors(file) ? 100 : 0) +
    (file.size === 'pruned' ? 10 : 0) +
    (file.fp === 'fp16' ? 1 : 0)
  )
}

/** By its name only where the site says nothing. */
function isSafetensors({ format, name }: CivitaiFile): boolean {
  return format === undefined ? /\.safetensors$/i.test(name) : format === 'SafeTensor'
}

function noFiles(version: CivitaiVersion): SdtoolError {
  const { mode } = version
  if (mode === 'Archived' || mode === 'TakenDown')
    return new SdtoolError(
      'CIVITAI_ARCHIVED',
      `${title(version)}: the model is ${mode === 'Archived' ? 'archived' : 'taken down'}, its files cannot be downloaded any more`,
    )
  return new SdtoolError('CIVITAI_NO_FILE', `${title(version)} has no files`, {
    hint: 'It may be a draft, or usable on the site only: see its page.',
  })
}

function noneFits(version: CivitaiVersion, choice: Choice): SdtoolError {
  const asked = (['type', 'format', 'size', 'fp'] as const).flatMap((key) =>
    choice[key] === undefined ? [] : [`${key} ${choice[key]}`],
  )
  const what = asked.length > 0 ? `no file with ${printable(asked.join(', '))}` : 'no model file'
  return new SdtoolError(
    'CIVITAI_NO_FILE',
    `${title(version)} has ${what}, only ${fileList(version.files)}`,
    {
      hint: 'Take one of them with --file ID.',
    },
  )
}

/** A longer list helps nobody choose. */
const MAX_LISTED = 12

export function fileList(files: readonly CivitaiFile[]): string {
  const shown = files.slice(0, MAX_LISTED).map((file) => {
    const facts = [file.type, file.format, file.size, file.fp].filter((fact) => fact !== undefined)
    return `${file.id ?? '?'} ${printable(file.name)} (${printable(facts.join(', '))})`
  })
  const more = files.length > MAX_LISTED ? ` and ${files.length - MAX_LISTED} more` : ''
  return shown.join('; ') + more
}

export function title({ id, name, modelName }: CivitaiVersion): string {
  return `${printable(modelName, 80)} ${printable(name, 40)} (version ${id})`
}
