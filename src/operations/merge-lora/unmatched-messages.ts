/** Texts about LoRAs, or parts of them, that fit nowhere in a base. */
import { MAX_NAMES } from '../../model/finding.ts'
import { catalogue } from '../../system/language.ts'
import { plural } from '../../system/plural.ts'
import { quoted } from '../../system/text.ts'

/** Modules or keys that one reason keeps from being merged. */
export interface UnmatchedFacts {
  readonly lora: string
  readonly count: number
  /** All modules of the LoRA, where the count is given as a part of them. */
  readonly of?: number
  /** The part of the base they are all for. */
  readonly part?: string
  /** Of all of them. */
  readonly names: readonly string[]
  /** The parts they are for, in place of the names. */
  readonly parts?: readonly string[]
  /** What is wrong with the first one: "it is for 2048 inputs, the weight has 768". */
  readonly detail?: string
}

/** `which` of its modules, with examples. */
function modules(facts: UnmatchedFacts, which: string): string {
  const { count, of } = facts
  return said(
    facts,
    of === undefined ? plural(count, 'module') : `${count} of ${plural(of, 'module')}`,
    which,
  )
}

function said(facts: UnmatchedFacts, subject: string, which: string): string {
  const { lora, part, names, parts, detail } = facts
  const where = part === undefined ? '' : `${part}: `
  const shown = names.slice(0, MAX_NAMES).map(quoted)
  const examples = parts ?? (names.length > MAX_NAMES ? [...shown, '...'] : shown)
  const first = detail === undefined ? '' : names.length === 1 ? `: ${detail}` : `; the first one: ${detail}`
  return `${lora}: ${where}${subject} ${which} (${examples.join(', ')})${first}`
}

export const messages = catalogue({
  'doubled-prefix': (facts: UnmatchedFacts) =>
    modules(facts, 'with a doubled prefix, so that it names no layer'),
  'no-part': (facts: UnmatchedFacts) => modules(facts, 'for a part that the base does not have'),
  'unknown-name': (facts: UnmatchedFacts) => modules(facts, 'without a layer in the base'),
  misfit: (facts: UnmatchedFacts) => modules(facts, 'with a shape that does not fit the layer'),
  incomplete: (facts: UnmatchedFacts) => modules(facts, 'with a tensor missing'),
  'no-bias': (facts: UnmatchedFacts) => modules(facts, 'for a bias that the layer does not have'),
  'same-layer': (facts: UnmatchedFacts) => modules(facts, 'for a layer that another module also changes'),
  'alpha-zero': (facts: UnmatchedFacts) => modules(facts, 'with alpha 0, which would change nothing'),
  stray: (facts: UnmatchedFacts) => said(facts, plural(facts.count, 'key'), 'that no module uses'),

  onlyRoles: (roles: readonly string[]) => `it has only ${roles.join(', ')}`,
  growsPart: 'it makes a part of a weight larger',
  growsTooLarge: (shape: readonly number[]) => `it makes the weight as large as [${shape}]`,

  lllite: (lora: string) =>
    `${lora} is a ControlNet-LLLite, which works next to a model and cannot be merged into one`,
  controlLora: (lora: string) =>
    `${lora} is a control-lora, which turns a model into a ControlNet and cannot be merged into one`,
  cascade: (lora: string) => `${lora} is for Stable Cascade, whose layers sdtool does not know`,
  inFile: (lora: string, why: string) => `${lora}: ${why}`,

  baseNotModel: (base: string, title: string) =>
    `${base} is not a model that LoRAs can be merged into: ${title}`,
  baseFirst: 'The base comes first: sdtool merge-lora base lora.',
  noKnownArchitecture: 'of no known architecture',
  unknownBaseHint: 'sdtool inspect shows what is known of each of them.',

  leftOut: (lora: string, count: number) =>
    `${lora}: the options leave out all of its ${plural(count, 'module')}`,
  seeOptions: 'See --only, --include, --exclude, --blocks and the ratios.',
  onlyOther: (side: string) => `--only ${side} leaves them out.`,
  allowUnmatched: (rest: number) => `--allow-unmatched merges the other ${plural(rest, 'module')}.`,
  wrongArchitecture: (lora: string, family: string, base: string) =>
    `${lora}: this is a ${family} LoRA, the base is ${base}`,
  wrongArchitectureBecause: (lora: string, family: string, base: string, why: string) =>
    `${lora}: this is a ${family} LoRA, the base is ${base}: ${why}`,
  otherFamilies: (count: number) => `${count} other families`,
  otherWidth: (layer: string, expected: number, found: number | undefined) =>
    `${layer} expects ${expected}, the base has ${found}`,
  nearest: (module: string, layer: string) =>
    `the layer most similar to ${quoted(module)} is ${quoted(layer)}`,
})
