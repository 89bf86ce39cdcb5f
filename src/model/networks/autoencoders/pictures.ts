import { type Autoencoder, ends, halves, PICTURE, wanEnds } from './autoencoder.ts'

export const PICTURE_AUTOENCODERS: readonly Autoencoder[] = [
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
    id: 'mage',
    title: 'Mage-Flow',
    names: [
      {
        layout: 'ldm',
        encoder: { keys: ['student.dconv_encoder.proj_out.weight'] },
        decoder: { keys: ['student.dconv_encoder.proj_out.weight'] },
      },
    ],
  },
]
