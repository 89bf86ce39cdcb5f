/** How a picture was made, and by which program, as its texts tell. */
import { type Infotext, parseInfotext } from './infotext/parse.ts'
import { readDream } from './programs/dream.ts'
import { type JsonText, readForm } from './programs/form.ts'
import { PROGRAM_FORMS } from './programs/forms.ts'
import type { ImageText } from './texts/image-text.ts'
import { jsonMembers } from './texts/json-members.ts'

export interface PictureParameters extends Infotext {
  /** Of the text they were read from. */
  readonly keyword: string
}

/** What is not told is undefined. */
export interface PictureOrigin {
  readonly program?: string
  readonly parameters?: PictureParameters
}

/** The forms of programs first: a prompt of theirs may look like settings of A1111. */
export function pictureOrigin(texts: readonly ImageText[]): PictureOrigin {
  const objects = texts.flatMap(jsonTexts)
  for (const form of PROGRAM_FORMS) {
    const parameters = readForm(form, texts, objects)
    if (parameters === undefined) continue
    const program = form.program ?? programOf(texts)
    return { parameters, ...(program !== undefined && { program }) }
  }
  const dream = readDream(texts)
  const parameters = dream ?? infotextIn(texts)
  const program = dream ? 'InvokeAI' : programOf(texts)
  return { ...(parameters && { parameters }), ...(program !== undefined && { program }) }
}

const FORM_KEYWORDS: ReadonlySet<string> = new Set(PROGRAM_FORMS.flatMap(({ keywords }) => keywords))

function jsonTexts({ keyword, text }: ImageText): JsonText[] {
  const members = FORM_KEYWORDS.has(keyword) ? jsonMembers(text) : undefined
  return members ? [{ keyword, members }] : []
}

interface InfotextPlace {
  readonly keyword: string
  /** Of A1111's own: what is not settings is a prompt. Other texts are taken for its only if they say `Steps`. */
  readonly isOwn: boolean
}

/** Where A1111 and what writes like it put their text: PNG keyword, EXIF tag, comment of a JPEG or GIF. */
const INFOTEXT_PLACES: readonly InfotextPlace[] = [
  { keyword: 'parameters', isOwn: true },
  { keyword: 'UserComment', isOwn: false },
  { keyword: 'Comment', isOwn: false },
  { keyword: 'Description', isOwn: false },
  { keyword: 'ImageDescription', isOwn: false },
]

/** JSON under the same keyword is another program's. */
function infotextIn(texts: readonly ImageText[]): PictureParameters | undefined {
  for (const { keyword, isOwn } of INFOTEXT_PLACES) {
    const text = texts.find((candidate) => candidate.keyword === keyword)?.text
    if (text === undefined || /^\s*[{[]/.test(text)) continue
    const infotext = parseInfotext(text)
    if (infotext.settings.has('Steps') || (isOwn && text.trim() !== '')) return { keyword, ...infotext }
  }
  return descriptionOf(texts)
}

/** NovelAI's description is a prompt, whatever it looks like. */
function descriptionOf(texts: readonly ImageText[]): PictureParameters | undefined {
  const description = texts.find(({ keyword }) => keyword === 'Description')
  if (description === undefined || !isNovelAi(texts)) return undefined
  return { keyword: 'Description', prompt: description.text, negative: '', settings: new Map() }
}

function isNovelAi(texts: readonly ImageText[]): boolean {
  return texts.some(({ keyword, text }) => keyword === 'Software' && text.startsWith('NovelAI'))
}

/** The program that made a picture, where its parameters do not tell. Sources: their code that saves pictures. */
function programOf(texts: readonly ImageText[]): string | undefined {
  const has = (...keywords: readonly string[]) => texts.some(({ keyword }) => keywords.includes(keyword))
  if (has('workflow') || texts.some(({ keyword, text }) => keyword === 'prompt' && text.startsWith('{')))
    return 'ComfyUI'
  if (has('invokeai_graph', 'invokeai_workflow')) return 'InvokeAI'
  return isNovelAi(texts) ? 'NovelAI' : undefined
}
