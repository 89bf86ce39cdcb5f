/** Configurations of autoencoders. Source of the keys and values: the published pipelines. */
import type { JsonValue } from '../../system/json.ts'
import { vaeLevels } from '../identify/vae.ts'
import type { Identity } from '../identity.ts'
import { LATENTS } from '../networks/architectures/latent-spaces.ts'
import { architectureById } from '../networks/architectures/registry.ts'
import { type Config, DIFFUSERS } from './diffusers-families.ts'
import type { Locals } from './openclip.ts'

export function vaeConfig(vae: Locals, { architecture }: Identity): Config {
  const levels = vaeLevels({ tensors: vae, metadata: {} }, '')
  const widths = Array.from(
    { length: levels },
    (_, level) => vae.get(`encoder.down_blocks.${level}.resnets.0.conv1.weight`)!.shape[0]!,
  )
  const latent = architecture && architectureById(architecture.id)?.latent
  return {
    _class_name: 'AutoencoderKL',
    _diffusers_version: DIFFUSERS,
    act_fn: 'silu',
    block_out_channels: widths,
    down_block_types: widths.map(() => 'DownEncoderBlock2D'),
    in_channels: 3,
    latent_channels: latent?.channels ?? 4,
    layers_per_block: 2,
    norm_num_groups: 32,
    out_channels: 3,
    sample_size: architecture?.resolution ?? 512,
    scaling_factor: latent?.scale ?? 0.18215,
    up_block_types: widths.map(() => 'UpDecoderBlock2D'),
    ...(architecture?.id.startsWith('stable-diffusion-xl') ? { force_upcast: true } : {}),
  }
}

/** Of the autoencoders of transformers: KL ones with 16 channels, those of Flux.2 with statistics, those of Wan. */
export function ditVaeConfig(vae: Locals, identity: Identity): Config {
  if (vae.has('decoder.conv_in.weight') && vae.get('decoder.conv_in.weight')!.shape.length === 5)
    return wanVaeConfig(identity)
  const shared = vaeConfig(vae, identity)
  const hasQuantConv = vae.has('quant_conv.weight')
  const own: Record<string, JsonValue> = {
    ...shared,
    latent_channels: vae.get('decoder.conv_in.weight')!.shape[1]!,
    mid_block_add_attention: true,
    use_post_quant_conv: hasQuantConv,
    use_quant_conv: hasQuantConv,
  }
  if (!vae.has('bn.running_mean')) {
    const latent = architectureById(identity.architecture!.id)!.latent
    return { ...own, force_upcast: true, latents_mean: null, latents_std: null, shift_factor: latent.shift }
  }
  const { scaling_factor: _, ...rest } = own
  return {
    ...rest,
    _class_name: 'AutoencoderKLFlux2',
    batch_norm_eps: 1e-4,
    batch_norm_momentum: 0.1,
    patch_size: [2, 2],
  }
}

/** What all autoencoders of Wan have. */
const WAN_SHARED = {
  attn_scales: [],
  dim_mult: [1, 2, 4, 4],
  dropout: 0,
  num_res_blocks: 2,
  temperal_downsample: [false, true, true],
} as const

/** Of the 5B of 2.2. */
const WAN22 = {
  base_dim: 160,
  decoder_base_dim: 256,
  in_channels: 12,
  is_residual: true,
  out_channels: 12,
  patch_size: 2,
  scale_factor_spatial: 16,
  scale_factor_temporal: 4,
} as const

const WAN21 = {
  base_dim: 96,
  decoder_base_dim: null,
  in_channels: 3,
  is_residual: false,
  out_channels: 3,
  patch_size: null,
  scale_factor_spatial: 8,
  scale_factor_temporal: 4,
} as const

/** Qwen-Image has the autoencoder of Wan 2.1 under a class of its own. */
function wanVaeConfig({ architecture, vae }: Identity): Config {
  const is22 = vae?.network === 'wan22'
  const { channels, mean, std } = is22 ? LATENTS.wan22 : LATENTS.wan21
  const shared = {
    _diffusers_version: DIFFUSERS,
    ...WAN_SHARED,
    latents_mean: mean,
    latents_std: std,
    z_dim: channels,
  }
  if (architecture?.id === 'qwen-image')
    return { _class_name: 'AutoencoderKLQwenImage', ...shared, base_dim: 96, input_channels: 3 }
  return { _class_name: 'AutoencoderKLWan', ...shared, ...(is22 ? WAN22 : WAN21) }
}
