/** The forms of programs that write their parameters as JSON, or as one text for each setting. */
import { dreamNegative } from './dream.ts'
import type { ProgramForm } from './form.ts'
import { novelAiFacts } from './novelai.ts'

const EASY_DIFFUSION = {
  use_stable_diffusion_model: 'Model',
  use_vae_model: 'VAE',
  prompt_strength: 'Denoising strength',
}

/** In the order in which they are tried: the last one fits what others have, too. Each with its source. */
export const PROGRAM_FORMS: readonly ProgramForm[] = [
  {
    // Draw Things: XMP, as its pictures have it; it has the keys of NovelAI, too
    program: 'Draw Things',
    keywords: ['UserComment'],
    marks: ['c', 'uc'],
    prompt: ['c'],
    negative: ['uc'],
    names: { scale: 'CFG scale' },
  },
  {
    // NovelAI/novelai-image-metadata; pictures of V3 to V4.5
    program: 'NovelAI',
    keywords: ['Comment', 'UserComment'],
    marks: ['uc', 'sampler', 'scale'],
    prompt: ['prompt', 'v4_prompt.caption.base_caption'],
    negative: ['uc', 'v4_negative_prompt.caption.base_caption'],
    names: { scale: 'CFG scale', noise_schedule: 'Schedule type' },
    omitted: ['v4_prompt', 'v4_negative_prompt'],
    further: novelAiFacts,
  },
  {
    // invoke-ai/InvokeAI, invokeai/app/invocations/metadata.py; 3.1 has model.model_name
    program: 'InvokeAI',
    keywords: ['invokeai_metadata'],
    marks: [],
    prompt: ['positive_prompt'],
    negative: ['negative_prompt'],
    names: {
      scheduler: 'Sampler',
      'model.name': 'Model',
      'model.model_name': 'Model',
      'model.hash': 'Model hash',
      'vae.name': 'VAE',
      'vae.model_name': 'VAE',
      app_version: 'Version',
    },
  },
  {
    // InvokeAI 2: the negative prompt stands in brackets inside of the prompt
    program: 'InvokeAI',
    keywords: ['sd-metadata'],
    marks: ['image'],
    parts: ['image', ''],
    prompt: ['image.prompt.0.prompt', 'image.prompt'],
    negative: [],
    names: { model_weights: 'Model', model_hash: 'Model hash', app_version: 'Version' },
    further: (object) => dreamNegative(object),
  },
  {
    // lllyasviel/Fooocus, modules/meta_parser.py
    program: 'Fooocus',
    keywords: ['parameters', 'UserComment'],
    marks: ['metadata_scheme', 'full_prompt'],
    prompt: ['prompt'],
    negative: ['negative_prompt'],
    names: {
      base_model: 'Model',
      base_model_hash: 'Model hash',
      refiner_model: 'Refiner',
      refiner_model_hash: 'Refiner hash',
      created_by: 'User',
      version: 'Version',
    },
  },
  {
    // MoonRide303/Fooocus-MRE, as receyuki/stable-diffusion-prompt-reader reads it
    program: 'Fooocus-MRE',
    keywords: ['Comment'],
    marks: ['prompt', 'negative_prompt', 'base_model', 'cfg'],
    prompt: ['prompt'],
    negative: ['negative_prompt'],
    names: { base_model: 'Model' },
  },
  {
    // runew0lf/RuinedFooocus, as civitai/civitai reads it (rfooocus.metadata.ts)
    program: 'RuinedFooocus',
    keywords: ['parameters', 'UserComment'],
    marks: ['Prompt', 'Negative', 'software'],
    prompt: ['Prompt'],
    negative: ['Negative'],
    names: { base_model_name: 'Model', base_model_hash: 'Model hash' },
  },
  {
    // mcmonkeyprojects/SwarmUI, docs/Image Metadata Format.md
    program: 'SwarmUI',
    keywords: ['parameters', 'UserComment'],
    marks: ['sui_image_params'],
    parts: ['sui_image_params', 'sui_extra_data', ''],
    prompt: ['sui_image_params.prompt'],
    negative: ['sui_image_params.negativeprompt'],
    names: { cfgscale: 'CFG scale', swarm_version: 'Version' },
  },
  {
    // easydiffusion/easydiffusion, ui/easydiffusion/utils/save_utils.py
    program: 'Easy Diffusion',
    keywords: ['UserComment'],
    marks: ['prompt', 'num_inference_steps', 'use_stable_diffusion_model'],
    prompt: ['prompt'],
    negative: ['negative_prompt'],
    names: EASY_DIFFUSION,
  },
  {
    program: 'Easy Diffusion',
    keywords: ['prompt'],
    apart: true,
    marks: ['prompt', 'num_inference_steps', 'use_stable_diffusion_model'],
    prompt: ['prompt'],
    negative: ['negative_prompt'],
    names: EASY_DIFFUSION,
  },
  {
    // its names before 2.5, for people
    program: 'Easy Diffusion',
    keywords: ['Prompt'],
    apart: true,
    marks: ['Prompt', 'Steps', 'Stable Diffusion model'],
    prompt: ['Prompt'],
    negative: ['Negative Prompt'],
    names: {
      'Stable Diffusion model': 'Model',
      'VAE model': 'VAE',
      'Guidance Scale': 'CFG scale',
      'Clip Skip': 'Clip skip',
    },
  },
  {
    // Tensor.Art: pictures of its generator
    program: 'Tensor.Art',
    keywords: ['generation_data'],
    marks: ['prompt', 'baseModel'],
    prompt: ['prompt'],
    negative: ['negativePrompt'],
    names: {
      ksamplerName: 'Sampler',
      schedule: 'Schedule type',
      sdVae: 'VAE',
      'baseModel.modelFileName': 'Model',
      'baseModel.hash': 'Model hash',
    },
  },
  {
    // LykosAI/StabilityMatrix, GenerationParameters.cs
    program: 'Stability Matrix',
    keywords: ['parameters-json'],
    marks: ['PositivePrompt'],
    prompt: ['PositivePrompt'],
    negative: ['NegativePrompt'],
    names: { CfgScale: 'CFG scale', ModelName: 'Model', ModelHash: 'Model hash' },
  },
  {
    // the generator of Civitai: a graph of ComfyUI, its parameters as JSON in a text
    program: 'Civitai',
    keywords: ['UserComment', 'prompt'],
    marks: ['extraMetadata'],
    parts: ['extraMetadata'],
    prompt: ['extraMetadata.prompt'],
    negative: ['extraMetadata.negativePrompt'],
  },
  {
    keywords: ['parameters', 'UserComment', 'Comment'],
    marks: ['prompt'],
    prompt: ['prompt'],
    negative: ['negative_prompt', 'negativePrompt'],
  },
]
