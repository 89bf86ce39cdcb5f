/** What of `docs` is made from the source is what the source says now. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { toJsonSchema } from '@valibot/to-json-schema'
import type { GenericSchema } from 'valibot'
import { describe, expect, it } from 'vitest'
import { generatedDocs } from '../scripts/docs.ts'
import { errorCodes } from '../scripts/error-codes.ts'
import { EXAMPLE } from '../scripts/recipe-page.ts'
import {
  buildRecipe,
  parseRecipe,
  RECIPE_KEY,
  recipeInput,
  serialiseRecipe,
} from '../src/model/metadata/recipe.ts'
import { operationOfRecipe } from '../src/operations/recipe.ts'
import { OPERATIONS } from '../src/operations/registry.ts'

const ROOT = join(import.meta.dirname, '..')
const docs = generatedDocs()

describe('docs', () => {
  it.each([...docs])('%s is up to date (npm run docs)', (path, text) => {
    expect(readFileSync(join(ROOT, path), 'utf8')).toBe(text)
  })

  it('has no schema of a command that is gone', () => {
    const names = readdirSync(join(ROOT, 'docs/schemas')).map((name) => `docs/schemas/${name}`)
    expect(names.toSorted()).toEqual([...docs.keys()].filter((path) => path.includes('schemas')).toSorted())
  })

  it('has JSON Schemas that allow nothing but what they name', () => {
    for (const [path, text] of docs) {
      if (!path.endsWith('.json')) continue
      const objects = objectsIn(JSON.parse(text))
      expect(objects.length, path).toBeGreaterThan(2)
      for (const { properties, required, additionalProperties } of objects) {
        expect(additionalProperties, path).toBe(false)
        expect(required, path).toEqual(Object.keys(properties))
      }
    }
  })
})

interface ObjectSchema {
  readonly properties: object
  readonly required?: readonly string[]
  readonly additionalProperties?: unknown
}

function objectsIn(schema: unknown): ObjectSchema[] {
  if (typeof schema !== 'object' || schema === null) return []
  const inside = Object.values(schema).flatMap(objectsIn)
  return 'properties' in schema && 'type' in schema ? [schema as ObjectSchema, ...inside] : inside
}

/** Words in the form of a code that are none. */
const NO_CODES =
  /^(?:[A-Z]*Q\d.*|F[68]_.*|GRAD_V|VK_.*|.*_PATH|CUDA_.*|SDTOOL_.*|CIVITAI_(?:API_)?(?:TOKEN|KEY)|(?:UND_)?ERR_.*|MODULE_NOT_FOUND|PRIVATE_ADDRESS)$/

describe('the table of error codes', () => {
  const found = errorCodes()

  it('knows every word of the source that has the form of a code', () => {
    const known = new Set(found.map(({ code }) => code))
    const isKnown = (word: string): boolean =>
      known.has(word) || [...known].some((code) => /^(?:ZIP|GGUF|SAFETENSORS|ONNXRUNTIME)_/.test(code) && code.endsWith(`_${word}`)) // biome-ignore format: a row
    const src = join(ROOT, 'src')
    const words = readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => [
        ...readFileSync(join(src, file), 'utf8').matchAll(/'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)'/g),
      ])
      .map(([, word]) => word!)
    expect(words.length).toBeGreaterThan(200)
    expect([...new Set(words)].filter((word) => !isKnown(word) && !NO_CODES.test(word))).toEqual([])
  })

  it.each([
    ['USAGE', 2],
    ['ZIP_CRC', 3],
    ['SAFETENSORS_HEADER_JSON', 3],
    ['CIVITAI_RATE_LIMIT', 5],
    ['LORA_UNMATCHED', 4],
    ['OUTPUT_EXISTS', 1],
    ['INTERRUPTED', 130],
    ['CIVITAI_NO_VERSION', 1],
  ])('says that %s exits with %i', (code, exitCode) => {
    expect(found.filter((one) => one.code === code).map((one) => one.exitCode)).toContain(exitCode)
  })
})

describe('the page about recipes', () => {
  const page = docs.get('docs/recipe.md') ?? ''

  it('has an example that is a recipe, which an operation can repeat', () => {
    const [, example] = /```json\n([\s\S]*?)```/.exec(page)!
    const recipe = parseRecipe(example)
    expect(recipe).toMatchObject({ version: 2, operation: 'merge-lora' })
    expect(operationOfRecipe(recipe!).operation.verb).toBe('merge-lora')
    expect(recipe!.inputs).toHaveLength(3)
  })

  it.each(
    OPERATIONS.map(
      ({ verb, schema }) => [verb, toJsonSchema(schema as GenericSchema, { errorMode: 'ignore' })] as const,
    ),
  )('names every option of %s', (verb, schema) => {
    const objects = schema.anyOf ?? schema.oneOf ?? [schema]
    const sections = page.split(/^### /m).filter((text) => text.startsWith(`\`${verb}\`:`))
    expect(sections).toHaveLength(objects.length)
    for (const [i, object] of objects.entries()) {
      const names = Object.keys((object as { properties: object }).properties)
      const rows = [...sections[i]!.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)
      expect(rows).toEqual(names)
    }
  })

  it('names every field of a recipe and of its inputs', () => {
    const fields = [...page.split('## Shared types')[0]!.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)
    const hash = 'a'.repeat(64)
    const input = recipeInput(
      { name: 'a', bytes: 1, sha256: hash, autoV1: 'a'.repeat(8), autoV3: hash, companion: { name: 'b', sha256: hash } }, // biome-ignore format: a row
      { [RECIPE_KEY]: serialiseRecipe(EXAMPLE) },
    )
    const written = buildRecipe({ ...EXAMPLE, produced: new Date(0), inputs: [input] })
    expect(fields.toSorted()).toEqual(
      [...Object.keys(written), ...Object.keys(input), 'recipeOmitted'].toSorted(),
    )
  })
})
