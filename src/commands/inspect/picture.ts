/** Pictures among the files of `sdtool inspect`: how they were made. */
import { IMAGE_HEAD, type ImageFile, imageFormat, openImage } from '../../image/open.ts'
import { hashWithProgress } from '../../operations/hashing.ts'
import { embeddingJson } from '../../operations/inspect/json.ts'
import { type PictureFacts, pictureFacts } from '../../operations/inspect/picture.ts'
import type { InspectResult } from '../../operations/inspect/schema.ts'
import { findingJson } from '../../report/document/envelope.ts'
import { formatTable } from '../../report/text/table.ts'
import { formatBytes, type Paint } from '../../report/text/text.ts'
import { hanging } from '../../report/text/wrap.ts'
import { openRegularFile } from '../../system/bytes.ts'
import { refuse, withFileName } from '../../system/errors.ts'
import type { Hashes } from '../../system/hash.ts'
import { printable } from '../../system/text.ts'
import type { World } from '../../system/world.ts'
import { findingLines } from '../shared/findings-text.ts'
import { embeddingFacts, type FactLine, vectorSizes } from './facts.ts'
import { messages } from './messages.ts'
import { factLines, lineWith, SECTION_INDENT, section } from './page.ts'

/** A picture and what its texts say. */
export interface PictureInspection {
  readonly path: string
  readonly bytes: number
  readonly picture: ImageFile
  readonly facts: PictureFacts
  readonly hashes: Hashes
}

/** A PNG of 8192 x 8192 pixels that could not be compressed. What is larger comes from no sampler. */
const MAX_PICTURE_BYTES = 256 * 1024 * 1024

/** Whether a file is a picture, by its first bytes. */
export async function isPicture(path: string): Promise<boolean> {
  const handle = await openRegularFile(path).catch(() => undefined)
  try {
    const head = Buffer.alloc(IMAGE_HEAD)
    await handle?.read(head, 0, IMAGE_HEAD, 0)
    return imageFormat(head) !== undefined
  } catch {
    return false
  } finally {
    await handle?.close()
  }
}

/** @throws PICTURE_TOO_LARGE (exit 3), what `openRegularFile` and `openImage` throw */
export async function inspectPicture(
  path: string,
  options: { readonly hashes: boolean; readonly brief: boolean },
  world: World,
): Promise<PictureInspection> {
  const bytes = await readPicture(path)
  let picture: ImageFile
  try {
    picture = openImage(bytes)
  } catch (error) {
    throw withFileName(path, error)
  }
  return {
    path,
    bytes: bytes.byteLength,
    picture,
    // a list of files is there to be fast
    facts: await pictureFacts(picture, options.brief ? 'texts' : 'texts and pixels'),
    hashes: options.hashes ? await hashWithProgress(path, ['sha256', 'crc32', 'blake3'], world) : {},
  }
}

async function readPicture(path: string): Promise<Uint8Array> {
  const handle = await openRegularFile(path)
  try {
    const { size } = await handle.stat()
    if (size > MAX_PICTURE_BYTES) {
      throw refuse('PICTURE_TOO_LARGE', messages.pictureTooLarge(path, size, MAX_PICTURE_BYTES))
    }
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}

/** Texts by keyword; of those with the same one the last counts, as in Pillow. */
export function pictureMetadata({ facts }: PictureInspection): Readonly<Record<string, string>> {
  return Object.fromEntries(facts.texts.map(({ keyword, text }) => [keyword, text]))
}

/** The result of `inspect --json`. Keys are a contract: add, never rename. */
export function pictureJson(inspection: PictureInspection): InspectResult {
  const { path, bytes, picture, facts, hashes } = inspection
  const { parameters, program, embedding, findings } = facts
  const { format, title, width, height } = picture
  return {
    path,
    bytes,
    format,
    kind: 'picture',
    title,
    picture: { width, height },
    program: program ?? null,
    parameters: parameters ? { ...parameters, settings: Object.fromEntries(parameters.settings) } : null,
    embedding: embedding ? embeddingJson(embedding) : null,
    metadata: pictureMetadata(inspection),
    hashes,
    findings: findings.map(findingJson),
    error: null,
  }
}

function headline({ picture, bytes, facts }: PictureInspection): string {
  const { title, width, height } = picture
  const { program, embedding } = facts
  const by = program === undefined ? [] : [messages.pictureMadeBy(program)]
  const holding = embedding
    ? [messages.withEmbedding(embedding.name && printable(embedding.name, 60), vectorSizes(embedding))]
    : []
  return [title, messages.pixels(width, height), formatBytes(bytes), ...by, ...holding].join(', ')
}

/** The page about a picture. */
export function picturePage(inspection: PictureInspection, paint: Paint): string {
  const { path, facts, hashes } = inspection
  const { parameters, embedding, findings, texts } = facts
  const width = paint.width - SECTION_INDENT
  const settings: FactLine[] = [...(parameters?.settings ?? [])]
  const isSilent = texts.length === 0 && embedding === undefined && findings.length === 0
  const sections = [
    `${paint('bold', printable(path, 300))}\n  ${hanging(headline(inspection), paint.width, 2)}`,
    section(messages.prompt, parameters?.prompt ? promptText(parameters.prompt, width) : ''),
    section(messages.negativePrompt, parameters?.negative ? promptText(parameters.negative, width) : ''),
    section(messages.settings, factLines(settings, width)),
    section(messages.embedding, embedding ? factLines(embeddingFacts(embedding), width) : ''),
    section(messages.alsoInFile, otherTexts(facts)),
    section(messages.hashes, factLines(Object.entries(hashes), width)),
    section(messages.findings, findingLines(findings, paint, SECTION_INDENT).join('\n')),
    isSilent ? `  ${messages.noPictureText}` : '',
  ]
  return `${sections.filter(Boolean).join('\n\n')}\n`
}

/** A prompt is there to be copied: whole, in its own lines. */
function promptText(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => `  ${hanging(printable(line, Number.POSITIVE_INFINITY), width, 2)}`)
    .join('\n')
}

/** Programs write three or four. */
const MAX_TEXTS_SHOWN = 50

/** Texts that are not shown: workflows, or all of them where no parameters were understood. */
function otherTexts({ texts, parameters }: PictureFacts): string {
  const rows = texts
    .filter(({ keyword }) => keyword !== parameters?.keyword)
    .map(({ keyword, text }) => [
      printable(keyword, 60),
      printable(text.slice(0, 60), 60),
      formatBytes(Buffer.byteLength(text)),
    ])
  if (rows.length === 0) return ''
  const columns = [
    { head: messages.text },
    { head: messages.begins },
    { head: messages.size, align: 'right' },
  ] as const
  const more = rows.length > MAX_TEXTS_SHOWN ? `\n  ${messages.more(rows.length - MAX_TEXTS_SHOWN)}` : ''
  return formatTable(columns, rows.slice(0, MAX_TEXTS_SHOWN)) + more
}

/** One line for a list of files. */
export function pictureLine(inspection: PictureInspection, paint: Paint): string {
  const { path, facts } = inspection
  return lineWith([printable(path, 300), headline(inspection)], facts.findings, paint)
}
