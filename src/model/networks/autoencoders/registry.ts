import {
  deriveWanVae,
  WAN21_VAE,
  WAN22_VAE,
  type WanVaeConfig,
  wanVaeNameInDiffusers,
  wanVaeTopology,
} from '../topology/wan-vae.ts'
import { type Autoencoder, type AutoencoderLayers, halves } from './autoencoder.ts'

export type { Autoencoder, AutoencoderLayout } from './autoencoder.ts'

/** Layers at the ends of the halves: sizes of the convolution that makes moments, and of the one that takes latents. */
function ends(moments: number, channels: number, kernel: string, { wrapped = false } = {}) {
  const leaf = wrapped ? 'conv.weight' : 'weight'
  return [
    [`conv_out.${leaf}`, `${moments} * ${kernel}`],
    [`conv_in.${leaf}`, `* ${channels} ${kernel}`],
  ] as const
}

/** Those of Wan, in the names of its authors. */
function wanEnds(moments: number, channels: number, kernel: string) {
  return [
    ['head.2.weight', `${moments} * ${kernel}`],
    ['conv1.weight', `* ${channels} ${kernel}`],
  ] as const
}

function wanLayers(published: WanVaeConfig): AutoencoderLayers {
  return {
    topology: (shapeOf) => wanVaeTopology(deriveWanVae(shapeOf, published)),
    inDiffusers: wanVaeNameInDiffusers,
  }
}

const PICTURE = '3 3'
const VIDEO = '3 3 3'
const VIDEO_CONV = { wrapped: true }
const LTX_BLOCK = 'up_blocks.0.res_blocks.0.conv1.conv.weight'
const LTX_DIFFUSERS = 'mid_block.resnets.0.conv1.conv.weight'

/**
 * Autoencoders that are not the one of Stable Diffusion; the first whose keys a file has is it. Source: ComfyUI, class
 * `VAE` in sd.py, for the names of their authors; `state_dict` of the classes of diffusers for the others.
 */
export const AUTOENCODERS: readonly Autoencoder[] = [
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
    id: 'flux2',
    title: 'Flux.2',
    space: 'flux2',
    channels: 32,
    downscale: 8,
    likeKl: true,
    names: [
      halves('ldm', 'mid.block_1.norm1.weight', ends(64, 32, PICTURE), { whole: ['bn.running_mean'] }),
      halves('diffusers', 'mid_block.resnets.0.norm1.weight', ends(64, 32, PICTURE), {
        whole: ['bn.running_mean'],
      }),
    ],
  },
  {
    id: 'hunyuan-image',
    title: 'HunyuanImage 2.1',
    space: 'hunyuan-image',
    channels: 64,
    downscale: 32,
    names: [
      halves('ldm', 'mid.block_1.norm1.weight', ends(128, 64, PICTURE)),
      halves('diffusers', 'mid_block.resnets.0.norm1.weight', ends(128, 64, PICTURE)),
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
    id: 'qwen-image-21',
    title: 'Qwen-Image 2.1',
    space: 'qwen-image-21',
    channels: 64,
    downscale: 16,
    names: [
      halves('ldm', 'middle.0.residual.0.gamma', wanEnds(128, 64, '1 3 3')),
      halves('diffusers', 'mid_block.resnets.0.norm1.gamma', ends(128, 64, PICTURE)),
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
    id: 'sana',
    title: 'Sana (DC-AE)',
    space: 'sana',
    channels: 32,
    downscale: 32,
    names: [
      {
        layout: 'diffusers',
        encoder: {
          keys: ['encoder.down_blocks.0.0.conv1.weight'],
          shape: ['encoder.conv_out.weight', '32 * 3 3'],
        },
        decoder: {
          keys: ['decoder.up_blocks.0.1.conv1.weight'],
          shape: ['decoder.conv_in.weight', '* 32 3 3'],
        },
      },
    ],
  },
  {
    id: 'cascade-a',
    title: 'Stable Cascade stage A',
    space: 'cascade-b',
    channels: 4,
    downscale: 4,
    names: [
      {
        layout: 'ldm',
        encoder: { keys: ['vquantizer.codebook.weight', 'in_block.1.weight'] },
        decoder: { keys: ['vquantizer.codebook.weight', 'out_block.0.weight'] },
      },
      {
        layout: 'diffusers',
        encoder: { keys: ['vquantizer.embedding.weight', 'in_block.1.weight'] },
        decoder: { keys: ['vquantizer.embedding.weight', 'out_block.0.weight'] },
      },
    ],
  },
  {
    id: 'cascade-c',
    title: 'Stable Cascade stage C',
    space: 'cascade',
    channels: 16,
    downscale: 32,
    names: [
      {
        layout: 'ldm',
        encoder: { keys: ['encoder.backbone.1.0.block.0.1.num_batches_tracked'] },
        decoder: { keys: ['previewer.blocks.11.num_batches_tracked'] },
      },
      { layout: 'ldm', encoder: { keys: ['backbone.1.0.block.0.1.num_batches_tracked', 'mapper.0.weight'] } },
      { layout: 'ldm', decoder: { keys: ['blocks.11.num_batches_tracked', 'blocks.0.weight'] } },
    ],
  },
  {
    id: 'stable-audio',
    title: 'Stable Audio',
    names: [{ layout: 'ldm', decoder: { keys: ['decoder.layers.1.layers.0.beta'] } }],
  },
  {
    id: 'ace-step',
    title: 'ACE-Step',
    names: [{ layout: 'ldm', decoder: { keys: ['vocoder.backbone.channel_layers.0.0.bias'] } }],
  },
  {
    id: 'hunyuan-3d',
    title: 'Hunyuan3D 2',
    names: [{ layout: 'ldm', decoder: { keys: ['geo_decoder.cross_attn_decoder.ln_1.bias'] } }],
  },
  {
    id: 'seedvr2',
    title: 'SeedVR2',
    names: [{ layout: 'ldm', decoder: { keys: ['decoder.up_blocks.2.upsamplers.0.upscale_conv.weight'] } }],
  },
]

export function autoencoderById(id: string): Autoencoder | undefined {
  return AUTOENCODERS.find((autoencoder) => autoencoder.id === id)
}
