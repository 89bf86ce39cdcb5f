/** Texts that hold other texts: what a PNG has under a keyword each, other formats have in one. */
import type { ImageText } from './image-text.ts'
import { jsonMembers } from './json-members.ts'
import { XMP_KEYWORD, xmpTexts } from './xmp.ts'

/** The texts in the texts; what holds none stays as it is. A packet of XMP stays, too: it has more than is read of it. */
export function unwrapTexts(texts: readonly ImageText[]): ImageText[] {
  return texts.flatMap((text) => {
    if (text.keyword === XMP_KEYWORD) return [text, ...xmpTexts(text.text)]
    return labelled(text) ?? textsInJson(text) ?? [text]
  })
}

/** Tags of EXIF in which nodes of ComfyUI put JSON behind a label. */
const LABELLED: ReadonlySet<string> = new Set(['DocumentName', 'ImageDescription', 'Make', 'Model'])

/** `workflow:{...}`: SaveAnimatedWEBP. `Workflow: {...}`: Save Image Extended. */
function labelled({ keyword, text }: ImageText): ImageText[] | undefined {
  const label = LABELLED.has(keyword) ? /^([A-Za-z_][\w-]{0,60}): ?(?=[{[])/.exec(text) : undefined
  return label ? [{ keyword: label[1]!.toLowerCase(), text: text.slice(label[0].length) }] : undefined
}

/** Keywords of texts that are a whole picture's. */
const COMMENTS: ReadonlySet<string> = new Set(['UserComment', 'Comment'])

function textsInJson({ keyword, text }: ImageText): ImageText[] | undefined {
  const members = COMMENTS.has(keyword) ? jsonMembers(text) : undefined
  return members && (graphs(members) ?? strings(members))
}

/** ComfyUI, in EXIF: the graph that was run and the one on the screen, each an object. */
function graphs(members: ReadonlyMap<string, string>): ImageText[] | undefined {
  const isGraph = (key: string) => members.get(key)?.startsWith('{') === true
  if (!isGraph('prompt') && !isGraph('workflow')) return undefined
  return [...members].map(([keyword, text]) => ({ keyword, text }))
}

/** NovelAI, in EXIF: the texts that its PNGs have. */
function strings(members: ReadonlyMap<string, string>): ImageText[] | undefined {
  return members.has('Comment') && members.has('Software') ? membersAsTexts(members) : undefined
}

/** An object that holds texts and nothing else, each as a text of its own. */
export function textMembers(json: string): ImageText[] | undefined {
  const members = jsonMembers(json)
  const isPlain = members && [...members.values()].every((text) => text.startsWith('"'))
  return isPlain ? membersAsTexts(members) : undefined
}

function membersAsTexts(members: ReadonlyMap<string, string>): ImageText[] {
  return [...members].map(([keyword, text]) => ({
    keyword,
    text: text.startsWith('"') ? JSON.parse(text) : text,
  }))
}
