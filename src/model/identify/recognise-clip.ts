import { ARCHITECTURES } from '../networks/architectures/registry.ts'
import type { ComponentId } from '../networks/components.ts'
import { deriveClip, deriveOpenClip } from '../networks/topology/derive.ts'
import { matchTopology, type Topology } from '../networks/topology/match.ts'
import {
  type ClipConfig,
  clipOptional,
  clipTopology,
  openClipOptional,
  openClipTopology,
} from '../networks/topology/text.ts'
import type { PartKeys } from './denoiser-info.ts'
import type { Encoder } from './encoder-info.ts'

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

/** A CLIP in the layout of transformers or of OpenCLIP, by the names of its layers. */
export function recogniseClip(part: PartKeys): Encoder | undefined {
  const has = (name: string) => part.shapeOf(part.prefix + name) !== undefined
  if (has('text_model.embeddings.token_embedding.weight') || has('text_model.final_layer_norm.weight')) {
    return transformersClip(part)
  }
  return has('transformer.resblocks.0.ln_1.weight') ? openClip(part) : undefined
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
