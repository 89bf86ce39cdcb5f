/** A CLIP text encoder with the names of OpenCLIP, and with those of transformers. */
import { checkOperation } from '../../tensor/quantised/check.ts'
import { concatenated, tensorRows, transpose } from '../../tensor/values/slices.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import { messages } from './messages.ts'

/** Tensors of a component by their names inside of it, without prefix. */
export type Locals = ReadonlyMap<string, Tensor>

/** OpenCLIP -> transformers, of what stands outside of the blocks. */
const OUTSIDE = [
  ['token_embedding.weight', 'text_model.embeddings.token_embedding.weight'],
  ['positional_embedding', 'text_model.embeddings.position_embedding.weight'],
  ['ln_final.weight', 'text_model.final_layer_norm.weight'],
  ['ln_final.bias', 'text_model.final_layer_norm.bias'],
] as const

const LAYERS = [
  ['ln_1', 'layer_norm1'],
  ['ln_2', 'layer_norm2'],
  ['mlp.c_fc', 'mlp.fc1'],
  ['mlp.c_proj', 'mlp.fc2'],
  ['attn.out_proj', 'self_attn.out_proj'],
] as const

const LEAVES = ['weight', 'bias'] as const

/** Order of the rows of `in_proj_weight` and `in_proj_bias`. */
const FUSED = ['q', 'k', 'v'] as const

/** x @ P in OpenCLIP, x @ W^T in transformers: one is the transpose of the other. */
const PROJECTION = ['text_projection', 'text_projection.weight'] as const

function block(i: number): string {
  return `transformer.resblocks.${i}`
}

function layer(i: number): string {
  return `text_model.encoder.layers.${i}`
}

/**
 * OpenCLIP to transformers. What transformers has no place for (`logit_scale`, `attn_mask`, the id of positions) is left
 * out.
 * @param layers blocks to take; all without it. diffusers has one less for SD 2.x, as its last one is never used
 */
export function toTransformers(openClip: Locals, layers = Number.POSITIVE_INFINITY): Map<string, Tensor> {
  checkOperation('relayout', openClip.values(), messages.theTextEncoder)
  const out = new Map<string, Tensor>()
  const rename = (from: string, to: string): void => {
    const tensor = openClip.get(from)
    if (tensor !== undefined) out.set(to, { ...tensor, name: to })
  }
  for (const [own, theirs] of OUTSIDE) rename(own, theirs)
  for (let i = 0; i < layers && openClip.has(`${block(i)}.ln_1.weight`); i++) {
    for (const leaf of LEAVES) {
      for (const [own, theirs] of LAYERS)
        rename(`${block(i)}.${own}.${leaf}`, `${layer(i)}.${theirs}.${leaf}`)
      const fused = openClip.get(`${block(i)}.attn.in_proj_${leaf}`)
      if (fused === undefined) continue
      const width = fused.shape[0]! / FUSED.length
      FUSED.forEach((part, at) => {
        const name = `${layer(i)}.self_attn.${part}_proj.${leaf}`
        out.set(name, tensorRows(fused, at * width, width, name))
      })
    }
  }
  const projection = openClip.get(PROJECTION[0])
  if (projection !== undefined) out.set(PROJECTION[1], transpose(projection, PROJECTION[1]))
  return out
}

/** Transformers to OpenCLIP; q, k and v become one tensor. */
export function toOpenClip(transformers: Locals): Map<string, Tensor> {
  checkOperation('relayout', transformers.values(), messages.theTextEncoder)
  const out = new Map<string, Tensor>()
  const rename = (from: string, to: string): void => {
    const tensor = transformers.get(from)
    if (tensor !== undefined) out.set(to, { ...tensor, name: to })
  }
  for (const [own, theirs] of OUTSIDE) rename(theirs, own)
  for (let i = 0; transformers.has(`${layer(i)}.layer_norm1.weight`); i++) {
    for (const leaf of LEAVES) {
      for (const [own, theirs] of LAYERS)
        rename(`${layer(i)}.${theirs}.${leaf}`, `${block(i)}.${own}.${leaf}`)
      const parts = FUSED.map((part) => transformers.get(`${layer(i)}.self_attn.${part}_proj.${leaf}`))
      if (!parts.every((part) => part !== undefined)) continue
      const name = `${block(i)}.attn.in_proj_${leaf}`
      out.set(name, concatenated(name, parts))
    }
  }
  const projection = transformers.get(PROJECTION[1])
  if (projection !== undefined) out.set(PROJECTION[0], transpose(projection, PROJECTION[0]))
  return out
}
