import { defined } from '../../system/defined.ts'
import type { Architecture } from '../networks/architectures/architecture.ts'
import { ARCHITECTURES } from '../networks/architectures/registry.ts'
import { deriveFlux, deriveMmdit } from '../networks/topology/derive.ts'
import { type FluxConfig, fluxTopology, type MmditConfig, mmditTopology } from '../networks/topology/dit.ts'
import { matchTopology } from '../networks/topology/match.ts'
import { fits, type PartKeys, type RecognisedDenoiser } from './denoiser-info.ts'
import { messages } from './messages.ts'

export function recogniseFlux(part: PartKeys): RecognisedDenoiser {
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
      messages.doubleAndSingleBlocks(config.doubleBlocks, config.singleBlocks),
      messages.imgInChannels(config.inChannels),
      config.guidance ? messages.guidanceIn : messages.noGuidanceIn,
    ],
  }
}

function fluxVariant(
  config: FluxConfig,
  { network, variants }: Architecture,
): Pick<RecognisedDenoiser, 'variant' | 'width'> {
  const standard = (network as { config: FluxConfig }).config
  const variant = variants.find(({ flux }) => flux && fits(flux, config))
  const odd: string[] = []
  if (config.hidden !== standard.hidden) odd.push(messages.width(config.hidden))
  if (config.doubleBlocks !== standard.doubleBlocks || config.singleBlocks !== standard.singleBlocks) {
    odd.push(messages.doubleAndSingleBlocks(config.doubleBlocks, config.singleBlocks))
  }
  return {
    ...defined({ variant }),
    ...(odd.length === 0 ? {} : { width: odd.join(', ') }),
  }
}

export function recogniseMmdit(part: PartKeys): RecognisedDenoiser {
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
    ...defined({ width }),
    match: matchTopology(part.names, part.shapeOf, part.prefix, mmditTopology(config)),
    evidence: [
      messages.jointBlocks(config.depth),
      config.qkNorm ? messages.qkNorms : messages.noQkNorms,
      ...(config.dualBlocks > 0 ? [messages.dualAttention(config.dualBlocks)] : []),
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
  return { architecture: (alike[0] ?? all[0]!).architecture, width: messages.blocks(config.depth) }
}

/** Diffusers splits the fused matrices of Flux and SD3; such files are named, their keys are not checked. */
export function recogniseDiffusersDit(part: PartKeys): RecognisedDenoiser {
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
    const evidence = [messages.doubleBlocks(depth), messages.xEmbedderChannels(inChannels)]
    return { ...shared, architecture: flux, ...(variant ? { variant } : {}), evidence }
  }
  const qkNorm = shape('transformer_blocks.0.attn.norm_q.weight') !== undefined
  const dualBlocks = shape('transformer_blocks.0.attn2.to_q.weight') === undefined ? 0 : 1
  const found = mmditArchitecture({ depth, qkNorm, dualBlocks })
  return { ...shared, ...found, evidence: [messages.jointTransformerBlocks(depth)] }
}
