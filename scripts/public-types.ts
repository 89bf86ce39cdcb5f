/** Types of the library that are made from schemas: whoever uses them needs no valibot. `npm run docs` writes them. */
import { toJsonSchema } from '@valibot/to-json-schema'
import type { GenericSchema } from 'valibot'
import { inspectedModel } from '../src/operations/inspect/schema.ts'
import { OPERATIONS } from '../src/operations/registry.ts'

interface Schema {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly $ref?: string
}

const HEAD = '/** Written by `npm run docs` from the schemas in src/operations. */\n'

/** Path below the root of the project -> text. */
export function publicTypes(): ReadonlyMap<string, string> {
  const options = OPERATIONS.map(({ verb, schema }) => {
    const name = verb.replace(/(?:^|[ -])([a-z])/g, (_, letter: string) => letter.toUpperCase())
    return `export type ${name}Options = ${typeText(jsonSchema(schema), 0)}\n`
  })
  return new Map([
    ['src/api/options.ts', HEAD + options.join('\n')],
    [
      'src/api/inspect-result.ts',
      `${HEAD}export type InspectResult = ${typeText(jsonSchema(inspectedModel), 0)}\n`,
    ],
  ])
}

function jsonSchema(schema: GenericSchema): Schema {
  return toJsonSchema(schema, { ignoreActions: ['readonly'], errorMode: 'ignore' }) as Schema
}

/** @throws Error for what no type here can say */
function typeText(schema: Schema, depth: number): string {
  if ('const' in schema) return literal(schema.const)
  if (schema.enum) return schema.enum.map(literal).join(' | ')
  const choices = schema.anyOf ?? schema.oneOf
  if (choices) return choices.map((one) => typeText(one, depth)).join(' | ')
  if (schema.allOf) return schema.allOf.map((one) => `(${typeText(one, depth)})`).join(' & ')
  if (Array.isArray(schema.type)) {
    return schema.type.map((type: string) => typeText({ ...schema, type }, depth)).join(' | ')
  }
  switch (schema.type) {
    case 'object':
      return objectText(schema, depth)
    case 'array':
      return `readonly ${elementText(schema.items ?? {}, depth)}[]`
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type
    case 'number':
    case 'integer':
      return 'number'
    case undefined:
      return 'unknown'
    default:
      throw new Error(`no type for ${JSON.stringify(schema)}`)
  }
}

function elementText(items: Schema, depth: number): string {
  const text = typeText(items, depth)
  return /^[\w.]+$/.test(text) || text.startsWith('{') ? text : `(${text})`
}

function objectText({ properties = {}, required = [], additionalProperties }: Schema, depth: number): string {
  const indent = '  '.repeat(depth + 1)
  const lines = Object.entries(properties).map(([name, schema]) => {
    const key = /^[A-Za-z_]\w*$/.test(name) ? name : literal(name)
    return `${indent}readonly ${key}${required.includes(name) ? '' : '?'}: ${typeText(schema, depth + 1)}\n`
  })
  const isOpen = typeof additionalProperties === 'object'
  if (isOpen) lines.push(`${indent}readonly [key: string]: ${typeText(additionalProperties, depth + 1)}\n`)
  return lines.length === 0
    ? '{ readonly [key: string]: unknown }'
    : `{\n${lines.join('')}${'  '.repeat(depth)}}`
}

function literal(value: unknown): string {
  return typeof value === 'string'
    ? `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
    : String(value)
}
