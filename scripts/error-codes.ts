/** Every error code in the source with its exit code, found by how errors are made there. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT, type ExitCode } from '../src/system/errors.ts'

const SRC = join(import.meta.dirname, '../src')

export interface ErrorCode {
  readonly code: string
  readonly exitCode: ExitCode
  /** Where it is made, below `src`. */
  readonly file: string
}

const CODE = '[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*'

/** What is made elsewhere than by a call with a code in it. */
const OTHERS: readonly (ErrorCode & { readonly shown: string })[] = [
  { code: 'USAGE', exitCode: EXIT.usage, file: 'system/errors.ts', shown: "'USAGE'" },
  {
    code: 'INTERRUPTED',
    exitCode: EXIT.interrupted,
    file: 'report/terminal/error.ts',
    shown: "'INTERRUPTED'",
  },
  { code: 'INTERNAL', exitCode: EXIT.failed, file: 'report/terminal/error.ts', shown: "'INTERNAL'" },
  {
    code: 'PICKLE_UNSAFE',
    exitCode: EXIT.refused,
    file: 'tensor/formats/security.ts',
    shown: "'PICKLE_UNSAFE'",
  },
  {
    code: 'PICKLE_UNKNOWN_GLOBAL',
    exitCode: EXIT.refused,
    file: 'tensor/formats/security.ts',
    shown: "'PICKLE_UNKNOWN_GLOBAL'",
  },
  {
    code: 'SCALED_FP8',
    exitCode: EXIT.refused,
    file: 'tensor/quantised/check.ts',
    shown: "'SCALED_FP8'",
  },
]

/** What Node and undici call their errors. */
const OF_NODE = /^(?:ERR_|UND_ERR_|MODULE_NOT_FOUND)/

/** Those of the operating system that are told in words of sdtool stand in a table of their own. */
export function errorCodes(): ErrorCode[] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  const texts = new Map(files.map((file) => [file, readFileSync(join(SRC, file), 'utf8')] as const))
  for (const { file, shown, code } of OTHERS)
    if (!texts.get(file)?.includes(shown)) throw new Error(`${code} is not made in src/${file} any more`)
  const found = [...texts]
    .flatMap(([file, text]) => codesIn(file, text, texts))
    .filter(({ code }) => !OF_NODE.test(code))
  const byCode = new Map([...OTHERS, ...found].map((one) => [`${one.code} ${one.exitCode}`, one]))
  return [...byCode.values()]
    .map(({ code, exitCode, file }) => ({ code, exitCode, file }))
    .sort((a, b) => (a.code < b.code ? -1 : a.code > b.code ? 1 : a.exitCode - b.exitCode))
}

function codesIn(file: string, text: string, texts: ReadonlyMap<string, string>): ErrorCode[] {
  const direct = makersIn(text, 'SdtoolError|refuse|unverified|PickleFault', 1, ({ call, name }) =>
    name === 'SdtoolError'
      ? exitIn(/exitCode: exit\b/.test(call) ? usualExit(text) : call)
      : name === 'unverified'
        ? EXIT.unverified
        : EXIT.refused,
  )
  const helped = helpersOf(file, text, texts).flatMap(({ name, prefix, exitCode }) =>
    makersIn(text, name, 3, () => exitCode).map((one) => ({ ...one, code: prefix + one.code })),
  )
  return [...direct, ...helped, ...chosenIn(text), ...tabled(text)].map((one) => ({ ...one, file }))
}

interface Made {
  readonly code: string
  readonly exitCode: ExitCode
}

/** Calls of one of these with codes among the first arguments: one, or a choice of some. */
function makersIn(
  text: string,
  names: string,
  first: number,
  exitCode: (call: { readonly call: string; readonly name: string }) => ExitCode,
): Made[] {
  return [...text.matchAll(new RegExp(`\\b(${names})\\(`, 'g'))].flatMap((match) => {
    const call = argumentsAt(text, match.index + match[0].length)
    const literals = firstArguments(call, first).matchAll(new RegExp(`(=== )?'(${CODE})'`, 'g'))
    const codes = [...literals].flatMap(([, compared, code]) => (compared ? [] : [code!]))
    return codes.map((code) => ({ code, exitCode: exitCode({ call, name: match[1]! }) }))
  })
}

