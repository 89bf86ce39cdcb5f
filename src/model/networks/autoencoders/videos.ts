import {
  deriveWanVae,
  WAN21_VAE,
  WAN22_VAE,
  type WanVaeConfig,
  wanVaeNameInDiffusers,
  wanVaeTopology,
} from '../topology/wan-vae.ts'
import { type Autoencoder, type AutoencoderLayers, ends, halves, VIDEO, wanEnds } from './autoencoder.ts'

function wanLayers(published: WanVaeConfig): AutoencoderLayers {
  return {
    topology: (shapeOf) => wanVaeTopology(deriveWanVae(shapeOf, published)),
    inDiffusers: wanVaeNameInDiffusers,
  }
}

const VIDEO_CONV = { wrapped: true }
const LTX_BLOCK = 'up_blocks.0.res_blocks.0.conv1.conv.weight'
const LTX_DIFFUSERS = 'mid_block.resnets.0.conv1.conv.weight'

export const VIDEO_AUTOENCODERS: readonly Autoencoder[] = [
  {
    id: 'svd',
    title: 'Stable Video Diffusion',
    space: 'sd',
    channels: 4,
    downscale: 8,
    names: [
      { layout: 'ldm', decoder: { keys: ['decoder.mid.block_1.mix_factor', 'decoder.conv_in.weight'] } },
      { layout: 'diffusers', decoder: { keys: ['decoder.time_conv_out.weight', 'decoder.conv_in.weight'] } },
    ],
  },
  {
    id: 'hunyuan-image-refiner',
    title: 'HunyuanImage 2.1 refiner',
    space: 'hunyuan-image-refiner',
    channels: 32,
    downscale: 16,
    names: [halves('ldm', 'mid.block_1.norm1.weight', ends(64, 32, VIDEO))],
  },
  {
    id: 'hunyuan-video-15',
    title: 'HunyuanVideo 1.5',
    space: 'hunyuan-video-15',
    channels: 32,
    downscale: 16,
    names: [halves('ldm', 'mid.block_1.norm1.gamma', ends(64, 32, VIDEO, VIDEO_CONV))],
  },
  {
    // diffusers gives the refiner of HunyuanImage the same layers
    id: 'hunyuan-video-15-or-refiner',
    title: 'HunyuanVideo 1.5 or HunyuanImage 2.1 refiner',
    channels: 32,
    downscale: 16,
    names: [halves('diffusers', 'mid_block.resnets.0.norm1.gamma', ends(64, 32, VIDEO, VIDEO_CONV))],
  },
  {
    id: 'ltx',
    title: 'LTX-Video',
    space: 'ltx',
    channels: 128,
    downscale: 32,
    names: [
      {
        layout: 'ldm',
        decoder: { keys: [`decoder.${LTX_BLOCK}`], shape: ['decoder.conv_in.conv.weight', '512 128 3 3 3'] },
      },
      // 0.9.1 and later tell the decoder how much noise there is
      { layout: 'ldm', decoder: { keys: [`decoder.${LTX_BLOCK}`, 'decoder.last_scale_shift_table'] } },
      {
        layout: 'diffusers',
        encoder: {
          keys: [`encoder.${LTX_DIFFUSERS}`],
          not: ['encoder.mid_block.resnets.0.norm1.weight'],
          shape: ['encoder.conv_out.conv.weight', '129 512 3 3 3'],
        },
        decoder: {
          keys: [`decoder.${LTX_DIFFUSERS}`],
          not: ['decoder.mid_block.resnets.0.norm1.weight'],
          shape: ['decoder.conv_in.conv.weight', '512 128 3 3 3'],
        },
      },
      { layout: 'diffusers', decoder: { keys: [`decoder.${LTX_DIFFUSERS}`, 'decoder.scale_shift_table'] } },
    ],
  },
  {
    id: 'ltx2',
    title: 'LTX-2',
    space: 'ltx2',
    channels: 128,
    downscale: 32,
    names: [
      {
        layout: 'ldm',
        decoder: {
          keys: [`decoder.${LTX_BLOCK}`],
          not: ['decoder.timestep_scale_multiplier'],
          shape: ['decoder.conv_in.conv.weight', '1024 128 3 3 3'],
        },
      },
      {
        layout: 'diffusers',
        decoder: {
          keys: [`decoder.${LTX_DIFFUSERS}`],
          not: ['decoder.mid_block.resnets.0.norm1.weight', 'decoder.timestep_scale_multiplier'],
          shape: ['decoder.conv_in.conv.weight', '1024 128 3 3 3'],
        },
      },
    ],
  },
  {
    id: 'cogvideox',
    title: 'CogVideoX',
    space: 'cogvideox',
    channels: 16,
    downscale: 8,
    names: [
      {
        layout: 'ldm',
        encoder: {
          keys: ['encoder.mid_block.resnets.0.norm1.weight', 'encoder.norm_out.weight'],
          shape: ['encoder.conv_out.conv.weight', '32 * 3 3 3'],
        },
        decoder: { keys: ['decoder.mid_block.resnets.0.norm1.norm_layer.weight'] },
      },
    ],
  },
  {
    id: 'hunyuan-video',
    title: 'HunyuanVideo',
    space: 'hunyuan-video',
    channels: 16,
    downscale: 8,
    names: [
      halves('ldm', 'mid.block_1.norm1.weight', ends(32, 16, VIDEO, VIDEO_CONV)),
      halves('diffusers', 'mid_block.resnets.0.norm1.weight', ends(32, 16, VIDEO, VIDEO_CONV), {
        not: ['norm_out.weight'],
      }),
    ],
  },
  {
    id: 'cosmos',
    title: 'Cosmos 1',
    space: 'cosmos',
    channels: 16,
    downscale: 8,
    names: [
      { layout: 'ldm', decoder: { keys: ['decoder.unpatcher3d.wavelets'] } },
      halves('diffusers', 'mid_block.resnets.0.norm1.norm.weight', [
        ['conv_out.conv_s.weight', '16 * 1 3 3'],
        ['conv_in.conv_s.weight', '* 16 1 3 3'],
      ]),
    ],
  },
  {
    id: 'wan22',
    title: 'Wan 2.2 5B',
    space: 'wan22',
    channels: 48,
    downscale: 16,
    layers: wanLayers(WAN22_VAE),
    names: [
      halves('ldm', 'middle.0.residual.0.gamma', wanEnds(96, 48, VIDEO)),
      halves('diffusers', 'mid_block.resnets.0.norm1.gamma', ends(96, 48, VIDEO)),
    ],
  },
  {
    id: 'wan21',
    title: 'Wan 2.1 and Qwen-Image',
    space: 'wan21',
    channels: 16,
    downscale: 8,
    layers: wanLayers(WAN21_VAE),
    names: [
      halves('ldm', 'middle.0.residual.0.gamma', wanEnds(32, 16, VIDEO)),
      halves('diffusers', 'mid_block.resnets.0.norm1.gamma', ends(32, 16, VIDEO)),
    ],
  },
  {
    id: 'mochi',
    title: 'Mochi 1',
    space: 'mochi',
    channels: 12,
    downscale: 8,
    names: [
      {
        layout: 'ldm',
        encoder: { keys: ['encoder.layers.4.layers.1.attn_block.attn.qkv.weight'] },
        decoder: { keys: ['decoder.blocks.2.blocks.3.stack.5.weight'] },
      },
      {
        layout: 'diffusers',
        encoder: { keys: ['encoder.block_in.resnets.0.norm1.norm_layer.weight', 'encoder.proj_in.weight'] },
        decoder: {
          keys: ['decoder.block_in.resnets.0.norm1.norm_layer.weight'],
          shape: ['decoder.conv_in.weight', '* 12 1 1 1'],
        },
      },
    ],
  },
  {
    id: 'seedvr2',
    title: 'SeedVR2',
    names: [{ layout: 'ldm', decoder: { keys: ['decoder.up_blocks.2.upsamplers.0.upscale_conv.weight'] } }],
  },
  {
    id: 'minimax-h3',
    title: 'MiniMax H3',
    channels: 24,
    downscale: 16,
    names: [
      {
        layout: 'ldm',
        encoder: { keys: ['encoder.down.5.block.0.conv1.weight', 'decoder.transformer_blocks.0.scale1'] },
        decoder: { keys: ['decoder.transformer_blocks.0.scale1', 'encoder.down.5.block.0.conv1.weight'] },
      },
    ],
  },
  {
    id: 'ltx-diffusion',
    title: 'LTX-2.4',
    names: [{ layout: 'ldm', decoder: { keys: ['decoder.conv_in_x_t.weight', 'decoder.conv_in.weight'] } }],
  },
]
