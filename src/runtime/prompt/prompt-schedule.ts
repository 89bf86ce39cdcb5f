/**
 * Prompts that change while a picture is drawn: `[from:to:when]`, `[to:when]`, `[from::when]`, `[one|two]`.
 * Source: A1111, modules/prompt_parser.py, its grammar and its documented examples
 */
import { PY_SPACE } from '../../image/infotext/python-text.ts'

/** A text, or what became of it, and the last step that it is for. */
export interface Timed<T> {
  readonly until: number
  readonly value: T
}

type Node = string | Edit | Alternation

interface Edit {
  readonly before: readonly Node[]
  readonly after: readonly Node[]
  /** As it was written: with a point it is a share of all steps, without one a step. */
  readonly when: string
}

interface Alternation {
  readonly options: readonly (readonly Node[])[]
}

/**
 * What a prompt says at which steps, the first of which is 1. Brackets that are not part of this language are left for
 * `parseAttention`, and so is a prompt with a `|` outside of brackets.
 */
export function promptSchedule(prompt: string, steps: number): Timed<string>[] {
  const nodes = parse(prompt)
  if (nodes === undefined) return [{ until: steps, value: prompt }]
  const ends = new Set([steps])
  addEnds(nodes, steps, ends)
  return [...ends].sort((a, b) => a - b).map((until) => ({ until, value: textAt(nodes, until, steps) }))
}

/**
 * What holds for a call of the model, counted from 0. That the calls are compared with steps that are counted from 1 is
 * A1111's way: `[a:b:5]` draws six times with `a`.
 */
export function timedAt<T>(all: readonly Timed<T>[], call: number): T {
  return (all.find(({ until }) => call <= until) ?? all[0]!).value
}

function addEnds(nodes: readonly Node[], steps: number, ends: Set<number>): void {
  for (const node of nodes) {
    if (typeof node === 'string') continue
    if ('options' in node) {
      for (let step = 1; step <= steps; step++) ends.add(step)
      for (const option of node.options) addEnds(option, steps, ends)
      continue
    }
    const end = lastStep(node, steps)
    if (end >= 1) ends.add(end)
    addEnds(node.before, steps, ends)
    addEnds(node.after, steps, ends)
  }
}

function lastStep({ when }: Edit, steps: number): number {
  const value = when.includes('.') ? Number(when) * steps : Number(when)
  return Math.min(steps, Math.trunc(value))
}

function textAt(nodes: readonly Node[], step: number, steps: number): string {
  const textOf = (node: Node): string => {
    if (typeof node === 'string') return node
    if ('options' in node) return textAt(node.options[(step - 1) % node.options.length]!, step, steps)
    return textAt(step <= lastStep(node, steps) ? node.before : node.after, step, steps)
  }
  return nodes.map(textOf).join('')
}

/** Nodes, and the place behind them. */
interface Parsed {
  readonly nodes: readonly Node[]
  readonly end: number
}

/** Deeper brackets are text: nobody writes them, and a stack has an end. */
const MAX_DEPTH = 100

/** Undefined where the grammar has no place for a `|` or a backslash. */
function parse(prompt: string): Node[] | undefined {
  const groups = new Map<number, Parsed | undefined>()
  const nodes: Node[] = []
  for (let at = 0; ; ) {
    const { nodes: more, end } = sequence({ prompt, groups, depth: 0 }, at)
    nodes.push(...more)
    if (end === prompt.length) return nodes
    if (!'[]():'.includes(prompt[end]!)) return undefined
    nodes.push(prompt[end]!)
    at = end + 1
  }
}

interface Reader {
  readonly prompt: string
  /** What was found at each opening bracket. */
  readonly groups: Map<number, Parsed | undefined>
  readonly depth: number
}

const RE_PLAIN = /(?:[^\\[\]():|]|\\[^\n])+/y

/** Text and whole brackets up to what is neither: a separator, a closing bracket, one that is never closed. */
function sequence(reader: Reader, start: number): Parsed {
  const { prompt } = reader
  const nodes: Node[] = []
  for (let at = start; ; ) {
    RE_PLAIN.lastIndex = at
    const plain = RE_PLAIN.exec(prompt)?.[0] ?? ''
    if (plain !== '') nodes.push(plain)
    at += plain.length
    const found = '(['.includes(prompt[at] ?? ' ') ? group(reader, at) : undefined
    if (found === undefined) return { nodes, end: at }
    nodes.push(...found.nodes)
    at = found.end
  }
}

function group(reader: Reader, at: number): Parsed | undefined {
  const { prompt, groups, depth } = reader
  if (groups.has(at)) return groups.get(at)
  const inner = { ...reader, depth: depth + 1 }
  const found = depth === MAX_DEPTH ? undefined : prompt[at] === '(' ? round(inner, at) : square(inner, at)
  groups.set(at, found)
  return found
}

/** `(text)` and `(text:1.2)`, which stay as they are but for what is edited inside. */
function round(reader: Reader, at: number): Parsed | undefined {
  const { prompt } = reader
  const first = sequence(reader, at + 1)
  const second = prompt[first.end] === ':' ? sequence(reader, first.end + 1) : undefined
  const end = second?.end ?? first.end
  if (prompt[end] !== ')') return undefined
  return { nodes: ['(', ...first.nodes, ...(second ? [':', ...second.nodes] : []), ')'], end: end + 1 }
}

const RE_WHEN = new RegExp(
  `^[${PY_SPACE}]*([+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][+-]?\\d+)?)[${PY_SPACE}]*$`,
  'u',
)

function square(reader: Reader, at: number): Parsed | undefined {
  const { prompt } = reader
  const parts = [sequence(reader, at + 1)]
  let separators = ''
  let lastBegin = at + 1
  while (':|'.includes(prompt[parts.at(-1)!.end] ?? ' ')) {
    const { end } = parts.at(-1)!
    separators += prompt[end]
    lastBegin = end + 1
    parts.push(sequence(reader, lastBegin))
  }
  const { end } = parts.at(-1)!
  if (prompt[end] !== ']') return undefined
  const nodes = meaning(
    parts.map((part) => part.nodes),
    separators,
    RE_WHEN.exec(prompt.slice(lastBegin, end))?.[1],
  )
  return nodes && { nodes, end: end + 1 }
}

/** @param when the last part, if it is a number */
function meaning(
  parts: readonly (readonly Node[])[],
  separators: string,
  when: string | undefined,
): Node[] | undefined {
  const [first, second] = parts
  if (separators === '') return ['[', ...first!, ']']
  if (/^\|+$/.test(separators)) return [{ options: parts }]
  if (when === undefined) return undefined
  if (separators === ':') return [{ before: [], after: first!, when }]
  return separators === '::' ? [{ before: first!, after: second!, when }] : undefined
}
