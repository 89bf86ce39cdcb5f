/** The names of a file's tensors as programs look for them, whatever wrote the file. */

import { QUANTISATION_KEY } from '../../tensor/quantised/config.ts'
import { renamed } from '../../tensor/values/expr.ts'
import type { Finding, Tensor } from '../../tensor/values/table.ts'
import { describeAdapter } from '../adapters/describe.ts'
import { MAX_NAMES, warning } from '../finding.ts'
import { describeEmbedding, type EmbeddingLayout } from '../identify/embeddings.ts'
import { recogniseOther } from '../identify/other-kinds.ts'
import { identifyVae } from '../identify/vae.ts'
import type { Identifiable } from '../identity.ts'
import { longClipNames } from './clip-names.ts'
import { messages } from './messages.ts'
import { MODEL_SLOTS, RE_CHECKPOINT, splitTable } from './split.ts'
import { withEmaNames, withoutFronts, withoutInner } from './unwrap.ts'
import { WRAPPERS } from './wrappers.ts'

/**
 * The same tensors under the names that programs look for: without the wrappers of torch and of trainers, with the
 * `text_model.` that newer libraries leave out. No two tensors are given one name; adapters and embeddings keep
 * theirs, and so does a file that is nothing known even then.
 */
export function withKnownNames<T extends Identifiable>(file: T): T {
  const steps = stepsOf([...file.tensors.keys()])
  const { names, known } = steps
  if (known.every((name, i) => name === names[i])) return file
  const twice = duplicateOf(known)
  if (twice !== undefined)
    return { ...file, renaming: { stored: new Map(), findings: [taken(steps, twice)] } }
  const tensors = new Map<string, Tensor>()
  for (const [i, tensor] of [...file.tensors.values()].entries())
    tensors.set(known[i]!, renamed(tensor, known[i]!))
  const stored = new Map(known.flatMap((name, i) => (name === names[i] ? [] : [[name, names[i]!]])))
  const after = { ...file, tensors, renaming: { stored, findings: [] } }
  return isSafe(file, after) ? { ...after, renaming: { stored, findings: findingsOf(steps) } } : file
}

/** The names of a file, each in its place, after each step. */
interface Steps {
  readonly names: readonly string[]
  readonly inner: readonly string[]
  readonly long: readonly string[]
  readonly front: readonly string[]
  readonly known: readonly string[]
}

function stepsOf(names: readonly string[]): Steps {
  const inner = names.map(withoutInner)
  const longer = longClipNames(new Set(inner))
  const long = inner.map((name) => longer.get(name) ?? name)
  const front = withoutFronts(long)
  return { names, inner, long, front, known: withEmaNames(names, front) }
}

function duplicateOf(names: readonly string[]): string | undefined {
  const seen = new Set<string>()
  return names.find((name) => seen.size === seen.add(name).size)
}

/** Readers of adapters know the names of their trainers, and the token of an embedding may be any word. */
function isSafe(before: Identifiable, after: Identifiable): boolean {
  // the header names the layers as the file does
  if (Object.hasOwn(before.metadata, QUANTISATION_KEY)) return false
  const names = [...after.tensors.keys()]
  if (names.some((name) => RE_CHECKPOINT.test(name))) return true
  if (describeAdapter(before) !== undefined || describeAdapter(after) !== undefined) return false
  const embedding = describeEmbedding(after)
  if (embedding !== undefined) return !NAMED_BY_TOKEN.has(embedding.layout)
  return isRecognised(after)
}

const NAMED_BY_TOKEN: ReadonlySet<EmbeddingLayout> = new Set(['diffusers', 'list', 'bundle'])

function isRecognised(file: Identifiable): boolean {
  return (
    splitTable(file).some(({ slot }) => MODEL_SLOTS.has(slot)) ||
    recogniseOther(file) !== undefined ||
    identifyVae(file) !== undefined
  )
}

/** The words that were, or would be, taken off: "_orig_mod." (torch.compile). */
function wrapperText({ names, inner, long, front }: Steps): string {
  const wrapped = names.filter((name, i) => name !== inner[i])
  const fronts = new Set(long.map((name, i) => name.slice(0, name.length - front[i]!.length)))
  return WRAPPERS.filter(({ word, place }) => {
    const pattern = new RegExp(`(?:^|\\.)${word}\\.`)
    return (place === 'front' ? [...fronts] : wrapped).some((text) => pattern.test(text))
  })
    .map(({ word, by }) => `"${word}." (${by()})`)
    .join(' and ')
}

function taken(steps: Steps, name: string): Finding {
  const twins = steps.names.filter((_, i) => steps.known[i] === name).slice(0, MAX_NAMES)
  return warning('wrapped-twice', messages.wrappedTwice(wrapperText(steps), twins))
}

function findingsOf(steps: Steps): Finding[] {
  const { names, inner, long, known } = steps
  const count = (from: readonly string[], to: readonly string[]) =>
    from.filter((name, i) => name !== to[i]).length
  const shorter = count(inner, long)
  const wrapped = names.filter((name, i) => inner[i] !== name || long[i] !== known[i]).length
  const findings: Finding[] = []
  if (wrapped > 0) findings.push(warning('wrapped-names', messages.wrappedNames(wrapped, wrapperText(steps))))
  if (shorter > 0) findings.push(warning('short-encoder-names', shortText(steps, shorter)))
  return findings
}

function shortText({ inner, long }: Steps, count: number): string {
  const words = ['text_model.', 'vision_model.'].filter((word) =>
    long.some((name, i) => name !== inner[i] && name.includes(word)),
  )
  return words.length === 0 ? messages.secondT5Name : messages.shortNames(count, words)
}
