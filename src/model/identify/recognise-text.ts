import { encoderNaming, isTokenizer } from '../layouts/encoder-names.ts'
import type { ComponentId, KeyLayout } from '../networks/components.ts'
import { aliasTemplate } from '../networks/template/alias.ts'
import type { Dims } from '../networks/template/row.ts'
import { derivedDims, type Template, templateTopology } from '../networks/template/template.ts'
import { BESIDE_ENCODERS, WHOLE } from '../networks/text-encoders/component.ts'
import {
  type EncoderMember,
  type EncoderNetwork,
  MARKED_ENCODERS,
  TEXT_ENCODERS,
} from '../networks/text-encoders/registry.ts'
import {
  matchTopology,
  renameTopology,
  type ShapeOf,
  type TopologyMatch,
} from '../networks/topology/match.ts'
import type { PartKeys } from './denoiser-info.ts'
import type { Encoder, NearestEncoder } from './encoder-info.ts'
import { recogniseClip } from './recognise-clip.ts'

/**
 * Recognises a text encoder by its layers and their widths.
 * @param ggufArchitecture `general.architecture` in the metadata of the file
 */
export function recogniseText(part: PartKeys, ggufArchitecture?: string): Encoder {
  return recogniseClip(part) ?? recogniseEncoder(part, ggufArchitecture)
}

type Layout = Extract<KeyLayout, 'transformers' | 'llama.cpp'>

/** The part in one layout: shapes by the names of that layout, and the names of the file for them. */
interface Spelled {
  readonly layout: Layout
  readonly shapeOf: ShapeOf
  readonly nameOf: (name: string) => string
}

function recogniseEncoder(part: PartKeys, ggufArchitecture: string | undefined): Encoder {
  const spelled = spelledPart(part)
  const shared = { prefix: part.prefix, layout: spelled.layout } as const
  const marked = markedEncoder(spelled)
  if (marked !== undefined) return { ...shared, id: marked }
  const candidates = TEXT_ENCODERS.flatMap((network) => compare(part, spelled, network, ggufArchitecture))
  candidates.sort((a, b) => faults(a.match, b.match))
  const [first, second] = candidates
  if (first === undefined) return { id: 'text', prefix: part.prefix, unknown: {} }
  const isSole = second === undefined || faults(first.match, second.match) < 0
  if (isSole && isAccepted(first.match)) return { ...shared, ...first }
  return { ...shared, id: 'text', unknown: { nearest: first } }
}

/** Names of llama.cpp. */
const RE_LLAMA_CPP = /^(?:enc\.)?blk\.\d+\.|^token_embd\./

function spelledPart({ prefix, names, shapeOf }: PartKeys): Spelled {
  const local: ShapeOf = (name) => shapeOf(prefix + name)
  if (names.some((name) => name.startsWith(prefix) && RE_LLAMA_CPP.test(name.slice(prefix.length))))
    return { layout: 'llama.cpp', shapeOf: local, nameOf: (name) => name }
  const nameOf = encoderNaming((name) => local(name) !== undefined)
  return { layout: 'transformers', shapeOf: (name) => local(nameOf(name)), nameOf }
}

function markedEncoder({ shapeOf }: Spelled): ComponentId | undefined {
  const marked = MARKED_ENCODERS.find(({ keys }) => keys.every((key) => shapeOf(key) !== undefined))
  if (typeof marked?.is !== 'object') return marked?.is
  return marked.is.ids[shapeOf(marked.is.norm)?.[0] ?? 0]
}

/** Members of a network that are as wide as the encoder of the file. */
function compare(
  part: PartKeys,
  spelled: Spelled,
  network: EncoderNetwork,
  ggufArchitecture: string | undefined,
): NearestEncoder[] {
  const template = templateOf(network, spelled.layout)
  const dims = derivedDims(template, spelled.shapeOf, {})
  if (dims[network.counter] === 0) return []
  const names = part.names.filter((name) => !isTokenizer(name))
  const members = network.members.filter((member) => isPossible(network, member, dims))
  return ofGguf(members, spelled.layout, ggufArchitecture).map((member) => {
    const topology = templateTopology(template, memberDims(network, member, dims))
    const renamed = renameTopology(topology, spelled.nameOf)
    return { id: member.id, match: matchTopology(names, part.shapeOf, part.prefix, renamed, BESIDE_ENCODERS) }
  })
}

const llamaCppTemplates = new WeakMap<EncoderNetwork, Template>()

function templateOf(network: EncoderNetwork, layout: Layout): Template {
  if (layout === 'transformers') return network.template
  const known = llamaCppTemplates.get(network) ?? aliasTemplate(network.template, network.llamaCpp ?? [])
  llamaCppTemplates.set(network, known)
  return known
}

function isPossible(
  { width }: EncoderNetwork,
  { dims: own, vocabulary }: EncoderMember,
  dims: Dims,
): boolean {
  if (dims[width] !== undefined && dims[width] !== own[width]) return false
  const { vocab } = dims
  const [least, most] = vocabulary ?? [0, Number.POSITIVE_INFINITY]
  return vocab === undefined || (vocab >= least && vocab <= most)
}

/** Relatives with the same language model, of which files of llama.cpp hold nothing else. */
function ofGguf(
  members: readonly EncoderMember[],
  layout: Layout,
  said: string | undefined,
): readonly EncoderMember[] {
  if (layout !== 'llama.cpp') return members
  const named = members.filter(({ ggufArchitecture }) => ggufArchitecture === said)
  return said !== undefined && named.length > 0
    ? named
    : members.filter(({ ggufArchitecture }) => ggufArchitecture === undefined)
}

/** The numbers of a member, and what differs between copies of it as the file has it. */
function memberDims({ counter }: EncoderNetwork, { dims: own, cut = [] }: EncoderMember, dims: Dims): Dims {
  const isCut = cut.includes(dims[counter] ?? 0)
  const published = { ...WHOLE, ...own }
  return isCut
    ? { ...own, ...freeDims(own, dims), [counter]: dims[counter]! }
    : { ...published, ...freeDims(published, dims) }
}

/** Parts that the member does not name, and the vocabulary. */
function freeDims(own: Dims, dims: Dims): Dims {
  return Object.fromEntries(
    Object.entries(dims).filter(([name]) => name === 'vocab' || own[name] === undefined),
  )
}

/** Fewest keys of another shape first, then fewest that are missing or left over. */
function faults(a: TopologyMatch, b: TopologyMatch): number {
  const others = ({ missing, extra }: TopologyMatch) => missing.length + extra.length
  return a.misshapen.length - b.misshapen.length || others(a) - others(b)
}

/** Shares of its keys that may be of another shape, or missing, before a damaged copy is called something else. */
const MAX_MISSHAPEN = 0.01
const MAX_MISSING = 0.1

function isAccepted({ expected, misshapen, missing }: TopologyMatch): boolean {
  return misshapen.length <= Math.max(1, MAX_MISSHAPEN * expected) && missing.length <= MAX_MISSING * expected
}
