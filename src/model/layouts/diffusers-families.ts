/**
 * What diffusers calls the parts of each family of transformers, and the numbers it wants to be told. Source: the classes
 * of diffusers, and the configurations of the published pipelines.
 */
import type { JsonValue } from '../../system/json.ts'
import type { ComponentId } from '../networks/components.ts'
import type { Dims } from '../networks/template/row.ts'

/** Versions that wrote such configurations; loaders only show them. */
export const DIFFUSERS = '0.30.0'
export const TRANSFORMERS = '4.44.0'

export type Config = { readonly [key: string]: JsonValue }

export const ENCODER_FOLDERS = ['text_encoder', 'text_encoder_2', 'text_encoder_3'] as const
export type EncoderFolder = (typeof ENCODER_FOLDERS)[number]

/** A class of transformers: a text encoder in its folder. */
export interface EncoderClass {
  readonly folder: EncoderFolder
  readonly id: ComponentId
  readonly name: string
}

/** Numbers of a network, and which member of its family it is. */
export interface Member {
  readonly dims: Dims
  readonly variant?: string
}

export interface DiffusersFamily {
  readonly transformer: (member: Member) => string
  /** Variants with networks beside it that have no names in diffusers. */
  readonly others?: readonly string[]
  readonly pipeline: (member: Member) => string
  /** Of the transformer: what its constructor takes. */
  readonly config: (member: Member) => Config
  /** Of `FlowMatchEulerDiscreteScheduler`. */
  readonly scheduler: (member: Member) => Config
  readonly encoders: readonly EncoderClass[]
}

/** Channels of a head that turn with each axis of a place, in heads of 128. */
const FLUX_ROPE = [16, 56, 56]

/** The same shares of narrower heads, in pairs of channels. */
function rope(axes: readonly number[], { head = 0 }: Dims): number[] {
  const all = axes.reduce((sum, n) => sum + n, 0)
  const others = axes.slice(1).map((n) => 2 * Math.floor((n * head) / all / 2))
  return [head - others.reduce((sum, n) => sum + n, 0), ...others]
}

/** Of models whose pictures shift the schedule by their size. */
const BY_SIZE = { base_image_seq_len: 256, base_shift: 0.5, use_dynamic_shifting: true } as const

function heads({ hidden = 0, head = 1 }: Dims): number {
  return hidden / head
}

/** diffusers says nothing where as much goes out as in. */
function outOf({ in: inputs = 0, out = 0 }: Dims): number | null {
  return out === inputs ? null : out
}

function fluxConfig({ dims }: Member): Config {
  return {
    attention_head_dim: dims.head!,
    axes_dims_rope: rope(FLUX_ROPE, dims),
    in_channels: dims.in!,
    joint_attention_dim: dims.context!,
    num_attention_heads: heads(dims),
    num_layers: dims.double!,
    num_single_layers: dims.single!,
    out_channels: outOf(dims),
    patch_size: 1,
  }
}

const FLUX_PIPELINES: Readonly<Record<string, string>> = {
  fill: 'FluxFillPipeline',
  control: 'FluxControlPipeline',
}

const flux: DiffusersFamily = {
  transformer: () => 'FluxTransformer2DModel',
  pipeline: ({ variant = '' }) => FLUX_PIPELINES[variant] ?? 'FluxPipeline',
  config: (member) => ({
    ...fluxConfig(member),
    guidance_embeds: member.dims.guidance === 1,
    pooled_projection_dim: member.dims.vector!,
  }),
  // schnell does without guidance and without a shift
  scheduler: ({ dims }) =>
    dims.guidance === 1 ? { ...BY_SIZE, max_image_seq_len: 4096, max_shift: 1.15, shift: 3 } : { shift: 1 },
  encoders: [
    { folder: 'text_encoder', id: 'clip_l', name: 'CLIPTextModel' },
    { folder: 'text_encoder_2', id: 't5xxl', name: 'T5EncoderModel' },
  ],
}

const chroma: DiffusersFamily = {
  transformer: () => 'ChromaTransformer2DModel',
  pipeline: () => 'ChromaPipeline',
  config: (member) => ({
    ...fluxConfig(member),
    approximator_hidden_dim: member.dims.approximator!,
    approximator_layers: member.dims.approximator_layer!,
    approximator_num_channels: member.dims.approximator_in!,
  }),
  scheduler: () => ({ shift: 1 }),
  encoders: [{ folder: 'text_encoder', id: 't5xxl', name: 'T5EncoderModel' }],
}

