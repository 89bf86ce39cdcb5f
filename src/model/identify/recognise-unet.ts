import { defined } from '../../system/defined.ts'
import type { Architecture } from '../networks/architectures/architecture.ts'
import { ARCHITECTURES } from '../networks/architectures/registry.ts'
import { deriveUnet } from '../networks/topology/derive.ts'
import { unetInDiffusers, unetNaming } from '../networks/topology/diffusers.ts'
import { distance, matchTopology, type ShapeOf, sameShape } from '../networks/topology/match.ts'
import { type UnetConfig, unetTopology } from '../networks/topology/unet.ts'
import { fits, type PartKeys, type RecognisedDenoiser } from './denoiser-info.ts'
import { messages } from './messages.ts'

/** Beyond this share of differing keys a network is not a damaged example of the architecture. */
const DAMAGED_SHARE = 0.1

type UnetArchitecture = Architecture & { network: { kind: 'unet'; config: UnetConfig } }

function isUnet(architecture: Architecture): architecture is UnetArchitecture {
  return architecture.network.kind === 'unet'
}

export function recogniseUnet(part: PartKeys, layout: 'ldm' | 'diffusers'): RecognisedDenoiser {
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

/**
 * Context counts twice: some SD 2.x files have the convolutions of SD 1.x, but never its text encoder. The vector tells
 * Kolors from SDXL.
 */
function likeness(a: UnetConfig, b: UnetConfig): number {
  return (a.context === b.context ? 2 : 0) + (a.linear === b.linear ? 1 : 0) + (a.adm === b.adm ? 1 : 0)
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
    ...defined({ adm }),
  }
}

function describeUnet(
  config: UnetConfig,
  architecture: UnetArchitecture,
): Pick<RecognisedDenoiser, 'architecture' | 'variant' | 'width' | 'evidence'> {
  const standard = architecture.network.config
  const variant = architecture.variants.find(({ unet }) => unet && fits(unet, config))
  const isKnown =
    variant !== undefined || (config.inChannels === standard.inChannels && config.adm === standard.adm)
  const odd: string[] = []
  if (config.channels !== standard.channels || !sameShape(config.widths, standard.widths)) {
    odd.push(messages.widths(config.widths.join(', ')))
  }
  if (config.context !== standard.context) odd.push(messages.context(config.context))
  if (!isKnown && config.inChannels !== standard.inChannels)
    odd.push(messages.inputChannels(config.inChannels))
  if (!isKnown && config.adm !== standard.adm) odd.push(messages.vectorConditioning(config.adm ?? 'none'))
  return {
    architecture,
    ...defined({ variant }),
    ...(odd.length === 0 ? {} : { width: odd.join(', ') }),
    evidence: unetEvidence(config),
  }
}

/** Depth of each level on the way down; "0/2" where it changes within the level. */
function levelDepths({ widths, resBlocks, depthIn }: UnetConfig): string[] {
  return widths.map((_, level) => {
    const depths = depthIn.slice(level * resBlocks, (level + 1) * resBlocks)
    return [...new Set(depths)].join('/')
  })
}

function unetEvidence(config: UnetConfig): string[] {
  return [
    messages.firstConvolution(config.inChannels, config.channels),
    messages.crossAttention(config.context),
    messages.transformerDepths(levelDepths(config).join(', '), config.widths.length),
    config.linear ? messages.linearProjection : messages.convolutionalProjection,
    ...(config.adm === undefined ? [] : [messages.labelEmbedding(config.adm)]),
    ...(config.classes === undefined ? [] : [messages.labelTable(config.classes)]),
  ]
}