/** Up to the parenthesis that closes. Those in texts come in pairs. */
function argumentsAt(text: string, start: number): string {
  let depth = 1
  let end = start
  for (; depth > 0 && end < text.length; end++) {
    if (text[end] === '(') depth++
    else if (text[end] === ')') depth--
  }
  return text.slice(start, end - 1)
}

function firstArguments(call: string, count: number): string {
  let depth = 0
  let left = count
  for (let i = 0; i < call.length; i++) {
    if ('([{'.includes(call[i]!)) depth++
    else if (')]}'.includes(call[i]!)) depth--
    else if (call[i] === ',' && depth === 0 && --left === 0) return call.slice(0, i)
  }
  return call
}

function exitIn(text: string): ExitCode {
  const name = /exit(?:Code)?(?::| =) EXIT\.(\w+)/.exec(text)?.[1]
  return name === undefined ? EXIT.failed : EXIT[name as keyof typeof EXIT]
}

interface Helper {
  readonly name: string
  /** `HEADER_` of `HEADER_${what}`. */
  readonly prefix: string
  readonly exitCode: ExitCode
}

/** Functions of the file, or those it imports, that make errors with the code they are given. */
function helpersOf(file: string, text: string, texts: ReadonlyMap<string, string>): Helper[] {
  const imported = [...text.matchAll(/import \{([^}]*)\} from '(\.[^']+)'/g)].flatMap(([, names, from]) => {
    const names_ = names!.split(',').map((name) => name.trim())
    return helpersIn(texts.get(join(file, '..', from!)) ?? '').filter(({ name }) => names_.includes(name))
  })
  return [...helpersIn(text), ...imported]
}

const MAKES = /\b(SdtoolError|refuse|super)\(\s*(?:`([A-Z0-9_]*)\$\{\w+\}`|(code|`\$\{code\}`))/

function helpersIn(text: string): Helper[] {
  return declarationsIn(text).flatMap(({ name, body }) => {
    const [, maker, prefix = ''] = MAKES.exec(body) ?? []
    if (maker === undefined) return []
    return [{ name, prefix, exitCode: maker === 'refuse' ? EXIT.refused : exitIn(body) }]
  })
}

function declarationsIn(text: string): { readonly name: string; readonly body: string }[] {
  const starts = [...text.matchAll(/^(?:export )?(?:async )?(?:function|class|const) (\w+)/gm)]
  return starts.map((match, i) => ({
    name: match[1]!,
    body: text.slice(match.index, starts[i + 1]?.index),
  }))
}

/** `const [code, why] = .. ? ['CIVITAI_ARCHIVED', ..] : ..`, and an error with that code in the same function. */
function chosenIn(text: string): Made[] {
  return declarationsIn(text).flatMap(({ body }) => {
    const chosen = /const (?:code|\[code\b[^=]*) =\s([\s\S]*?)\n {2}(?=\S)/.exec(body)?.[1]
    if (chosen === undefined || !MAKES.test(body)) return []
    const codes = [...chosen.matchAll(new RegExp(`'(${CODE})'`, 'g'))].map(([, code]) => code!)
    return codes.filter((code) => code.includes('_')).map((code) => ({ code, exitCode: exitIn(body) }))
  })
}

/** Rows of a table of refusals: `code: 'CIVITAI_NOT_FOUND', exitCode: EXIT.network`. */
function tabled(text: string): Made[] {
  const byDefault = usualExit(text)
  return [...text.matchAll(new RegExp(`\\{\\s*(?:[^{}]*?,\\s*)?code: '(${CODE})'`, 'g'))].flatMap((match) => {
    const code = match[1]!
    if (!code.includes('_')) return []
    const row = text.slice(match.index, closing(text, match.index + 1))
    return [{ code, exitCode: exitIn(/exit(?:Code)?: EXIT/.test(row) ? row : byDefault) }]
  })
}

/** What the file takes where a row says nothing. */
function usualExit(text: string): string {
  return /exit = EXIT\.\w+/.exec(text)?.[0] ?? ''
}

function closing(text: string, start: number): number {
  let depth = 1
  let end = start
  for (; depth > 0 && end < text.length; end++) {
    if (text[end] === '{') depth++
    else if (text[end] === '}') depth--
  }
  return end
}
