/** What NovelAI writes beside the settings: the version of its model, and a prompt for each character (V4). */
import { type JsonValue, jsonEntries } from '../../system/json.ts'
import type { ImageText } from '../texts/image-text.ts'
import { type FurtherFacts, textAt, valueAt } from './form.ts'

export function novelAiFacts(object: JsonValue, texts: readonly ImageText[]): Partial<FurtherFacts> {
  const textOf = (keyword: string) => texts.find((text) => text.keyword === keyword)?.text
  const [model, description] = [textOf('Source'), textOf('Description')]
  // before V3 the prompt is in the description alone
  const isElsewhere = textAt(object, ['prompt', 'v4_prompt.caption.base_caption']) === undefined
  return {
    ...(isElsewhere && description !== undefined && { prompt: description }),
    settings: [
      ...characters(object, 'v4_prompt', 'Character'),
      ...characters(object, 'v4_negative_prompt', 'Character negative'),
      ...(model === undefined ? [] : [['Model', model] as const]),
    ],
  }
}

function characters(object: JsonValue, key: string, title: string): [string, string][] {
  const captions = valueAt(object, `${key}.caption.char_captions`)
  return jsonEntries(Array.isArray(captions) ? Object.fromEntries(captions.entries()) : undefined).flatMap(
    ([index, caption]) => {
      const text = textAt(caption, ['char_caption'])
      return text ? [[`${title} ${Number(index) + 1}`, text] as [string, string]] : []
    },
  )
}