const flux2: DiffusersFamily = {
  transformer: () => 'Flux2Transformer2DModel',
  pipeline: ({ dims }) => (dims.guidance === 1 ? 'Flux2Pipeline' : 'Flux2KleinPipeline'),
  config: (member) => ({
    ...fluxConfig(member),
    axes_dims_rope: rope([32, 32, 32, 32], member.dims),
    eps: 1e-6,
    guidance_embeds: member.dims.guidance === 1,
    mlp_ratio: 3,
    rope_theta: 2000,
    timestep_guidance_channels: 256,
  }),
  scheduler: () => ({ ...BY_SIZE, max_image_seq_len: 4096, max_shift: 1.15, shift: 3 }),
  encoders: [
    { folder: 'text_encoder', id: 'mistral3_24b', name: 'Mistral3ForConditionalGeneration' },
    { folder: 'text_encoder', id: 'qwen3_4b', name: 'Qwen3ForCausalLM' },
    { folder: 'text_encoder', id: 'qwen3_8b', name: 'Qwen3ForCausalLM' },
  ],
}

const sd3: DiffusersFamily = {
  transformer: () => 'SD3Transformer2DModel',
  pipeline: () => 'StableDiffusion3Pipeline',
  config: ({ dims }) => ({
    attention_head_dim: dims.head!,
    caption_projection_dim: dims.hidden!,
    dual_attention_layers: Array.from({ length: dims.dual ?? 0 }, (_, i) => i),
    in_channels: dims.in!,
    joint_attention_dim: dims.context!,
    num_attention_heads: heads(dims),
    num_layers: dims.joint!,
    out_channels: dims.in!,
    patch_size: 2,
    pooled_projection_dim: dims.vector!,
    pos_embed_max_size: Math.sqrt(dims.positions!),
    qk_norm: dims.qk_norm === 1 ? 'rms_norm' : null,
    sample_size: 128,
  }),
  scheduler: () => ({ shift: 3 }),
  encoders: [
    { folder: 'text_encoder', id: 'clip_l', name: 'CLIPTextModelWithProjection' },
    { folder: 'text_encoder_2', id: 'clip_g', name: 'CLIPTextModelWithProjection' },
    { folder: 'text_encoder_3', id: 't5xxl', name: 'T5EncoderModel' },
  ],
}

/** Latent channels of patches of 2x2. */
function unpacked(channels: number): number {
  return channels / 4
}

const zImage: DiffusersFamily = {
  transformer: () => 'ZImageTransformer2DModel',
  pipeline: ({ variant }) => (variant === 'omni' ? 'ZImageOmniPipeline' : 'ZImagePipeline'),
  config: ({ dims }) => ({
    all_f_patch_size: [1],
    all_patch_size: [2],
    axes_dims: rope([32, 48, 48], dims),
    axes_lens: [1536, 512, 512],
    cap_feat_dim: dims.context!,
    dim: dims.hidden!,
    in_channels: unpacked(dims.in!),
    n_heads: heads(dims),
    n_kv_heads: heads(dims),
    n_layers: dims.layer!,
    n_refiner_layers: dims.noise_refiner!,
    norm_eps: 1e-5,
    qk_norm: true,
    rope_theta: 256,
    siglip_feat_dim: dims.omni === 1 ? dims.vision! : null,
    t_scale: 1000,
  }),
  scheduler: () => ({ shift: 3 }),
  encoders: [{ folder: 'text_encoder', id: 'qwen3_4b', name: 'Qwen3ForCausalLM' }],
}

const QWEN_PIPELINES: Readonly<Record<string, string>> = {
  'edit-2511': 'QwenImageEditPlusPipeline',
  layered: 'QwenImageLayeredPipeline',
}

