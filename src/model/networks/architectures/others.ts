import type { Architecture, Latents, Proof } from './architecture.ts'
import { LATENTS } from './latent-spaces.ts'
import { SD_LATENT } from './sd1.ts'

/** Models that are recognised by one key each, so that `inspect` can name them. Their keys are not checked. */

export const svd: Architecture = {
  id: 'stable-video-diffusion',
  title: 'Stable Video Diffusion',
  network: { kind: 'named', component: 'unet' },
  proofs: [{ layout: 'ldm', keys: ['input_blocks.1.0.time_stack.in_layers.0.weight'] }],
  components: [],
  prediction: 'edm-v',
  latent: SD_LATENT,
  variants: [],
}

/** Latents of 3-bit codes at 1/42 of the size; no VAE in the sense of the others. */
export const cascade: Architecture = {
  id: 'stable-cascade',
  title: 'Stable Cascade stage C',
  network: { kind: 'named', component: 'unet' },
  proofs: [{ layout: 'ldm', keys: ['clip_txt_mapper.weight'] }],
  components: [],
  prediction: 'epsilon',
  latent: { space: 'cascade', channels: 16, scale: 1, shift: 0 },
  variants: [],
}

/** Between the small latents of stage C and those of its own decoder (stage A). */
export const cascadeB: Architecture = {
  id: 'stable-cascade-b',
  title: 'Stable Cascade stage B',
  network: { kind: 'named', component: 'unet' },
  proofs: [{ layout: 'ldm', keys: ['effnet_mapper.0.weight', 'clf.1.weight'] }],
  components: [],
  prediction: 'epsilon',
  latent: LATENTS['cascade-b'],
  variants: [],
}

/** A transformer that only its keys are known of. */
function named(
  id: string,
  title: string,
  proofs: readonly Proof[],
  latent: Latents,
  more: Partial<Architecture> = {},
): Architecture {
  const network = { kind: 'named', component: 'dit' } as const
  return { id, title, network, proofs, components: [], prediction: 'flow', latent, variants: [], ...more }
}

function keys(...all: string[]): Proof {
  return { layout: 'ldm', keys: all }
}

/** Source: ComfyUI `model_detection.py`, and diffusers for those that are published in its names. */
export const namedTransformers: readonly Architecture[] = [
  named(
    'lens',
    'Lens',
    [keys('transformer_blocks.0.attn.norm_added_q.weight', 'transformer_blocks.0.img_mlp.w1.weight')],
    LATENTS.flux2,
    { encoders: ['gpt_oss_20b'], shift: 1.829, fp16: 'overflows' },
  ),
  named(
    'mage-flow',
    'Mage-Flow',
    [{ ...keys('txt_norm.weight', 'proj_out.weight'), size: { key: 'proj_out.weight', axis: 0, is: [128] } }],
    LATENTS.flux2,
    { shift: 6, fp16: 'overflows' },
  ),
  named(
    'boogu',
    'Boogu',
    [keys('double_stream_layers.0.img_instruct_attn.processor.img_to_q.weight')],
    LATENTS.flux,
    { encoders: ['qwen3vl_8b'], shift: 3.16 },
  ),
  named(
    'hidream-o1',
    'HiDream-O1',
    [keys('t_embedder1.mlp.0.weight', 'x_embedder.proj1.weight')],
    LATENTS.pixel,
    { encoders: [] },
  ),
  named(
    'mochi',
    'Mochi 1',
    [
      keys('t5_yproj.weight', 'blocks.0.mod_x.weight'),
      keys('time_embed.caption_proj.weight', 'time_embed.pooler.to_kv.weight'),
    ],
    LATENTS.mochi,
    { encoders: ['t5xxl'], shift: 6, fp16: 'overflows' },
  ),
  named(
    'bria',
    'Bria',
    [
      {
        ...keys(
          'time_embed.timestep_embedder.linear_1.weight',
          'single_transformer_blocks.0.proj_mlp.weight',
        ),
        not: ['caption_projection.0.linear.weight'],
        size: { key: 'context_embedder.weight', axis: 1, is: [4096] },
      },
    ],
    LATENTS.sdxl,
  ),
  named(
    'bria-fibo',
    'Bria Fibo',
    [keys('caption_projection.0.linear.weight', 'single_transformer_blocks.0.proj_mlp.weight')],
    LATENTS.wan22,
  ),
  named(
    'allegro',
    'Allegro',
    [
      {
        ...keys('adaln_single.linear.weight', 'caption_projection.linear_1.weight', 'pos_embed.proj.weight'),
        size: { key: 'pos_embed.proj.weight', axis: 0, is: [2304] },
      },
    ],
    SD_LATENT,
    { prediction: 'epsilon' },
  ),
  named(
    'framepack',
    'FramePack',
    [keys('clean_x_embedder.proj.weight', 'context_embedder.proj_in.weight')],
    LATENTS['hunyuan-video'],
    { encoders: ['clip_l', 'llama3_8b'] },
  ),
  named(
    'cosmos-1',
    'Cosmos 1',
    [
      keys('blocks.block0.blocks.0.block.attn.to_q.0.weight', 'x_embedder.proj.1.weight'),
      keys('learnable_pos_embed.pos_emb_t', 'time_embed.t_embedder.linear_1.weight'),
    ],
    LATENTS.cosmos,
    { prediction: 'edm', prefix: 'net.' },
  ),
  named(
    'omnigen',
    'OmniGen',
    [keys('patch_embedding.input_image_proj.weight', 'layers.0.self_attn.to_q.weight')],
    LATENTS.sdxl,
  ),
  named(
    'hunyuan-dit',
    'HunyuanDiT',
    [
      keys('mlp_t5.0.weight', 'text_embedding_padding'),
      keys('time_extra_emb.pooler.positional_embedding', 'text_embedding_padding'),
    ],
    LATENTS.sdxl,
    { prediction: 'v', resolution: 1024 },
  ),
  named(
    'joyimage',
    'JoyImage',
    [keys('double_blocks.0.img_mod.modulate_table', 'double_blocks.0.attn.img_attn_qkv.weight')],
    LATENTS.wan21,
    { shift: 1.5, fp16: 'overflows' },
  ),
  named(
    'helios',
    'Helios',
    [keys('patch_short.weight', 'condition_embedder.time_proj.weight')],
    LATENTS.wan21,
  ),
  named(
    'sana-video',
    'Sana Video',
    [keys('transformer_blocks.0.ff.conv_temp.weight', 'caption_norm.weight')],
    LATENTS.wan21,
    { encoders: ['gemma2_2b'] },
  ),
]
