import type { Topology } from '../../networks/topology/match.ts'
import { flatten, layerPaths, type ModuleNames, type ModuleTarget, targetAt, withRows } from './target.ts'

/** Old diffusers scripts replaced the projections and called them after the UNet's. */
const PATCHED_ATTENTION = [
  ['q_proj', 'to_q'],
  ['k_proj', 'to_k'],
  ['v_proj', 'to_v'],
  ['out_proj', 'to_out'],
] as const

/** Kohya's scripts walk the decoder of a language model, ComfyUI the model around it. */
const AROUND_DECODER = 'model.'

/** Modules of an encoder that the checkpoint keeps with the names of transformers: CLIP, T5, language models. */
export function transformersModules(topology: Topology): ModuleNames {
  const names: ModuleNames = new Map()
  for (const path of layerPaths(topology)) {
    const target = targetAt(topology, path)!
    names.set(flatten(path), target)
    if (path.startsWith(AROUND_DECODER)) names.set(flatten(path.slice(AROUND_DECODER.length)), target)
    for (const [own, old] of PATCHED_ATTENTION) {
      if (path.endsWith(`self_attn.${own}`)) names.set(flatten(path.replace(own, old)), target)
    }
  }
  return names
}

/** Layers of one block: transformers -> OpenCLIP. */
const OPENCLIP_LAYERS = [
  ['self_attn.out_proj', 'attn.out_proj'],
  ['mlp.fc1', 'mlp.c_fc'],
  ['mlp.fc2', 'mlp.c_proj'],
  ['layer_norm1', 'ln_1'],
  ['layer_norm2', 'ln_2'],
] as const

/** Order of the projections in `in_proj_weight`. */
const FUSED = ['q', 'k', 'v'] as const

/**
 * Modules of an OpenCLIP encoder. Trainers see it through transformers, so their modules have CLIP's names; q, k
 * and v are rows of one weight here. OpenCLIP's own names are accepted, too.
 */
export function openClipModules(topology: Topology): ModuleNames {
  const names: ModuleNames = new Map()
  for (const path of layerPaths(topology)) names.set(flatten(path), targetAt(topology, path)!)
  for (let i = 0; topology.has(`transformer.resblocks.${i}.ln_1.weight`); i++) addBlock(names, topology, i)
  const outside = [
    ['text_model.final_layer_norm', 'ln_final'],
    ['text_model.embeddings.token_embedding', 'token_embedding'],
  ] as const
  for (const [name, path] of outside) addLayer(names, topology, name, path)
  const positions = topology.get('positional_embedding')
  if (positions !== undefined) {
    // a parameter here, the table of an embedding layer in transformers
    const target = { weight: 'positional_embedding', shape: positions }
    for (const name of ['text_model.embeddings.position_embedding', 'positional_embedding'])
      names.set(flatten(name), target)
  }
  const projection = topology.get('text_projection')
  if (projection !== undefined) {
    // x @ P in OpenCLIP, x @ W^T in transformers
    names.set('text_projection', { weight: 'text_projection', shape: projection, transposed: true })
  }
  return names
}

function addBlock(names: ModuleNames, topology: Topology, i: number): void {
  const [layer, block] = [`text_model.encoder.layers.${i}`, `transformer.resblocks.${i}`]
  for (const [name, path] of OPENCLIP_LAYERS)
    addLayer(names, topology, `${layer}.${name}`, `${block}.${path}`)
  const shape = topology.get(`${block}.attn.in_proj_weight`)!
  const fused: ModuleTarget = {
    weight: `${block}.attn.in_proj_weight`, // no dot before `weight` here
    bias: `${block}.attn.in_proj_bias`,
    shape,
  }
  const width = shape[0]! / FUSED.length
  for (const [index, part] of FUSED.entries()) {
    names.set(flatten(`${layer}.self_attn.${part}_proj`), withRows(fused, index * width, width))
  }
}

function addLayer(names: ModuleNames, topology: Topology, name: string, path: string): void {
  const target = targetAt(topology, path)
  if (target !== undefined) names.set(flatten(name), target)
}
