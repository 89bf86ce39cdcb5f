import { ARCHITECTURES } from '../networks/architectures/registry.ts'
import type { ComponentId, KeyLayout } from '../networks/components.ts'
import { deriveClip, deriveOpenClip, deriveVae } from '../networks/topology/derive.ts'
import { vaeInDiffusers, vaeNameInDiffusers } from '../networks/topology/diffusers.ts'
import { matchTopology, type ShapeOf, type Topology, type TopologyMatch } from '../networks/topology/match.ts'
import {
  type ClipConfig,
  clipOptional,
  clipTopology,
  openClipOptional,
  openClipTopology,
  T5_XXL,
  t5Optional,
  t5Topology,
} from '../networks/topology/text.ts'
import { VAE_KL_F8, type VaeConfig, vaeTopology } from '../networks/topology/vae.ts'
import type { PartKeys } from './denoiser-info.ts'

/** A text encoder or VAE, and how it compares with what it should be. */
export interface Encoder {
  readonly id: ComponentId
  readonly layout?: KeyLayout
  /** Where the keys of the topology begin. */
  readonly prefix: string
  readonly match?: TopologyMatch
}

/** Component ids of the CLIPs by layout and width. */
const CLIP_IDS: Readonly<Record<'transformers' | 'openclip', Readonly<Record<number, ComponentId>>>> = {
  transformers: { 768: 'clip_l', 1024: 'clip_h', 1280: 'clip_g' },
  openclip: { 1024: 'openclip_h', 1280: 'openclip_g' },
}

/** An id by width; for other widths the encoder that a checkpoint has at this prefix. */
function clipId(layout: 'transformers' | 'openclip', { width }: ClipConfig, prefix: string): ComponentId {
  const known = CLIP_IDS[layout][width]
  if (known) return known
  const templates = ARCHITECTURES.flatMap((architecture) => architecture.components)
  return templates.find((template) => template.prefix === prefix && prefix !== '')?.id ?? 'text'
}

/** Recognises a text encoder by the names of its layers. */
export function recogniseText(part: PartKeys): Encoder {
  const has = (name: string) => part.shapeOf(part.prefix + name) !== undefined
  if (has('text_model.embeddings.token_embedding.weight') || has('text_model.final_layer_norm.weight')) {
    return transformersClip(part)
  }
  if (has('transformer.resblocks.0.ln_1.weight')) return openClip(part)
  if (has('encoder.block.0.layer.0.SelfAttention.q.weight')) return t5(part)
  return { id: 'text', prefix: part.prefix }
}

function transformersClip(part: PartKeys): Encoder {
  const config = deriveClip((name) => part.shapeOf(part.prefix + name))
  const shared = { prefix: part.prefix, layout: 'transformers' } as const
  if (!config) return { ...shared, id: 'text' }
  const topology = withProjection(clipTopology(config), config, 'text_projection.weight')
  const match = matchTopology(part.names, part.shapeOf, part.prefix, topology, clipOptional(config))
  return { ...shared, id: clipId('transformers', config, part.prefix), match }
}

const CLIP_G_WIDTH = 1280

/** The pooled text of SDXL and SD3 comes from the projection of CLIP-G; other encoders work without theirs. */
function withProjection(topology: Topology, { width }: ClipConfig, key: string): Topology {
  return width === CLIP_G_WIDTH ? new Map([...topology, [key, [width, width]]]) : topology
}

function openClip(part: PartKeys): Encoder {
  const config = deriveOpenClip((name) => part.shapeOf(part.prefix + name))
  const shared = { prefix: part.prefix, layout: 'openclip' } as const
  if (!config) return { ...shared, id: 'text' }
  const match = matchTopology(
    part.names,
    part.shapeOf,
    part.prefix,
    withProjection(openClipTopology(config), config, 'text_projection'),
    openClipOptional(config),
  )
  return { ...shared, id: clipId('openclip', config, part.prefix), match }
}

function t5(part: PartKeys): Encoder {
  const tokens = part.shapeOf(`${part.prefix}shared.weight`)
  const shared = { prefix: part.prefix, layout: 'transformers' } as const
  const isXxl = tokens === undefined || tokens[1] === T5_XXL.width
  if (!isXxl) return { ...shared, id: 'text' }
  const match = matchTopology(part.names, part.shapeOf, part.prefix, t5Topology(T5_XXL), t5Optional(T5_XXL))
  return { ...shared, id: 't5xxl', match }
}

/** Sequences of layers, as tiny autoencoders have them: no KL autoencoder to compare with. */
const RE_TINY = /(^|\.)\d+\.conv\.0\.weight$/

/** Recognises a KL autoencoder in ldm or diffusers layout. Nothing of it found: compared with the usual one. */
export function recogniseVae(part: PartKeys): Encoder {
  const local: ShapeOf = (name) => part.shapeOf(part.prefix + name)
  if (part.names.some((name) => RE_TINY.test(name))) return { id: 'vae', prefix: part.prefix }
  const levels = countLevels(local)
  const isDiffusers = levels > 0 || local('encoder.down_blocks.0.resnets.0.conv1.weight') !== undefined
  const old = local('decoder.mid_block.attentions.0.query.weight') !== undefined
  const shapeOf: ShapeOf = isDiffusers ? (name) => local(vaeNameInDiffusers(name, levels, old)) : local
  const config: VaeConfig = deriveVae(shapeOf) ?? VAE_KL_F8
  const topology = vaeTopology(config)
  const named = isDiffusers ? vaeInDiffusers(topology, config.widths.length, old) : topology
  return {
    id: 'vae',
    layout: isDiffusers ? 'diffusers' : 'ldm',
    prefix: part.prefix,
    match: matchTopology(part.names, part.shapeOf, part.prefix, named),
  }
}

function countLevels(local: ShapeOf): number {
  let n = 0
  while (n < 16 && local(`decoder.up_blocks.${n}.resnets.0.conv1.weight`)) n++
  return n
}
