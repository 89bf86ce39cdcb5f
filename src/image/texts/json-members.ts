/** Members of a JSON object as they are written: a seed of 64 bits keeps its digits, a workflow its form. */
import { isJsonObject, parseJsonText } from '../../system/json.ts'
import { MAX_TEXT_BYTES, withoutNuls } from './image-text.ts'

/** Text of each value by its key, the last of equal ones. Undefined if the text is not an object. */
export function jsonMembers(text: string): ReadonlyMap<string, string> | undefined {
  const json = withoutNuls(text)
  if (!isJsonObject(parseJsonText(json, MAX_TEXT_BYTES))) return undefined
  const marks = outerMarks(json)
  const members = new Map<string, string>()
  for (let i = 0; i + 2 < marks.length; i += 2) {
    const [before, colon, behind] = marks.slice(i, i + 3) as [number, number, number]
    members.set(JSON.parse(json.slice(before + 1, colon)), json.slice(colon + 1, behind).trim())
  }
  return members
}

/** Where the braces, colons and commas of the outermost object are, in text that is known to be JSON. */
function outerMarks(json: string): number[] {
  const marks: number[] = []
  let depth = 0
  for (let at = 0; at < json.length; at++) {
    const c = json[at]!
    if (c === '"') at = stringEnd(json, at)
    else if ('{['.includes(c) && depth++ === 0) marks.push(at)
    else if ('}]'.includes(c) && --depth === 0) marks.push(at)
    else if (':,'.includes(c) && depth === 1) marks.push(at)
  }
  return marks
}

/** Index of the quote that ends the string which begins at `at`. */
function stringEnd(text: string, at: number): number {
  let end = at + 1
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1
  return end
}