const qwenImage: DiffusersFamily = {
  transformer: () => 'QwenImageTransformer2DModel',
  pipeline: ({ variant = '' }) => QWEN_PIPELINES[variant] ?? 'QwenImagePipeline',
  config: ({ dims, variant }) => ({
    attention_head_dim: dims.head!,
    axes_dims_rope: rope(FLUX_ROPE, dims),
    guidance_embeds: false,
    in_channels: dims.in!,
    joint_attention_dim: dims.context!,
    num_attention_heads: heads(dims),
    num_layers: dims.block!,
    out_channels: unpacked(dims.out!),
    patch_size: 2,
    use_additional_t_cond: dims.layered === 1,
    use_layer3d_rope: dims.layered === 1,
    zero_cond_t: variant === 'edit-2511',
  }),
  scheduler: () => ({
    ...BY_SIZE,
    max_image_seq_len: 8192,
    max_shift: 0.9,
    shift: 1,
    shift_terminal: 0.02,
    time_shift_type: 'exponential',
  }),
  encoders: [{ folder: 'text_encoder', id: 'qwen25_7b', name: 'Qwen2_5_VLForConditionalGeneration' }],
}

/** Every n-th block has one of these beside it, from the first on. */
function vaceLayers({ block = 0, vace_block = 1 }: Dims): number[] {
  return Array.from({ length: vace_block }, (_, i) => (i * block) / vace_block)
}

const WAN_HEAD = 128

/** Text to video has as many inputs as latents have channels; others have a picture and a mask beside them. */
function wanPipeline({ dims }: Member): string {
  if (dims.vace === 1) return 'WanVACEPipeline'
  return dims.in! > unpacked(dims.out!) ? 'WanImageToVideoPipeline' : 'WanPipeline'
}

const wan: DiffusersFamily = {
  transformer: ({ dims }) => (dims.vace === 1 ? 'WanVACETransformer3DModel' : 'WanTransformer3DModel'),
  others: ['animate-14b', 's2v-14b', 'humo', 'fun-camera'],
  pipeline: wanPipeline,
  config: ({ dims }) => ({
    added_kv_proj_dim: dims.image === 1 ? dims.hidden! : null,
    attention_head_dim: WAN_HEAD,
    cross_attn_norm: true,
    eps: 1e-6,
    ffn_dim: dims.mlp!,
    freq_dim: 256,
    image_dim: dims.image === 1 ? (dims.clip ?? WAN_CLIP) : null,
    in_channels: dims.in!,
    num_attention_heads: dims.hidden! / WAN_HEAD,
    num_layers: dims.block!,
    out_channels: unpacked(dims.out!),
    patch_size: [1, 2, 2],
    pos_embed_seq_len: dims.frames === 1 ? dims.positions! : null,
    qk_norm: 'rms_norm_across_heads',
    rope_max_seq_len: 1024,
    text_dim: dims.context!,
    ...(dims.vace === 1 && { vace_in_channels: dims.vace_in!, vace_layers: vaceLayers(dims) }),
  }),
  scheduler: () => ({ shift: 5 }),
  encoders: [{ folder: 'text_encoder', id: 'umt5xxl', name: 'UMT5EncoderModel' }],
}

/** Width of CLIP-H, whose pictures those of 2.1 look at. */
const WAN_CLIP = 1280

const lumina2: DiffusersFamily = {
  transformer: () => 'Lumina2Transformer2DModel',
  pipeline: () => 'Lumina2Pipeline',
  config: ({ dims }) => ({
    axes_dim_rope: rope([32, 32, 32], dims),
    axes_lens: [300, 512, 512],
    cap_feat_dim: dims.context!,
    ffn_dim_multiplier: null,
    hidden_size: dims.hidden!,
    in_channels: unpacked(dims.in!),
    multiple_of: 256,
    norm_eps: 1e-5,
    num_attention_heads: heads(dims),
    num_kv_heads: dims.kv! / dims.head!,
    num_layers: dims.layer!,
    num_refiner_layers: dims.noise_refiner!,
    out_channels: null,
    patch_size: 2,
    sample_size: 128,
    scaling_factor: 1,
  }),
  scheduler: () => ({ shift: 6 }),
  encoders: [{ folder: 'text_encoder', id: 'gemma2_2b', name: 'Gemma2Model' }],
}

/** By the ids of the registry. */
export const DIFFUSERS_FAMILIES: Readonly<Record<string, DiffusersFamily>> = {
  'flux-1-dev': flux,
  chroma,
  'flux-2': flux2,
  'stable-diffusion-v3-medium': sd3,
  'stable-diffusion-v3.5-medium': sd3,
  'stable-diffusion-v3.5-large': sd3,
  'z-image': zImage,
  'qwen-image': qwenImage,
  wan,
  'lumina-2': lumina2,
}
