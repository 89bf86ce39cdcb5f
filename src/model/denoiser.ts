import type { Architecture, Variant } from './architectures/architecture.ts'
import { ARCHITECTURES } from './architectures/registry.ts'
import type { Layout } from './components.ts'
import { deriveFlux, deriveMmdit, deriveUnet } from './topology/derive.ts'
import { unetInDiffusers, unetNaming } from './topology/diffusers.ts'
import { type FluxConfig, fluxTopology, type MmditConfig, mmditTopology } from './topology/dit.ts'
import { distance, matchTopology, type ShapeOf, sameShape, type TopologyMatch } from './topology/match.ts'
import { type UnetConfig, unetTopology } from './topology/unet.ts'

/** An architecture the network could be, and what keeps it from being it. */
export interface Candidate {
  readonly architecture: Architecture
  readonly match: TopologyMatch
}

/** What the keys and shapes of a UNet or diffusion transformer say. */
export interface Denoiser {
  readonly id: 'unet' | 'dit'
  readonly layout: Layout
  readonly architecture?: Architecture
  readonly variant?: Variant
  /** Widths that are not those of the architecture. */
  readonly width?: string
  readonly match?: TopologyMatch
  /** Nearest first; only where the architecture is unknown. */
  readonly candidates: readonly Candidate[]
  readonly evidence: readonly string[]
  /** Name of a key in the file, from its name in ldm layout. */
  readonly nameOf: (ldm: string) => string
}

/** The keys of one part of a file. */
export interface PartKeys {
  readonly prefix: string
  readonly names: readonly string[]
  /** By full name, of the whole file. */
  readonly shapeOf: ShapeOf
}

/** Beyond this share of differing keys a network is no damaged example of the architecture. */
const DAMAGED_SHARE = 0.1

/** Recognises the network that denoises, by block types first, then by widths. */
export function recogniseDenoiser(part: PartKeys): Denoiser {
  const has = (name: string) => part.shapeOf(part.prefix + name) !== undefined
  const named = ARCHITECTURES.find(({ network }) => network.kind === 'named' && has(network.marker))
  if (named) return byName(part, named)
  if (has('joint_blocks.0.context_block.attn.qkv.weight')) return recogniseMmdit(part)
  if (has('double_blocks.0.img_attn.norm.key_norm.scale')) return recogniseFlux(part)
  if (has('input_blocks.0.0.weight')) return recogniseUnet(part, 'ldm')
  if (has('down_blocks.0.resnets.0.conv1.weight')) return recogniseUnet(part, 'diffusers')
  if (has('transformer_blocks.0.attn.add_q_proj.weight')) return recogniseDiffusersDit(part)
  return { id: 'unet', layout: 'ldm', candidates: [], evidence: [], nameOf: (name) => part.prefix + name }
}

function byName(part: PartKeys, architecture: Architecture): Denoiser {
  const { network } = architecture
  const [id, marker] =
    network.kind === 'named' ? [network.component, network.marker] : (['unet', ''] as const)
  return {
    id,
    layout: 'ldm',
    architecture,
    candidates: [],
    evidence: [`the key ${part.prefix}${marker}`],
    nameOf: (name) => part.prefix + name,
  }
}

type UnetArchitecture = Architecture & { network: { kind: 'unet'; config: UnetConfig } }

function isUnet(architecture: Architecture): architecture is UnetArchitecture {
  return architecture.network.kind === 'unet'
}

function recogniseUnet(part: PartKeys, layout: 'ldm' | 'diffusers'): Denoiser {
  const local: ShapeOf = (name) => part.shapeOf(part.prefix + name)
  const namingFor = (resBlocks: number) =>
    layout === 'ldm' ? (name: string) => name : unetNaming(resBlocks, local)
  const resBlocks = countResBlocks(local)
  const naming = namingFor(layout === 'ldm' ? 0 : resBlocks)
  const shapeOf: ShapeOf = (name) => local(naming(name))
  const compare = (config: UnetConfig) => {
    const topology = unetTopology(config)
    const named = layout === 'ldm' ? topology : unetInDiffusers(topology, config.resBlocks, local)
    return matchTopology(part.names, part.shapeOf, part.prefix, named)
  }
  const shared = { id: 'unet', layout, nameOf: (name: string) => part.prefix + naming(name) } as const
  const config = deriveUnet(shapeOf)
  const known = config && nearestStructure(config)
  if (config && known) {
    const match = compare({ ...config, ...crossOnly(known) })
    return { ...shared, ...describeUnet(config, known), match, candidates: [] }
  }
  const candidates = ARCHITECTURES.filter(isUnet)
    .map((architecture) => ({ architecture, match: compare(adapted(architecture.network.config, shapeOf)) }))
    .sort((a, b) => distance(a.match) - distance(b.match))
  const best = candidates[0]!
  if (distance(best.match) > DAMAGED_SHARE * best.match.expected)
    return { ...shared, candidates, evidence: [] }
  const damaged = adapted(best.architecture.network.config, shapeOf)
  return { ...shared, ...describeUnet(damaged, best.architecture), match: best.match, candidates: [] }
}

