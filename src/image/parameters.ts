/** Which text of a picture says how it was made. */
import type { ImageText } from './exif.ts'
import { type Infotext, parseInfotext } from './infotext/parse.ts'

/** Where A1111 and what writes like it put their text: PNG keyword, EXIF tag. */
const INFOTEXT_KEYWORDS: readonly string[] = ['parameters', 'UserComment', 'Description', 'ImageDescription']

export interface PictureParameters extends Infotext {
  /** Of the text they were read from. */
  readonly keyword: string
}

/** Generation parameters in the form of A1111, if a text has any. JSON under the same keyword is another program's. */
export function pictureParameters(texts: readonly ImageText[]): PictureParameters | undefined {
  for (const keyword of INFOTEXT_KEYWORDS) {
    const text = texts.find((candidate) => candidate.keyword === keyword)?.text
    if (text === undefined || /^\s*[{[]/.test(text)) continue
    const infotext = parseInfotext(text)
    if (infotext.settings.size > 0) return { keyword, ...infotext }
  }
  return undefined
}

/** Programs that can be told by their texts. Sources: their code that saves pictures. */
const PROGRAMS: readonly { readonly name: string; knows(texts: readonly ImageText[]): boolean }[] = [
  { name: 'ComfyUI', knows: hasKeyword('workflow', 'prompt') },
  { name: 'InvokeAI', knows: hasKeyword('invokeai_metadata', 'sd-metadata', 'invokeai_graph') },
  {
    name: 'NovelAI',
    knows: (texts) => texts.some(({ keyword, text }) => keyword === 'Software' && text.startsWith('NovelAI')),
  },
]

function hasKeyword(...keywords: readonly string[]): (texts: readonly ImageText[]) => boolean {
  return (texts) => texts.some(({ keyword }) => keywords.includes(keyword))
}

/** The program that made a picture, where its texts tell. */
export function pictureProgram(texts: readonly ImageText[]): string | undefined {
  return PROGRAMS.find(({ knows }) => knows(texts))?.name
}
