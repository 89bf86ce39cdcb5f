/** The page about recipes: `docs/recipe.md`. */
import type * as v from 'valibot'
import {
  buildRecipe,
  parseRecipe,
  RECIPE_KEY,
  type Recipe,
  recipeInput,
} from '../src/model/metadata/recipe.ts'
import { rankRule } from '../src/operations/lora/factor-options.ts'
import { operationOfRecipe } from '../src/operations/recipe.ts'
import { OPERATIONS } from '../src/operations/registry.ts'
import { dtypeChoiceSchema, dtypeNameSchema, loraRatio, selector } from '../src/operations/schema.ts'
import { WASM_ENGINE } from '../src/tensor/numeric/wasm-matmul.ts'
import { type OptionText, RECIPE_OPTIONS } from './recipe-options.ts'
import { optionTypes, schemaText } from './schema-text.ts'

/** What several verbs take, under the names of the section that explains it. */
const SHARED: readonly (readonly [name: string, schema: v.GenericSchema, meaning: string])[] = [
  ['type', dtypeNameSchema, 'a type of weights; `keep` leaves them as they are'],
  ['component', selector, 'a component by its id, or all of a role (`unet`, `text`, `vae`, `ema` ...)'],
  ['types', dtypeChoiceSchema, '`all` for all weights, `by` for single components'],
  ['ratio', loraRatio, 'a strength for the UNet or transformer, and one for the text encoders; 1 is full'],
  [
    'rank rule',
    rankRule,
    '`fixed`: the same rank for every layer. `sv_ratio`: singular values larger than the first one / `target`. `sv_cumulative`: as many as have this share of their sum. `sv_fro`: as many as have this share of the norm. Never more than `limit`',
  ],
]

const NAMED = new Map<unknown, string>(SHARED.map(([name, schema]) => [schema, `[${name}](#shared-types)`]))

/** The recipe of two LoRAs in a checkpoint. */
export const EXAMPLE: Recipe = buildRecipe({
  version: 2,
  sdtool: '0.2.0',
  operation: 'merge-lora',
  produced: new Date('2026-11-30T12:00:00Z'),
  inputs: [
    recipeInput(
      {
        name: 'v1-5-pruned-emaonly.safetensors',
        bytes: 4265146304,
        sha256: '6ce0161689b3853acaa03779ec93eafe75a02f4ced659bee03f50797806fa2fa',
        autoV1: '1a189f0b',
      },
      {},
    ),
    recipeInput({ name: 'style.safetensors', bytes: 37861176, sha256: 'a'.repeat(64) }, {}),
    recipeInput({ name: 'detail.safetensors', bytes: 151113504, sha256: 'b'.repeat(64) }, {}),
  ],
  options: {
    loras: [{ ratio: { unet: 0.7, text: 0.7 } }, { ratio: { unet: 0.5, text: 0 }, blocks: 'OUT*=0.5' }],
    dtype: { all: 'fp16', by: { vae: 'fp32' } },
  },
  engine: WASM_ENGINE,
})

/** @throws Error for an option without a meaning, or a meaning without an option */
export function recipePage(): string {
  const example = JSON.stringify(EXAMPLE, null, 2)
  if (parseRecipe(example) === undefined) throw new Error('the example is not a recipe')
  operationOfRecipe(EXAMPLE)
  return [
    HEAD,
    '```json\n',
    example,
    '\n```\n',
    FIELDS,
    sharedTypes(),
    ...OPERATIONS.map(verbSection),
    TAIL,
  ].join('')
}

function sharedTypes(): string {
  const rows = SHARED.map(([name, schema, meaning]) => {
    const others = new Map([...NAMED].filter(([other]) => other !== schema))
    return `| ${name} | ${cell(schemaText(schema, others))} | ${meaning} |\n`
  })
  return `\n## Shared types\n\n| name | JSON | meaning |\n|---|---|---|\n${rows.join('')}\n## Options by operation\n\nOptions that are not set, false or empty are left out.\n`
}

function verbSection({ verb, schema }: (typeof OPERATIONS)[number]): string {
  const variants = RECIPE_OPTIONS[verb] ?? []
  const types = optionTypes(schema, NAMED)
  if (variants.length !== types.length)
    throw new Error(`${verb}: ${types.length} operations, ${variants.length} texts`)
  return types
    .map((own, i) => `\n### \`${verb}\`: ${variants[i]![0]}\n\n${table(verb, own, variants[i]![1])}`)
    .join('')
}