/** Res blocks of the first level of a UNet in diffusers layout. */
function countResBlocks(local: ShapeOf): number {
  let n = 0
  while (n < 8 && local(`down_blocks.0.resnets.${n}.conv1.weight`)) n++
  return n
}

function crossOnly({ network }: UnetArchitecture): Pick<UnetConfig, 'crossOnly'> {
  return network.config.crossOnly ? { crossOnly: network.config.crossOnly } : {}
}

/** The architecture with the same blocks; among several (SD 1.x and 2.x) the one with more of the same widths. */
function nearestStructure(config: UnetConfig): UnetArchitecture | undefined {
  const alike = ARCHITECTURES.filter(isUnet).filter(({ network }) => sameStructure(network.config, config))
  return alike.sort((a, b) => likeness(b.network.config, config) - likeness(a.network.config, config))[0]
}

function sameStructure(a: UnetConfig, b: UnetConfig): boolean {
  return (
    a.widths.length === b.widths.length &&
    a.resBlocks === b.resBlocks &&
    a.depthMid === b.depthMid &&
    sameShape(a.depthIn, b.depthIn) &&
    sameShape(a.depthOut, b.depthOut) &&
    (a.classes === undefined) === (b.classes === undefined)
  )
}

/** Context counts twice: some SD 2.x files have the convolutions of SD 1.x, but never its text encoder. */
function likeness(a: UnetConfig, b: UnetConfig): number {
  return (a.context === b.context ? 2 : 0) + (a.linear === b.linear ? 1 : 0)
}

/** The configuration of an architecture with the widths that can be seen in a damaged file. */
function adapted(config: UnetConfig, shapeOf: ShapeOf): UnetConfig {
  const first = shapeOf('input_blocks.0.0.weight')
  const channels = first?.[0] ?? config.channels
  const scale = channels / config.channels
  const seen = <T>(pick: (block: string) => T | undefined): T | undefined => {
    for (const n of [1, 2, 4, 5, 7, 8]) {
      const value = pick(`input_blocks.${n}.1`)
      if (value !== undefined) return value
    }
    return undefined
  }
  const adm = shapeOf('label_emb.0.0.weight')?.[1]
  return {
    ...config,
    channels,
    widths: config.widths.map((width) => Math.round(width * scale)),
    inChannels: first?.[1] ?? config.inChannels,
    context:
      seen((block) => shapeOf(`${block}.transformer_blocks.0.attn2.to_k.weight`)?.[1]) ?? config.context,
    linear: seen((block) => shapeOf(`${block}.proj_in.weight`))?.length !== 4 && config.linear,
    ...(adm === undefined ? {} : { adm }),
  }
}

function describeUnet(
  config: UnetConfig,
  architecture: UnetArchitecture,
): Pick<Denoiser, 'architecture' | 'variant' | 'width' | 'evidence'> {
  const standard = architecture.network.config
  const variant = architecture.variants.find(({ unet }) => unet && fits(unet, config))
  const isKnown =
    variant !== undefined || (config.inChannels === standard.inChannels && config.adm === standard.adm)
  const odd: string[] = []
  if (config.channels !== standard.channels || !sameShape(config.widths, standard.widths)) {
    odd.push(`widths ${config.widths.join(', ')}`)
  }
  if (config.context !== standard.context) odd.push(`context ${config.context}`)
  if (!isKnown && config.inChannels !== standard.inChannels) odd.push(`${config.inChannels} input channels`)
  if (!isKnown && config.adm !== standard.adm) odd.push(`vector conditioning ${config.adm ?? 'none'}`)
  return {
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(odd.length === 0 ? {} : { width: odd.join(', ') }),
    evidence: unetEvidence(config),
  }
}

function fits<T extends object>(expected: Partial<T>, actual: T): boolean {
  return Object.entries(expected).every(([key, value]) => actual[key as keyof T] === value)
}

function unetEvidence(config: UnetConfig): string[] {
  const blocks = config.depthIn.join(',')
  return [
    `the first convolution has ${config.inChannels} input and ${config.channels} output channels`,
    `cross-attention to text of width ${config.context}`,
    `${config.widths.length} levels with transformer depths ${blocks}`,
    `proj_in is a ${config.linear ? 'linear layer' : '1x1 convolution'}`,
    ...(config.adm === undefined ? [] : [`vector conditioning (label_emb) of width ${config.adm}`]),
    ...(config.classes === undefined ? [] : [`a label table of ${config.classes} rows`]),
  ]
}

