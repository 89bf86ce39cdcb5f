/** The configuration files of a folder of diffusers. Source of the keys and values: the published pipelines. */
import { refuse } from '../../system/errors.ts'
import type { Identity } from '../identity.ts'
import type { PredictionType } from '../networks/predictions.ts'
import type { UnetConfig } from '../networks/topology/unet.ts'
import { type Config, DIFFUSERS } from './diffusers-families.ts'
import { ditPipelineConfigs } from './dit-config.ts'
import { clipConfig, isOpenClip } from './encoder-config.ts'
import { messages } from './messages.ts'
import type { Locals } from './openclip.ts'
import type { Pipeline, UnetPipeline } from './pipeline.ts'
import { vaeConfig } from './vae-config.ts'

/** Heads of attention in SD 1.x; SD 2.x and SDXL have heads of 64 channels. */
const SD1_HEADS = 8
const HEAD_WIDTH = 64

/**
 * Configurations by their path in the folder.
 * @throws NOT_A_PIPELINE (exit 3) for a UNet with inputs that no pipeline of diffusers gives it
 */
export function pipelineConfigs(pipeline: Pipeline, identity: Identity): Map<string, Config> {
  const configs =
    pipeline.kind === 'dit' ? ditPipelineConfigs(pipeline, identity) : unetPipelineConfigs(pipeline, identity)
  for (const [folder, config] of tokenizerConfigs(pipeline))
    configs.set(`${folder}/tokenizer_config.json`, config)
  return configs
}

/** @throws NOT_A_PIPELINE (exit 3) */
function unetPipelineConfigs(pipeline: UnetPipeline, identity: Identity): Map<string, Config> {
  const { tensors, unet } = pipeline
  const out = new Map<string, Config>()
  out.set('model_index.json', modelIndex(pipeline))
  out.set('unet/config.json', unetConfig(unet, identity))
  out.set('vae/config.json', vaeConfig(tensors.vae!, identity))
  for (const folder of ENCODERS) {
    const encoder = tensors[folder]
    if (encoder !== undefined) out.set(`${folder}/config.json`, clipConfig(encoder))
  }
  out.set('scheduler/scheduler_config.json', schedulerConfig(identity))
  return out
}

const ENCODERS = ['text_encoder', 'text_encoder_2'] as const

/** A vocabulary for each CLIP. */
export function tokenizerFolders({ tensors }: Pick<Pipeline, 'tensors'>): string[] {
  return ENCODERS.filter((folder) => isClip(tensors[folder])).map(tokenizerOf)
}

function tokenizerOf(folder: string): string {
  return folder.replace('text_encoder', 'tokenizer')
}

function isClip(encoder: Locals | undefined): boolean {
  return encoder?.has('text_model.embeddings.token_embedding.weight') === true
}

function tokenizerConfigs({ tensors }: Pipeline): [folder: string, Config][] {
  return ENCODERS.flatMap((folder): [string, Config][] => {
    const encoder = tensors[folder]
    if (encoder === undefined || !isClip(encoder)) return []
    return [[tokenizerOf(folder), tokenizerConfig(isOpenClip(encoder))]]
  })
}

/** Classes of diffusers by what the UNet takes besides the latent: nothing, a picture, a mask and a masked picture. */
const PIPELINES: Readonly<Record<'sd' | 'xl', Readonly<Record<number, string>>>> = {
  sd: {
    4: 'StableDiffusionPipeline',
    8: 'StableDiffusionInstructPix2PixPipeline',
    9: 'StableDiffusionInpaintPipeline',
  },
  xl: {
    4: 'StableDiffusionXLPipeline',
    8: 'StableDiffusionXLInstructPix2PixPipeline',
    9: 'StableDiffusionXLInpaintPipeline',
  },
}

/** As stabilityai/stable-diffusion-xl-refiner-1.0 has it: it goes on from a picture, with one text encoder. */
const REFINER_INDEX = {
  _class_name: 'StableDiffusionXLImg2ImgPipeline',
  requires_aesthetics_score: true,
  force_zeros_for_empty_prompt: false,
} as const

const ABSENT = [null, null] as const

