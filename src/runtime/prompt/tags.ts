/**
 * What stands in a prompt and is not part of its text: comments, and tags such as `<lora:name:0.7>`.
 * Source: A1111 and Forge, modules/processing_scripts/comments.py, modules/extra_networks.py
 */
import { PY_WORD } from '../../image/infotext/python-text.ts'

/** Comments end with their line. A line that is a comment leaves its end, and so does a comment in one. */
export function withoutComments(prompt: string): string {
  return prompt.replace(/(?:^|\n)#[^\n]*(?:\n|$)/g, '\n').replace(/#[^\n]*(?:\n|$)/g, '\n')
}

/** `<word:anything>`. A1111 takes all of them out of a prompt, also those that nothing of it knows. */
const RE_TAG = new RegExp(`<([${PY_WORD}]+):([^>]+)>`, 'gu')

export interface PromptTag {
  /** As it was written. */
  readonly text: string
  /** `lora`, `hypernet` .. */
  readonly kind: string
}

export interface TaggedPrompt {
  /** Without the tags; spaces and commas around them stay, as in A1111. */
  readonly prompt: string
  readonly tags: readonly PromptTag[]
}

export function splitTags(prompt: string): TaggedPrompt {
  const tags = [...prompt.matchAll(RE_TAG)].map(([text, kind]) => ({ text, kind: kind! }))
  return { prompt: prompt.replace(RE_TAG, ''), tags }
}

/** LoRAs, also under the name that the LyCORIS extension gave them. */
export function isLoraTag({ kind }: PromptTag): boolean {
  return /^(?:lora|lyco)$/i.test(kind)
}