function recogniseFlux(part: PartKeys): Denoiser {
  const config = deriveFlux((name) => part.shapeOf(part.prefix + name))
  const architecture = ARCHITECTURES.find(({ network }) => network.kind === 'flux')
  const shared = {
    id: 'dit',
    layout: 'ldm',
    nameOf: (name: string) => part.prefix + name,
    candidates: [],
  } as const
  if (!config || architecture?.network.kind !== 'flux') return { ...shared, evidence: [] }
  return {
    ...shared,
    architecture,
    ...fluxVariant(config, architecture),
    match: matchTopology(part.names, part.shapeOf, part.prefix, fluxTopology(config)),
    evidence: [
      `${config.doubleBlocks} double and ${config.singleBlocks} single blocks`,
      `img_in has ${config.inChannels} input channels`,
      config.guidance ? 'guidance_in is present (guidance-distilled)' : 'guidance_in is absent',
    ],
  }
}

function fluxVariant(
  config: FluxConfig,
  { network, variants }: Architecture,
): Pick<Denoiser, 'variant' | 'width'> {
  const standard = (network as { config: FluxConfig }).config
  const variant = variants.find(({ flux }) => flux && fits(flux, config))
  const odd: string[] = []
  if (config.hidden !== standard.hidden) odd.push(`width ${config.hidden}`)
  if (config.doubleBlocks !== standard.doubleBlocks || config.singleBlocks !== standard.singleBlocks) {
    odd.push(`${config.doubleBlocks} double and ${config.singleBlocks} single blocks`)
  }
  return {
    ...(variant === undefined ? {} : { variant }),
    ...(odd.length === 0 ? {} : { width: odd.join(', ') }),
  }
}

function recogniseMmdit(part: PartKeys): Denoiser {
  const config = deriveMmdit((name) => part.shapeOf(part.prefix + name))
  const shared = {
    id: 'dit',
    layout: 'ldm',
    nameOf: (name: string) => part.prefix + name,
    candidates: [],
  } as const
  if (!config) return { ...shared, evidence: [] }
  const { architecture, width } = mmditArchitecture(config)
  return {
    ...shared,
    architecture,
    ...(width === undefined ? {} : { width }),
    match: matchTopology(part.names, part.shapeOf, part.prefix, mmditTopology(config)),
    evidence: [
      `${config.depth} joint blocks`,
      config.qkNorm ? 'norms of queries and keys (SD 3.5)' : 'no norms of queries and keys (SD 3)',
      ...(config.dualBlocks > 0 ? [`a second attention in the first ${config.dualBlocks} blocks`] : []),
    ],
  }
}

/** The SD3 of the same depth and parts; otherwise the one with the same parts, and how deep this one is. */
function mmditArchitecture(config: Pick<MmditConfig, 'depth' | 'qkNorm' | 'dualBlocks'>): {
  architecture: Architecture
  width?: string
} {
  const all = ARCHITECTURES.flatMap((architecture) =>
    architecture.network.kind === 'mmdit' ? [{ architecture, config: architecture.network.config }] : [],
  )
  const alike = all.filter(
    (known) => known.config.qkNorm === config.qkNorm && known.config.dualBlocks > 0 === config.dualBlocks > 0,
  )
  const same = alike.find((known) => known.config.depth === config.depth)
  if (same) return { architecture: same.architecture }
  return { architecture: (alike[0] ?? all[0]!).architecture, width: `${config.depth} blocks` }
}

/** Diffusers splits the fused matrices of Flux and SD3; such files are named, their keys are not checked. */
function recogniseDiffusersDit(part: PartKeys): Denoiser {
  const shape = (name: string) => part.shapeOf(part.prefix + name)
  const shared = {
    id: 'dit',
    layout: 'diffusers',
    nameOf: (name: string) => part.prefix + name,
    candidates: [],
  } as const
  let depth = 0
  while (depth < 256 && shape(`transformer_blocks.${depth}.attn.add_q_proj.weight`)) depth++
  const flux = ARCHITECTURES.find(({ network }) => network.kind === 'flux')
  if (flux && shape('single_transformer_blocks.0.attn.to_q.weight')) {
    const guidance = shape('time_text_embed.guidance_embedder.linear_1.weight') !== undefined
    const inChannels = shape('x_embedder.weight')?.[1]
    const variant = flux.variants.find(
      (v) =>
        v.flux &&
        fits<{ guidance?: boolean; inChannels?: number | undefined }>(v.flux, { guidance, inChannels }),
    )
    const evidence = [`${depth} double blocks`, `x_embedder has ${inChannels} input channels`]
    return { ...shared, architecture: flux, ...(variant ? { variant } : {}), evidence }
  }
  const qkNorm = shape('transformer_blocks.0.attn.norm_q.weight') !== undefined
  const dualBlocks = shape('transformer_blocks.0.attn2.to_q.weight') === undefined ? 0 : 1
  const found = mmditArchitecture({ depth, qkNorm, dualBlocks })
  return { ...shared, ...found, evidence: [`${depth} joint transformer blocks`] }
}
