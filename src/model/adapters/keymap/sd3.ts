import { type MmditConfig, mmditTopology } from '../../networks/topology/dit.ts'
import { type Alias, addAliases, flatten, layerPaths, type ModuleNames, targetAt } from './target.ts'

/** Outside of the blocks: diffusers -> Stability. Source: diffusers `convert_sd3_to_diffusers.py`. */
const OUTER: readonly Alias[] = [
  { name: 'context_embedder', path: 'context_embedder' },
  { name: 'pos_embed.proj', path: 'x_embedder.proj' },
  { name: 'time_text_embed.timestep_embedder.linear_1', path: 't_embedder.mlp.0' },
  { name: 'time_text_embed.timestep_embedder.linear_2', path: 't_embedder.mlp.2' },
  { name: 'time_text_embed.text_embedder.linear_1', path: 'y_embedder.mlp.0' },
  { name: 'time_text_embed.text_embedder.linear_2', path: 'y_embedder.mlp.2' },
  { name: 'norm_out.linear', path: 'final_layer.adaLN_modulation.1', swappedHalves: true },
  { name: 'proj_out', path: 'final_layer.linear' },
]

/** One joint block. Rows in multiples of the width. */
const BLOCK: readonly Alias[] = [
  ...[
    ['attn.to_', '', 'x_block.attn'],
    ['attn.add_', '_proj', 'context_block.attn'],
    ['attn2.to_', '', 'x_block.attn2'],
  ].flatMap(([start, end, attention]) => {
    return ['q', 'k', 'v'].map((part, i): Alias => {
      return { name: `${start}${part}${end}`, path: `${attention}.qkv`, rows: [i, 1] }
    })
  }),
  { name: 'attn.to_out.0', path: 'x_block.attn.proj' },
  { name: 'attn.to_add_out', path: 'context_block.attn.proj' },
  { name: 'attn2.to_out.0', path: 'x_block.attn2.proj' },
  { name: 'ff.net.0.proj', path: 'x_block.mlp.fc1' },
  { name: 'ff.net.2', path: 'x_block.mlp.fc2' },
  { name: 'ff_context.net.0.proj', path: 'context_block.mlp.fc1' },
  { name: 'ff_context.net.2', path: 'context_block.mlp.fc2' },
  { name: 'norm1.linear', path: 'x_block.adaLN_modulation.1' },
  { name: 'norm1_context.linear', path: 'context_block.adaLN_modulation.1' },
  { name: 'attn.norm_q', path: 'x_block.attn.ln_q' },
  { name: 'attn.norm_k', path: 'x_block.attn.ln_k' },
  { name: 'attn.norm_added_q', path: 'context_block.attn.ln_q' },
  { name: 'attn.norm_added_k', path: 'context_block.attn.ln_k' },
]

/** Heads are 64 wide. */
const HEAD_DIM = 64

/** Names of every layer of an SD3 transformer: Stability's own and diffusers'. */
export function sd3Modules(config: MmditConfig): ModuleNames {
  const topology = mmditTopology(config)
  const names: ModuleNames = new Map()
  for (const path of layerPaths(topology)) names.set(flatten(path), targetAt(topology, path)!)
  const blocks = Array.from({ length: config.depth }, (_, i) =>
    blockAliases(i, i === config.depth - 1),
  ).flat()
  addAliases(names, topology, [...OUTER, ...blocks], HEAD_DIM * config.depth)
  return names
}

/** The text side of the last block is only modulated once more, as an output layer: halves the other way round. */
function blockAliases(i: number, isLast: boolean): Alias[] {
  return BLOCK.map((alias) => ({
    ...alias,
    name: `transformer_blocks.${i}.${alias.name}`,
    path: `joint_blocks.${i}.${alias.path}`,
    ...(isLast && alias.name === 'norm1_context.linear' ? { swappedHalves: true as const } : {}),
  }))
}
