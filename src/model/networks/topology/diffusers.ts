import { renameTopology, type ShapeOf, type Topology } from './match.ts'

/** Names inside a res block of a UNet: ldm -> diffusers. */
const RES_BLOCK: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'in_layers.0': 'norm1',
    'in_layers.2': 'conv1',
    'emb_layers.1': 'time_emb_proj',
    'out_layers.0': 'norm2',
    'out_layers.3': 'conv2',
    skip_connection: 'conv_shortcut',
  }),
)

/** Modules outside of the blocks of a UNet or a ControlNet: ldm -> diffusers. */
const OUTSIDE: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'input_blocks.0.0': 'conv_in',
    'time_embed.0': 'time_embedding.linear_1',
    'time_embed.2': 'time_embedding.linear_2',
    'label_emb.0.0': 'add_embedding.linear_1',
    'label_emb.0.2': 'add_embedding.linear_2',
    label_emb: 'class_embedding',
    'out.0': 'conv_norm_out',
    'out.2': 'conv_out',
    'middle_block_out.0': 'controlnet_mid_block',
    'input_hint_block.0': 'controlnet_cond_embedding.conv_in',
    'input_hint_block.14': 'controlnet_cond_embedding.conv_out',
  }),
)

const RE_BLOCK = /^(input|output)_blocks\.(\d+)\.(\d)\.(.+)$/
const RE_MIDDLE = /^middle_block\.(\d)\.(.+)$/
const RE_HINT = /^input_hint_block\.(\d+)$/
const RE_ZERO = /^zero_convs\.(\d+)\.0$/

/**
 * Name of a UNet or ControlNet key in diffusers layout.
 * @param name key in ldm layout, with `.weight` or `.bias`
 * @param resBlocks res blocks of a level on the way down
 */
export function unetNameInDiffusers(name: string, resBlocks: number): string {
  const dot = name.lastIndexOf('.')
  const [module, leaf] = [name.slice(0, dot), name.slice(dot)]
  return (OUTSIDE.get(module) ?? blockInDiffusers(module, resBlocks) ?? module) + leaf
}

function blockInDiffusers(module: string, resBlocks: number): string | undefined {
  const block = RE_BLOCK.exec(module)
  if (block) {
    const [, side, n, slot, inner] = block
    const place = side === 'input' ? downBlock : upBlock
    return place(Number(n), Number(slot), inner!, resBlocks)
  }
  const middle = RE_MIDDLE.exec(module)
  if (middle) return middleBlock(Number(middle[1]), middle[2]!)
  const hint = RE_HINT.exec(module)
  if (hint) return `controlnet_cond_embedding.blocks.${Number(hint[1]) / 2 - 1}`
  const zero = RE_ZERO.exec(module)
  return zero ? `controlnet_down_blocks.${zero[1]}` : undefined
}

function downBlock(n: number, slot: number, inner: string, resBlocks: number): string {
  // input_blocks.0 is conv_in, so the first level starts at 1 and ends with its downsampler
  const b = Math.floor((n - 1) / (resBlocks + 1))
  const j = (n - 1) % (resBlocks + 1)
  if (inner === 'op') return `down_blocks.${b}.downsamplers.0.conv`
  return slot === 0
    ? `down_blocks.${b}.resnets.${j}.${RES_BLOCK.get(inner) ?? inner}`
    : `down_blocks.${b}.attentions.${j}.${inner}`
}

function upBlock(n: number, slot: number, inner: string, resBlocks: number): string {
  const b = Math.floor(n / (resBlocks + 1))
  const j = n % (resBlocks + 1)
  if (inner === 'conv') return `up_blocks.${b}.upsamplers.0.conv`
  return slot === 0
    ? `up_blocks.${b}.resnets.${j}.${RES_BLOCK.get(inner) ?? inner}`
    : `up_blocks.${b}.attentions.${j}.${inner}`
}

function middleBlock(slot: number, inner: string): string {
  return slot === 1
    ? `mid_block.attentions.0.${inner}`
    : `mid_block.resnets.${slot / 2}.${RES_BLOCK.get(inner) ?? inner}`
}

/** Names in the attention of a VAE, and those that diffusers used before 0.17. */
const VAE_ATTENTION = { norm: 'group_norm', q: 'to_q', k: 'to_k', v: 'to_v', proj_out: 'to_out.0' }
const VAE_ATTENTION_OLD = { norm: 'group_norm', q: 'query', k: 'key', v: 'value', proj_out: 'proj_attn' }

const RE_VAE_BLOCK = /^(encoder|decoder)\.(?:down|up)\.(\d+)\.(block\.(\d+)|downsample|upsample)(\..+)$/
const RE_VAE_MIDDLE = /^(encoder|decoder)\.mid\.(block_(\d)|attn_1\.(norm|q|k|v|proj_out))(\..+)$/

/**
 * Name of a VAE key in diffusers layout; the decoder counts its levels the other way round.
 * @param levels levels of the VAE, 4 for the usual one
 */
export function vaeNameInDiffusers(name: string, levels: number, old = false): string {
  const block = RE_VAE_BLOCK.exec(name)
  if (block) {
    const [, half, level, part, j, rest] = block
    const isDown = half === 'encoder'
    const b = isDown ? Number(level) : levels - 1 - Number(level)
    const base = `${half}.${isDown ? 'down' : 'up'}_blocks.${b}`
    if (j === undefined) return `${base}.${part}rs.0${rest}`
    return `${base}.resnets.${j}${rest!.replace('nin_shortcut', 'conv_shortcut')}`
  }
  const middle = RE_VAE_MIDDLE.exec(name)
  if (middle) {
    const [, half, , j, part, rest] = middle
    if (j !== undefined) return `${half}.mid_block.resnets.${Number(j) - 1}${rest}`
    const names = old ? VAE_ATTENTION_OLD : VAE_ATTENTION
    return `${half}.mid_block.attentions.0.${names[part as keyof typeof names]}${rest}`
  }
  return name.replace('.norm_out.', '.conv_norm_out.')
}

/** A UNet or ControlNet as diffusers stores it. unCLIP names its vector conditioning `class_embedding`. */
export function unetInDiffusers(topology: Topology, resBlocks: number, shapeOf: ShapeOf): Topology {
  return renameTopology(topology, unetNaming(resBlocks, shapeOf))
}

/** Names of UNet keys as the file at hand has them. */
export function unetNaming(resBlocks: number, shapeOf: ShapeOf): (name: string) => string {
  const isUnclip = shapeOf('class_embedding.linear_1.weight') !== undefined
  return (name) => {
    const renamed = unetNameInDiffusers(name, resBlocks)
    return isUnclip ? renamed.replace('add_embedding.', 'class_embedding.') : renamed
  }
}

/** A VAE as diffusers stores it: the 1x1 convolutions of the attention are linear layers there. */
export function vaeInDiffusers(topology: Topology, levels: number, old: boolean): Topology {
  return renameTopology(
    topology,
    (name) => vaeNameInDiffusers(name, levels, old),
    (name, shape) => (name.includes('.attn_1.') && shape.length === 4 ? shape.slice(0, 2) : shape),
  )
}
