/** The few properties of an XMP packet that programs of this field write. Source: ISO 16684-1, section 7. */
import type { ImageText } from './image-text.ts'

/** Of the packet, in a PNG (XMP specification, part 3, 1.1.5); the same here in every format. */
export const XMP_KEYWORD = 'XML:com.adobe.xmp'

/** Draw Things puts its settings into a comment, a text for people into the description. */
const PROPERTIES: Readonly<Record<string, string>> = {
  'xmp:CreatorTool': 'CreatorTool',
  'exif:UserComment': 'UserComment',
  'dc:description': 'Description',
}

/** Properties with a text, of an element or an attribute; of several languages the first. */
export function xmpTexts(packet: string): ImageText[] {
  return Object.entries(PROPERTIES).flatMap(([name, keyword]) => {
    const text = elementText(packet, name) ?? attributeText(packet, name)
    return text === undefined ? [] : [{ keyword, text: unescaped(text) }]
  })
}

function elementText(packet: string, name: string): string | undefined {
  const inside = between(packet, `<${name}>`, `</${name}>`)
  if (inside === undefined) return undefined
  const item = between(inside, '<rdf:li', '</rdf:li>')
  return item === undefined ? inside : item.slice(item.indexOf('>') + 1)
}

function attributeText(packet: string, name: string): string | undefined {
  return between(packet, ` ${name}="`, '"')
}

function between(text: string, open: string, close: string): string | undefined {
  const start = text.indexOf(open)
  const end = start < 0 ? -1 : text.indexOf(close, start + open.length)
  return end < 0 ? undefined : text.slice(start + open.length, end)
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

/** XML 1.0, 4.1 and 4.6. */
function unescaped(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(lt|gt|quot|apos|amp));/gi,
    (whole, hex, decimal, name) => {
      if (name !== undefined) return ENTITIES[name.toLowerCase()]!
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole
    },
  )
}
