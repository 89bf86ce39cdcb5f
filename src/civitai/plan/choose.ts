/** Which files of a version the user wants. */
import { EXIT, SdtoolError, usage } from '../../system/errors.ts'
import { printable } from '../../system/text.ts'
import type { FileWish } from '../api/reference.ts'
import type { CivitaiFile, CivitaiVersion } from '../api/shapes.ts'
import { messages } from './messages.ts'

/** One value of `--file`: an ID, or a pattern for the name. */
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

/** Types of the main file of a model; other weights (its VAE) are extras. */
const MAIN_TYPES: ReadonlySet<string> = new Set(['Model', 'Pruned Model', 'Diffusion Model', 'UNet'])

/** Model types whose file has a type of its own. */
const OWN_FILE_TYPES: Readonly<Record<string, string>> = {
  VAE: 'VAE',
  Controlnet: 'ControlNet',
  Upscaler: 'Upscaler',
  TextEncoder: 'Text Encoder',
  CLIPVision: 'CLIPVision',
}

/** Archives of whole folders: programs cannot load them as they are. */
const FOLDER_FORMATS: ReadonlySet<string> = new Set(['Diffusers', 'Core ML', 'ONNX'])

/** Weights in one file; not training data, workflows, configurations or archives of folders. */
export function looksModel({ type, format }: CivitaiFile): boolean {
  return MODEL_TYPES.has(type) && !FOLDER_FORMATS.has(format ?? '')
}

/**
 * The files to download: the one most people want, and a configuration that belongs to it; or those that were named.
 * @throws CIVITAI_NO_FILE, CIVITAI_ARCHIVED (exit 1); CIVITAI_FILE_CHOICE (several are equally good), USAGE for a
 *   pattern that fits nothing (exit 2)
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
    throw usage(messages.noSuchFile(title(version), text), messages.itsFiles(fileList(version.files)))
  return found
}

function bestOf(version: CivitaiVersion, choice: Choice): CivitaiFile {
  const wanted = choice.type === undefined ? version.files.filter(looksModel) : version.files
  const models = wanted.filter((file) => allowed(file, choice))
  const candidates = models.length > 0 ? models : onlyContent(version, choice)
  if (candidates.length === 0) throw noneFits(version, choice)
  const scored = candidates.map((file) => ({ file, score: scoreOf(file, version, choice) }))
  const best = Math.max(...scored.map(({ score }) => score))
  const equal = scored.filter(({ score }) => score === best).map(({ file }) => file)
  const primary = equal.filter((file) => file.primary)
  const chosen = equal.length === 1 ? equal[0] : primary.length === 1 ? primary[0] : undefined
  if (chosen) return chosen
  throw new SdtoolError('CIVITAI_FILE_CHOICE', messages.severalFiles(title(version), fileList(equal)), {
    exitCode: EXIT.usage,
    hint: messages.chooseOneOrAll,
  })
}

/** Files that are never what a version is about. */
const BESIDE_TYPES: ReadonlySet<string> = new Set(['Training Data', 'Config'])

/** Wildcards, poses, workflows, a LoRA in an archive: the only file is what is wanted. None where it is not alone. */
function onlyContent({ files }: CivitaiVersion, choice: Choice): CivitaiFile[] {
  const content = files.filter(
    (file) => !looksModel(file) && !BESIDE_TYPES.has(file.type) && !FOLDER_FORMATS.has(file.format ?? ''),
  )
  const isAlone = content.length === 1 && !files.some(looksModel)
  return isAlone ? content.filter((file) => allowed(file, choice)) : []
}

/** A file's own description must not contradict the choice; many have none. */
function allowed(file: CivitaiFile, choice: Choice): boolean {
  return (['type', 'format', 'size', 'fp'] as const).every((key) => {
    const wanted = choice[key]?.toLowerCase()
    const own = file[key]?.toLowerCase()
    return wanted === undefined || own === undefined || own === wanted
  })
}

/** As the site scores its primary file, except that the user's choice counts most. */
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
    return new SdtoolError('CIVITAI_ARCHIVED', messages.filesGone(title(version), mode))
  return new SdtoolError('CIVITAI_NO_FILE', messages.noFiles(title(version)), { hint: messages.mayBeDraft })
}

function noneFits(version: CivitaiVersion, choice: Choice): SdtoolError {
  const asked = (['type', 'format', 'size', 'fp'] as const).flatMap((key) =>
    choice[key] === undefined ? [] : [`${key} ${choice[key]}`],
  )
  const message = messages.noFileWith(title(version), asked, fileList(version.files))
  return new SdtoolError('CIVITAI_NO_FILE', message, { hint: messages.chooseOne })
}

/** Longer lists are of no use for choosing. */
const MAX_LISTED = 12

function fileList(files: readonly CivitaiFile[]): string {
  const shown = files.slice(0, MAX_LISTED).map((file) => {
    const facts = [file.type, file.format, file.size, file.fp].filter((fact) => fact !== undefined)
    return `${file.id ?? '?'} ${printable(file.name)} (${printable(facts.join(', '))})`
  })
  return messages.fileList(shown, files.length - shown.length)
}

/** "DreamShaper 8 (version 128713)" */
export function title({ id, name, modelName }: CivitaiVersion): string {
  return messages.versionTitle(modelName, name, id)
}
