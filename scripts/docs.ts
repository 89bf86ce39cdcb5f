/**
 * What of `docs` is made from the source: JSON Schemas of the documents of `--json`, the table of error codes, the page
 * about recipes. `npm run docs` writes them; a test says when they are out of date.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { toJsonSchema } from '@valibot/to-json-schema'
import { DOCUMENTS } from '../src/commands/documents.ts'
import { errorCodes } from './error-codes.ts'
import { publicTypes } from './public-types.ts'
import { recipePage } from './recipe-page.ts'

const ROOT = join(import.meta.dirname, '..')

/** Path below the root of the project -> text. */
export function generatedDocs(): ReadonlyMap<string, string> {
  const schemas = Object.entries(DOCUMENTS).map(([command, schema]): [string, string] => {
    // to whoever only reads, a list that nothing is put into is a list
    const converted = toJsonSchema(schema, { ignoreActions: ['readonly'] })
    return [`docs/schemas/${command.replaceAll(' ', '-')}.json`, `${jsonText(converted)}\n`]
  })
  const pages = [
    ['docs/errors.md', errorsPage()],
    ['docs/recipe.md', recipePage()],
  ] as const
  return new Map([...schemas, ...pages, ...publicTypes()])
}

const LINE_WIDTH = 110

/** JSON with what fits on a line on one: half the size of one line for each value, and as easy to read. */
function jsonText(value: unknown, depth = 0): string {
  const short = JSON.stringify(value)
  if (typeof value !== 'object' || value === null || short.length + depth <= LINE_WIDTH) return short
  const indent = ' '.repeat(depth + 1)
  const items = Array.isArray(value)
    ? value.map((item) => indent + jsonText(item, depth + 1))
    : Object.entries(value).map(
        ([key, item]) => `${indent}${JSON.stringify(key)}: ${jsonText(item, depth + 1)}`,
      )
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  return `${open}\n${items.join(',\n')}\n${' '.repeat(depth)}${close}`
}

const ERRORS_HEAD = `# Error codes

Made by \`npm run docs\` from the source. A document of \`--json\` has the code in \`error.code\` (see json.md); the message says
which file, key and value it is about, the hint what to do next. Codes are stable; messages are not.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 input refused (malformed, unsafe, unsupported), 4 not everything matched or
nothing to do, 5 network, 130 interrupted. A code with several is of several commands.

Beside these there are the codes of the operating system, as they are (\`ENOENT\`, \`EACCES\`, \`ENOSPC\`): exit code 1.

| code | exit code |
|---|---|
`

function errorsPage(): string {
  const exits = new Map<string, number[]>()
  for (const { code, exitCode } of errorCodes()) {
    if (/^E[A-Z0-9]+$/.test(code)) continue
    exits.set(code, [...(exits.get(code) ?? []), exitCode])
  }
  const rows = [...exits].map(([code, codes]) => `| \`${code}\` | ${codes.join(', ')} |\n`)
  return ERRORS_HEAD + rows.join('')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of generatedDocs()) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true })
    writeFileSync(join(ROOT, path), text)
  }
}
