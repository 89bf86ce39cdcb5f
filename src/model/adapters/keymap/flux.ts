import { type FluxConfig, fluxTopology } from '../../networks/topology/dit.ts'
import { type Alias, addAliases, flatten, layerPaths, type ModuleNames, targetAt } from './target.ts'

/** Outside of the blocks: diffusers -> Black Forest Labs. Source: diffusers `convert_flux_to_diffusers.py`. */
const OUTER: readonly Alias[] = [
  { name: 'x_embedder', path: 'img_in' },
  { name: 'context_embedder', path: 'txt_in' },
  ...(['timestep', 'text', 'guidance'] as const).flatMap((part): Alias[] => {
    const path = { timestep: 'time_in', text: 'vector_in', guidance: 'guidance_in' }[part]
    return [
      { name: `time_text_embed.${part}_embedder.linear_1`, path: `${path}.in_layer` },
      { name: `time_text_embed.${part}_embedder.linear_2`, path: `${path}.out_layer` },
    ]
  }),
  { name: 'norm_out.linear', path: 'final_layer.adaLN_modulation.1', swappedHalves: true },
  { name: 'proj_out', path: 'final_layer.linear' },
]

/** One double block; picture and text have the same layers. Rows in multiples of the width. */
const DOUBLE: readonly Alias[] = [
  { name: 'attn.to_q', path: 'img_attn.qkv', rows: [0, 1] },
  { name: 'attn.to_k', path: 'img_attn.qkv', rows: [1, 1] },
  { name: 'attn.to_v', path: 'img_attn.qkv', rows: [2, 1] },
  { name: 'attn.add_q_proj', path: 'txt_attn.qkv', rows: [0, 1] },
  { name: 'attn.add_k_proj', path: 'txt_attn.qkv', rows: [1, 1] },
  { name: 'attn.add_v_proj', path: 'txt_attn.qkv', rows: [2, 1] },
  { name: 'attn.to_out.0', path: 'img_attn.proj' },
  { name: 'attn.to_add_out', path: 'txt_attn.proj' },
  { name: 'ff.net.0.proj', path: 'img_mlp.0' },
  { name: 'ff.net.2', path: 'img_mlp.2' },
  { name: 'ff_context.net.0.proj', path: 'txt_mlp.0' },
  { name: 'ff_context.net.2', path: 'txt_mlp.2' },
  { name: 'norm1.linear', path: 'img_mod.lin' },
  { name: 'norm1_context.linear', path: 'txt_mod.lin' },
  { name: 'attn.norm_q', path: 'img_attn.norm.query_norm' },
  { name: 'attn.norm_k', path: 'img_attn.norm.key_norm' },
  { name: 'attn.norm_added_q', path: 'txt_attn.norm.query_norm' },
  { name: 'attn.norm_added_k', path: 'txt_attn.norm.key_norm' },
]

/**
 * Double blocks in XLabs' files, `double_blocks.0.processor.qkv_lora1`; 1 is the picture, 2 the text. Their `proj_lora` of
 * single blocks changes the output of the layer, not its weight. Source: XLabs-AI/x-flux, `modules/layers.py`.
 */
const XLABS: readonly Alias[] = [
  { name: 'qkv_lora1', path: 'img_attn.qkv' },
  { name: 'proj_lora1', path: 'img_attn.proj' },
  { name: 'qkv_lora2', path: 'txt_attn.qkv' },
  { name: 'proj_lora2', path: 'txt_attn.proj' },
]

/** One single block: q, k, v and the first layer of the MLP are one weight. */
const SINGLE: readonly Alias[] = [
  { name: 'attn.to_q', path: 'linear1', rows: [0, 1] },
  { name: 'attn.to_k', path: 'linear1', rows: [1, 1] },
  { name: 'attn.to_v', path: 'linear1', rows: [2, 1] },
  { name: 'proj_mlp', path: 'linear1', rows: [3, 4] },
  { name: 'proj_out', path: 'linear2' },
  { name: 'norm.linear', path: 'modulation.lin' },
  { name: 'attn.norm_q', path: 'norm.query_norm' },
  { name: 'attn.norm_k', path: 'norm.key_norm' },
]

/** kohya's OFT has a rotation for each part of a fused weight, `oft_blocks.0` ... Source: sd-scripts `networks/oft_flux.py` */
const KOHYA_OFT_DOUBLE: readonly Alias[] = ['img_attn.qkv', 'txt_attn.qkv'].flatMap((path) =>
  [0, 1, 2].map((i): Alias => ({ name: `${path}.${i}`, path, rows: [i, 1] })),
)
const KOHYA_OFT_SINGLE: readonly Alias[] = [0, 1, 2, 3].map((i) => {
  return { name: `linear1.${i}`, path: 'linear1', rows: [i, i < 3 ? 1 : 4] }
})

/** Names of every layer of a Flux transformer: Black Forest Labs' own, as kohya has them, diffusers' and XLabs'. */
export function fluxModules(config: FluxConfig): ModuleNames {
  const topology = fluxTopology(config)
  const names: ModuleNames = new Map()
  for (const path of layerPaths(topology)) names.set(flatten(path), targetAt(topology, path)!)
  const blocks = [
    ...inBlocks(DOUBLE, 'transformer_blocks', 'double_blocks', config.doubleBlocks),
    ...inBlocks(XLABS, 'double_blocks', 'double_blocks', config.doubleBlocks),
    ...inBlocks(KOHYA_OFT_DOUBLE, 'double_blocks', 'double_blocks', config.doubleBlocks),
    ...inBlocks(KOHYA_OFT_SINGLE, 'single_blocks', 'single_blocks', config.singleBlocks),
    ...inBlocks(SINGLE, 'single_transformer_blocks', 'single_blocks', config.singleBlocks),
  ]
  addAliases(names, topology, [...OUTER, ...blocks], config.hidden)
  return withFluxLatents(names)
}

/** 16 channels of 2x2 pixels. */
const LATENTS = 64

/** Says of the first layer that it takes latents, in either layout. */
export function withFluxLatents(names: ModuleNames): ModuleNames {
  for (const name of ['img_in', 'x_embedder']) {
    const target = names.get(name)
    if (target !== undefined) names.set(name, { ...target, latents: LATENTS })
  }
  return names
}

function inBlocks(aliases: readonly Alias[], theirs: string, ours: string, blocks: number): Alias[] {
  return Array.from({ length: blocks }, (_, i) => i).flatMap((i) => {
    return aliases.map((alias) => ({
      ...alias,
      name: `${theirs}.${i}.${alias.name}`,
      path: `${ours}.${i}.${alias.path}`,
    }))
  })
}
