import { defined } from '../../system/defined.ts'
import type { Architecture, Variant } from '../networks/architectures/architecture.ts'
import {
  DIT_ARCHITECTURES,
  type DitArchitecture,
  layoutsOf,
  type Proven,
  shapeInAnySpelling,
} from '../networks/architectures/proof.ts'
import { counterOf } from '../networks/template/counter.ts'
import { type DitLayout, type DitNetwork, ditTopology, templateIn } from '../networks/template/network.ts'
import type { Dims } from '../networks/template/row.ts'
import { derivedDims } from '../networks/template/template.ts'
import { distance, matchTopology, type ShapeOf, type TopologyMatch } from '../networks/topology/match.ts'
import { type Candidate, fits, type PartKeys, type RecognisedDenoiser } from './denoiser-info.ts'
import { messages } from './messages.ts'

/** The keys of a part by their names inside the network. */
function localShapes({ prefix, shapeOf }: PartKeys): ShapeOf {
  return (name) => shapeOf(prefix + name)
}

/** Beyond this share of keys that are missing or of another shape, a network only shares a few names with the family. */
const MAX_FAULTS = 0.5

/** What a proven family says of the file; undefined if the file is something else in spite of it. */
export function recogniseProven(
  part: PartKeys,
  { architecture, proof }: Proven,
): RecognisedDenoiser | undefined {
  const { network } = architecture
  const [first] = proof.keys
  const shared = { candidates: [], nameOf: (name: string) => part.prefix + name } as const
  const evidence = [messages.theKey(part.prefix, first!)]
  if (network.kind === 'named') {
    return { ...shared, id: network.component, layout: proof.layout, architecture, evidence }
  }
  if (network.kind !== 'dit') return undefined
  const layout = network.diffusers === 'native' ? 'ldm' : proof.layout
  if (templateIn(network, layout).length === 0)
    return { ...shared, id: 'dit', layout, architecture, evidence }
  const { match, dims } = compared(part, network, layout)
  if (match.missing.length + match.misshapen.length > MAX_FAULTS * match.expected) return undefined
  return {
    ...shared,
    id: 'dit',
    layout,
    architecture,
    ...memberOf(architecture, network, dims, localShapes(part)),
    match,
    evidence: [...evidence, ...blocksOf(network, layout, dims), ...toldBy(network, part)],
  }
}

function compared(
  part: PartKeys,
  network: DitNetwork,
  layout: DitLayout,
): { match: TopologyMatch; dims: Dims } {
  const shapeOf = localShapes(part)
  const dims = derivedDims(templateIn(network, layout), shapeOf, network.dims)
  const topology = ditTopology(network, layout, dims, shapeOf)
  return { dims, match: matchTopology(part.names, part.shapeOf, part.prefix, topology) }
}

/** The variant whose numbers the network has, and which numbers are those of no published member. */
function memberOf(
  { variants }: Architecture,
  network: DitNetwork,
  dims: Dims,
  shapeOf: ShapeOf,
): Pick<RecognisedDenoiser, 'variant' | 'width'> {
  const variant = mostSpecific(variants.filter((one) => isVariant(one, dims, shapeOf)))
  const published = { ...network.dims, ...variant?.dims }
  const parts = new Set(network.template.map(({ part }) => part))
  const odd = Object.keys(published).filter((name) => dims[name] !== published[name] && !parts.has(name))
  return {
    ...defined({ variant }),
    ...(odd.length > 0 && { width: odd.map((name) => messages.oddNumber(name, dims[name]!)).join(', ') }),
  }
}

function isVariant({ dims, key }: Variant, numbers: Dims, shapeOf: ShapeOf): boolean {
  if (dims === undefined && key === undefined) return false
  return fits(dims ?? {}, numbers) && (key === undefined || shapeOf(key) !== undefined)
}

/** A key of its own says more than any number. */
const KEY_COUNTS = 100

function mostSpecific(variants: readonly Variant[]): Variant | undefined {
  const count = ({ dims = {}, key }: Variant) =>
    Object.keys(dims).length + (key === undefined ? 0 : KEY_COUNTS)
  return [...variants].sort((a, b) => count(b) - count(a))[0]
}

/** "19 double_blocks": each list of blocks with its length. */
function blocksOf(network: DitNetwork, layout: DitLayout, dims: Dims): string[] {
  const lists = new Map<string, number>()
  for (const { path } of templateIn(network, layout)) {
    const counter = counterOf(path)
    if (counter === undefined || counter.condition !== undefined) continue
    const list = counter.before.replace(/\.$/, '')
    if (!lists.has(list)) lists.set(list, dims[counter.name] ?? 0)
  }
  return [...lists].filter(([, n]) => n > 0).map(([list, n]) => messages.blocksCounted(n, list))
}

function toldBy({ tells }: DitNetwork, { prefix, shapeOf }: PartKeys): string[] {
  return tells.map((key) => {
    const shape = shapeInAnySpelling(prefix + key, shapeOf)
    return shape === undefined ? messages.keyAbsent(key) : messages.keyOfShape(key, shape)
  })
}

/** A network shares at least so many of the keys of a family that it is worth naming. */
const MIN_SHARED = 0.5

/** Families that a network without a proof is nearest to. */
export function nearestDits(part: PartKeys): Candidate[] {
  return DIT_ARCHITECTURES.flatMap((architecture) =>
    layoutsOf(architecture).map((layout) => candidate(part, architecture, layout)),
  )
    .filter(({ match }) => match.missing.length < (1 - MIN_SHARED) * match.expected)
    .sort((a, b) => distance(a.match) - distance(b.match))
}

function candidate(part: PartKeys, architecture: DitArchitecture, layout: DitLayout): Candidate {
  return { architecture, match: compared(part, architecture.network, layout).match }
}
