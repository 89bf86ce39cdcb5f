/** The docstring of an exported function that makes an error names its code and what the code means for the shell. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { errorCodes } from '../scripts/error-codes.ts'

const src = join(import.meta.dirname, '../src')
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .toSorted()
const sources = files.map((file) => [file, readFileSync(join(src, file), 'utf8')] as const)

interface TopFunction {
  readonly name: string
  readonly doc: string
  readonly isExported: boolean
  readonly body: string
}

/** A function at the left margin, up to the brace that closes it there, with the docstring right above. */
const TOP_FUNCTION =
  /(\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?^(export )?(?:async )?(?:function\*? (\w+)|const (\w+) = (?:async )?\()([\s\S]*?\n\}|[^\n]*)$/gm

function functionsIn(text: string): TopFunction[] {
  return [...text.matchAll(TOP_FUNCTION)].map(([, doc = '', exported, declared, assigned, body]) => {
    return { name: (declared ?? assigned)!, doc, isExported: exported !== undefined, body: body! }
  })
}

/** Errors for a person: an SdtoolError, or what a function of the file makes of one. */
const MAKES_ERROR = /\b(?:refuse|unverified|usage|new SdtoolError)\(/
const THROWN = /\bthrow (?:[^\n]*\? )?(?:new )?(\w+)\(/g
const MAKERS = ['refuse', 'unverified', 'usage', 'SdtoolError']

/** Names of functions of a file that throw such an error, by themselves or through a function that is not exported. */
function throwersIn(functions: readonly TopFunction[]): Set<string> {
  const makers = new Set([
    ...MAKERS,
    ...functions
      .filter(({ body }) => /\breturn\b/.test(body) && MAKES_ERROR.test(body))
      .map(({ name }) => name),
  ])
  const own = functions.filter(({ body }) =>
    [...body.matchAll(THROWN)].some(([, maker]) => makers.has(maker!)),
  )
  const throwers = new Set(own.map(({ name }) => name))
  const hidden = new Set(functions.filter(({ isExported }) => !isExported).map(({ name }) => name))
  for (let before = -1; before !== throwers.size; ) {
    before = throwers.size
    for (const { name, body } of functions) {
      const calls = [...body.matchAll(/\b(\w+)\(/g)].map(([, called]) => called!)
      if (calls.some((called) => hidden.has(called) && throwers.has(called))) throwers.add(name)
    }
  }
  return throwers
}

/** Runs that take what is thrown as their result. */
const CATCHES_ALL = /\bnever throws\b/i

function silentIn(text: string): string[] {
  const functions = functionsIn(text)
  const throwers = throwersIn(functions)
  return functions
    .filter(({ name, isExported }) => isExported && throwers.has(name))
    .filter(({ doc }) => !doc.includes('@throws') && !CATCHES_ALL.test(doc))
    .map(({ name }) => name)
}

const DOCSTRING = /\/\*\*(?:(?!\*\/)[\s\S])*\*\//g
/** Codes in a row, and the exit code after them, if it is there. */
const CODES =
  /\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*(?:,\s+(?:\*\s+)?[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)*(?: \(exit (\d+)\))?/g

const known = errorCodes()

/** Codes in a docstring with another exit code than they have. */
function falseExitsIn(text: string): string[] {
  return [...text.matchAll(DOCSTRING)].flatMap(([doc]) =>
    [...doc.matchAll(CODES)].flatMap(([said, exit]) => {
      if (exit === undefined) return []
      const codes = said.replace(/ \(exit.*/, '').split(/,[\s*]+/)
      const isFalse = (code: string) =>
        !known.some((one) => one.code === code && one.exitCode === Number(exit))
      return codes.filter(isFalse).map((code) => `${code} (exit ${exit})`)
    }),
  )
}

/** Docstrings that name codes under `@throws` and no exit code at all. */
function withoutExitIn(text: string): string[] {
  return [...text.matchAll(DOCSTRING)].flatMap(([doc]) => {
    const said = doc.split('@throws').slice(1).join()
    const codes = (said.match(/\b[A-Z][A-Z0-9_]{3,}\b/g) ?? []).filter((code) =>
      known.some((one) => one.code === code),
    )
    const excepted = new Set([...said.matchAll(/\bexcept ([A-Z_]+)/g)].map(([, code]) => code))
    return /\(exit \d/.test(said) ? [] : codes.filter((code) => !excepted.has(code))
  })
}

describe('what functions throw', () => {
  it('is seen where it is thrown, made or passed on by a function of the file', () => {
    const text = [
      "export function a(): void {\n  throw refuse('A_CODE', 'a')\n}",
      "function made(): Error {\n  return unverified('B_CODE', 'b')\n}",
      'function check(): void {\n  throw made()\n}',
      'export async function b(): Promise<void> {\n  check()\n}',
      "export const c = (ok: boolean): void => {\n  if (!ok) throw new SdtoolError('C_CODE', 'c')\n}",
      "/** @throws USAGE (exit 2) */\nexport function d(): void {\n  throw usage('d')\n}",
      'export function e(): Error {\n  return made()\n}',
    ].join('\n\n')
    expect(silentIn(text)).toEqual(['a', 'b', 'c'])
  })

  it('is looked for in every function', () => {
    const all = sources.flatMap(([, text]) => {
      const functions = functionsIn(text)
      const throwers = throwersIn(functions)
      return functions.filter(({ name, isExported }) => isExported && throwers.has(name))
    })
    expect(all.length).toBeGreaterThan(150)
  })

  it.each(sources)('stands in the docstrings of %s', (_, text) => {
    expect(silentIn(text)).toEqual([])
  })

  it('sees an exit code that is not that of the code, and one that is missing', () => {
    expect(falseExitsIn('/** @throws ZIP_CRC, USAGE (exit 3) */')).toEqual(['USAGE (exit 3)'])
    expect(falseExitsIn('/** @throws NO_SUCH_CODE (exit 3); USAGE (exit 2) */')).toEqual([
      'NO_SUCH_CODE (exit 3)',
    ])
    expect(withoutExitIn('/** @throws ZIP_CRC */')).toEqual(['ZIP_CRC'])
    expect(withoutExitIn('/** @throws what `ask` throws, except CIVITAI_NOT_FOUND */')).toEqual([])
  })

  it.each(sources)('comes with the right exit codes in %s', (_, text) => {
    expect([...falseExitsIn(text), ...withoutExitIn(text)]).toEqual([])
  })
})