/** @throws NOT_A_PIPELINE (exit 3) for a UNet with inputs that no pipeline gives it */
function modelIndex({ tensors, unet }: UnetPipeline): Config {
  const isXl = tensors.text_encoder_2 !== undefined
  const name = PIPELINES[isXl ? 'xl' : 'sd'][unet.inChannels]
  if (name === undefined) throw refuse('NOT_A_PIPELINE', messages.unetInputs(unet.inChannels))
  const isRefiner = isXl && tensors.text_encoder === undefined
  return {
    _class_name: name,
    _diffusers_version: DIFFUSERS,
    ...(isXl
      ? { force_zeros_for_empty_prompt: true }
      : { feature_extractor: ABSENT, requires_safety_checker: false, safety_checker: ABSENT }),
    ...(isRefiner ? REFINER_INDEX : {}),
    scheduler: ['diffusers', 'EulerDiscreteScheduler'],
    text_encoder: isRefiner ? ABSENT : ['transformers', 'CLIPTextModel'],
    ...(isXl ? { text_encoder_2: ['transformers', 'CLIPTextModelWithProjection'] } : {}),
    tokenizer: isRefiner ? ABSENT : ['transformers', 'CLIPTokenizer'],
    ...(isXl ? { tokenizer_2: ['transformers', 'CLIPTokenizer'] } : {}),
    unet: ['diffusers', 'UNet2DConditionModel'],
    vae: ['diffusers', 'AutoencoderKL'],
  }
}

function unetConfig(config: UnetConfig, { architecture }: Identity): Config {
  const { widths, depthIn, depthMid, resBlocks, linear, context, adm, inChannels, outChannels } = config
  const depths = widths.map((_, level) => depthIn[level * resBlocks] ?? 0)
  const cross = depths.map((depth) => depth > 0)
  // one number is for the middle, too; of a list, the last one is. A level without attention does not use its own
  const isOne = depths.every((depth) => depth === 0 || depth === depthMid)
  return {
    _class_name: 'UNet2DConditionModel',
    _diffusers_version: DIFFUSERS,
    act_fn: 'silu',
    attention_head_dim: linear ? widths.map((width) => width / HEAD_WIDTH) : SD1_HEADS,
    block_out_channels: widths,
    center_input_sample: false,
    cross_attention_dim: context,
    down_block_types: cross.map((attends) => (attends ? 'CrossAttnDownBlock2D' : 'DownBlock2D')),
    downsample_padding: 1,
    flip_sin_to_cos: true,
    freq_shift: 0,
    in_channels: inChannels,
    layers_per_block: resBlocks,
    mid_block_scale_factor: 1,
    norm_eps: 1e-5,
    norm_num_groups: 32,
    out_channels: outChannels,
    sample_size: (architecture?.resolution ?? 512) / 8,
    transformer_layers_per_block: isOne ? depthMid : depths.map((depth) => Math.max(1, depth)),
    up_block_types: cross.toReversed().map((attends) => (attends ? 'CrossAttnUpBlock2D' : 'UpBlock2D')),
    use_linear_projection: linear,
    ...(adm === undefined
      ? {}
      : {
          addition_embed_type: 'text_time',
          addition_time_embed_dim: 256,
          projection_class_embeddings_input_dim: adm,
        }),
  }
}

/** What schedulers call it. */
const SCHEDULER_WORDS: Readonly<Partial<Record<PredictionType, string>>> = {
  v: 'v_prediction',
  x0: 'sample',
}

function schedulerConfig({ architecture }: Identity): Config {
  return {
    _class_name: 'EulerDiscreteScheduler',
    _diffusers_version: DIFFUSERS,
    beta_end: 0.012,
    beta_schedule: 'scaled_linear',
    beta_start: 0.00085,
    interpolation_type: 'linear',
    num_train_timesteps: 1000,
    prediction_type: SCHEDULER_WORDS[architecture?.prediction.type ?? 'epsilon'] ?? 'epsilon',
    // a schedule that ends in pure noise has to begin there: Lin et al. 2023, "Common Diffusion Noise Schedules"
    ...(architecture?.prediction.zeroTerminalSnr ? { rescale_betas_zero_snr: true } : {}),
    steps_offset: 1,
    timestep_spacing: architecture?.prediction.zeroTerminalSnr ? 'trailing' : 'leading',
    use_karras_sigmas: false,
  }
}

function tokenizerConfig(isOpenClip: boolean): Config {
  const token = (content: string): Config => ({
    __type: 'AddedToken',
    content,
    lstrip: false,
    normalized: true,
    rstrip: false,
    single_word: false,
  })
  return {
    add_prefix_space: false,
    bos_token: token('<|startoftext|>'),
    do_lower_case: true,
    eos_token: token('<|endoftext|>'),
    errors: 'replace',
    model_max_length: 77,
    // OpenCLIP fills a prompt up with the token 0, CLIP-L with its end
    pad_token: isOpenClip ? '!' : '<|endoftext|>',
    tokenizer_class: 'CLIPTokenizer',
    unk_token: token('<|endoftext|>'),
  }
}