function table(
  verb: string,
  types: ReadonlyMap<string, string>,
  texts: Readonly<Record<string, OptionText>>,
): string {
  const stray = Object.keys(texts).find((name) => !types.has(name))
  if (stray !== undefined) throw new Error(`${verb} has no option ${stray}`)
  const rows = [...types].map(([name, type]) => {
    const text = texts[name]
    if (text === undefined) throw new Error(`${verb}: nothing says what ${name} is`)
    return `| \`${name}\` | ${cell(type)} | ${text[0]} | ${text[1]} |\n`
  })
  return `| option | type | default | meaning |\n|---|---|---|---|\n${rows.join('')}`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

const HEAD = `# Recipes

Made by \`npm run docs\`; names and types of options come from the schemas that sdtool reads recipes with.

A recipe says how a model file was made, completely enough to make it again: which operation, from which inputs, with which
options. Every model file that sdtool writes has one, as JSON text under the metadata key \`${RECIPE_KEY}\`: in the
\`__metadata__\` of safetensors, as an entry of the top-level dictionary of a torch file. Other programs ignore it.

\`\`\`sh
sdtool inspect mix.safetensors --json     # the recipe, under "summary.recipe"
sdtool replay mix.safetensors             # make the file again
sdtool verify mix.safetensors --deep      # make it again and compare every tensor
\`\`\`

## An example

`

const FIELDS = `
## Fields

| field | type | meaning |
|---|---|---|
| \`version\` | 2 | version of this format; 1 is read as well, see below |
| \`sdtool\` | text | version of the program |
| \`operation\` | text | one of the operations below, called as the command |
| \`produced\` | text | when the file was made: ISO 8601, UTC |
| \`inputs\` | list | the files it was made from, in the order that the operation takes them |
| \`options\` | object | options of the operation: those that were given, and what was chosen where nothing was |
| \`engine\` | text | what multiplied matrices, where products went into the result; it decides their last bits |

Of an input:

| field | type | meaning |
|---|---|---|
| \`name\` | text | file name, without folders |
| \`bytes\` | integer | size of the file |
| \`sha256\` | 64 hex digits | of the whole file |
| \`autoV1\` | 8 hex digits | AUTOMATIC1111's first hash: of 64 KiB in the file, starting at 1 MiB |
| \`autoV3\` | 64 hex digits | SHA-256 of a safetensors file without its header |
| \`companion\` | { name: text, sha256: 64 hex digits } | a file next to it that decided the result: \`adapter_config.json\` of PEFT |
| \`recipe\` | recipe | how the input was made, if sdtool made it |
| \`recipeOmitted\` | true | it had a recipe, which was left out |

Inputs up to 512 MiB have all three hashes. Larger ones have \`autoV1\`; \`merge\`, \`merge-lora\` and \`bake-vae\` compute all of
them unless \`--no-hash\` is given, the other commands with \`--hash\`.

A recipe has at most 64 KiB and 12 generations of ancestors. Where it would be larger, the oldest generations are left out.
`

const TAIL = `
## Replay

\`sdtool replay FILE\` reads the recipe of a file, or a JSON file with a recipe alone, and makes the file again. Inputs are
looked up by name in the folder of the file and in \`--models\`, and must have the size and the hashes of the recipe. An input
that is gone is made again first, where its recipe is in that of the file and its own inputs are there. The result is then
compared with the file: safetensors by AutoV3, which leaves out the metadata and with it the time, torch files tensor by
tensor. Where the result differs only in products of matrices, \`engine\` names what computed them: native code may round
differently on another processor.

Unknown fields of a recipe are ignored. An unknown operation, option or value is refused (\`RECIPE_UNKNOWN\`,
\`RECIPE_UNREADABLE\`): leaving it out would give another result.

## Version 1

sdtool 0.1 wrote version 1, with options spelled as on the command line. They are read as follows:

| version 1 | version 2 |
|---|---|
| \`"dtype": ["fp16", "vae=fp32"]\` of \`convert\`, \`prune\`, \`merge\`, \`merge-lora\` | \`"dtype": { "all": "fp16", "by": { "vae": "fp32" } }\` |
| \`"blocks-beta"\` of \`merge\` | \`"betaBlocks"\` |
| \`"ratios": [0.7]\` and \`"blocks": ["MIDD"]\` of \`merge-lora\` | \`"loras": [{ "ratio": { "unet": 0.7, "text": 0.7 }, "blocks": "MIDD" }]\` |
| \`"ratios": [0.7]\` of \`lora merge\` | \`"ratios": [{ "unet": 0.7, "text": 0.7 }]\` |
| \`"rank": "32"\`, \`"dynamic": "sv_fro=0.9"\` of \`extract lora\`, \`lora resize\` | \`"rank": { "method": "sv_fro", "target": 0.9, "limit": 32 }\` |
| \`"engine"\` among the options | \`"engine"\` of the recipe |

## Privacy

A recipe is published with the file. It has names of files, but no folders, no user name and nothing about the computer but
the engine. It does have what was typed into options: patterns, the name of an embedding, the prompt of
\`extract embeddings --prompt\`. Recipes of the inputs are in it as well. To publish a file without it, remove the metadata
key; the weights do not depend on it.
`
