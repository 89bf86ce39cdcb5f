/** Prompts side by side, `a cat AND a dog:0.5`. Source: A1111, modules/prompt_parser.py; Liu et al. 2022 */
import { PY_DIGIT, PY_SPACE, pythonFloat, wholeWord } from '../../image/infotext/python-text.ts'

export interface WeightedPrompt {
  readonly text: string
  /** Share of its guidance; 1 unless written. */
  readonly weight: number
}

const RE_AND = new RegExp(wholeWord('AND'), 'u')

/** As in A1111 the weight of a prompt stands behind its last colon, also where it is the only one. */
const RE_WEIGHT = new RegExp(
  `^(.*?)(?:[${PY_SPACE}]*:[${PY_SPACE}]*([-+]?(?:${PY_DIGIT}+\\.?|${PY_DIGIT}*\\.${PY_DIGIT}+)))?[${PY_SPACE}]*$`,
  'su',
)

/** At least one. */
export function composedPrompts(prompt: string): WeightedPrompt[] {
  return prompt.split(RE_AND).map((part) => {
    const [, text, weight] = RE_WEIGHT.exec(part)!
    return { text: text!, weight: weight === undefined ? 1 : pythonFloat(weight) }
  })
}
