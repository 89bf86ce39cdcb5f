/** Written by `npm run docs` from the schemas in src/operations. */
export type ConvertOptions = {
  readonly to?: 'safetensors' | 'ckpt'
  readonly dtype?: {
    readonly all?: 'fp32' | 'fp16' | 'bf16' | 'fp8_e4m3fn' | 'fp8_e5m2' | 'keep'
    readonly by?: {
      readonly [key: string]: 'fp32' | 'fp16' | 'bf16' | 'fp8_e4m3fn' | 'fp8_e5m2' | 'keep'
    }
  }
} | {
  readonly to: 'native' | 'comfyui'
  readonly dtype?: {
    readonly all?: 'fp32' | 'fp16' | 'bf16' | 'fp8_e4m3fn' | 'fp8_e5m2' | 'keep'
    readonly by?: {
      readonly [key: string]: 'fp32' | 'fp16' | 'bf16' | 'fp8_e4m3fn' | 'fp8_e5m2' | 'keep'
    }
  }
} | {
  readonly to: 'single'
  readonly parts: readonly ('unet' | 'transformer' | 'vae' | 'text_encoder' | 'text_encoder_2' | 'text_encoder_3')[]
  readonly prediction?: string
  readonly zeroSnr?: boolean
  readonly dtype?: {
    readonly all?: 'fp32' | 'fp16' | 'bf16' | 'fp8_e4m3fn' | 'fp8_e5m2' | 'keep'
  }
} | {
  readonly to: 'diffusers'
  readonly part: 'unet' | 'transformer' | 'vae' | 'text_encoder' | 'text_encoder_2' | 'text_encoder_3'
  readonly shard?: {
    readonly number: number
    readonly of: number
  }
  readonly dtype?: {
    readonly all?: 'fp32' | 'fp16' | 'bf16' | 'fp8_e4m3fn' | 'fp8_e5m2' | 'keep'
  }
}

export type PruneOptions = {
  readonly ema?: 'only' | 'drop' | 'keep'
  readonly dtype?: {
    readonly all?: 'fp32' | 'fp16' | 'bf16' | 'fp8_e4m3fn' | 'fp8_e5m2' | 'keep'
    readonly by?: {
      readonly [key: string]: 'fp32' | 'fp16' | 'bf16' | 'fp8_e4m3fn' | 'fp8_e5m2' | 'keep'
    }
  }
  readonly keep?: readonly ('unet' | 'text' | 'vae' | 'ema' | 'vision' | 'control' | 'depth' | 'schedule' | 'marker' | 'training' | 'other' | 'dit' | 'clip_l' | 'clip_g' | 'clip_h' | 'openclip_h' | 'openclip_g' | 't5xxl' | 't5xl' | 't5_11b' | 't5base' | 'umt5xxl' | 'umt5base' | 'mt5xl' | 'byt5' | 't5gemma' | 'gemma2_2b' | 'gemma3_4b' | 'gemma3_12b' | 'gemma4_e2b' | 'gemma4_e4b' | 'gemma4_12b' | 'gemma4_31b' | 'qwen25_3b' | 'qwen25_7b' | 'qwen3_06b' | 'qwen3_2b' | 'qwen3_4b' | 'qwen3_8b' | 'qwen3vl_4b' | 'qwen3vl_8b' | 'qwen3vl_32b' | 'qwen35_08b' | 'qwen35_2b' | 'qwen35_4b' | 'qwen35_9b' | 'qwen35_27b' | 'mistral3_24b' | 'ministral3_3b' | 'llama3_8b' | 'gpt_oss_20b' | 'chatglm3_6b' | 'jina_clip_2' | 'hydit_clip' | 'unet_ema' | 'vae_ema' | 'noise_augmentor' | 'controlnet' | 'audio' | 'markers' | 'adapter' | 'embedding' | 'weights')[]
  readonly drop?: readonly ('unet' | 'text' | 'vae' | 'ema' | 'vision' | 'control' | 'depth' | 'schedule' | 'marker' | 'training' | 'other' | 'dit' | 'clip_l' | 'clip_g' | 'clip_h' | 'openclip_h' | 'openclip_g' | 't5xxl' | 't5xl' | 't5_11b' | 't5base' | 'umt5xxl' | 'umt5base' | 'mt5xl' | 'byt5' | 't5gemma' | 'gemma2_2b' | 'gemma3_4b' | 'gemma3_12b' | 'gemma4_e2b' | 'gemma4_e4b' | 'gemma4_12b' | 'gemma4_31b' | 'qwen25_3b' | 'qwen25_7b' | 'qwen3_06b' | 'qwen3_2b' | 'qwen3_4b' | 'qwen3_8b' | 'qwen3vl_4b' | 'qwen3vl_8b' | 'qwen3vl_32b' | 'qwen35_08b' | 'qwen35_2b' | 'qwen35_4b' | 'qwen35_9b' | 'qwen35_27b' | 'mistral3_24b' | 'ministral3_3b' | 'llama3_8b' | 'gpt_oss_20b' | 'chatglm3_6b' | 'jina_clip_2' | 'hydit_clip' | 'unet_ema' | 'vae_ema' | 'noise_augmentor' | 'controlnet' | 'audio' | 'markers' | 'adapter' | 'embedding' | 'weights')[]
  readonly keepSchedule?: boolean
}

export type MergeOptions = {
  readonly method?: 'weighted-sum' | 'add-difference' | 'train-difference' | 'sum-twice' | 'smooth-add' | 'cosine-a' | 'cosine-b' | 'slerp' | 'ties' | 'dare' | 'tensor-swap'
  readonly alpha?: readonly number[]
  readonly beta?: number
  readonly density?: number
  readonly seed?: number
  readonly blocks?: readonly string[]
  readonly betaBlocks?: readonly string[]
  readonly keys?: readonly string[]
  readonly vae?: 'file' | 'blend' | string
  readonly only?: 'unet' | 'text'
  readonly dtype?: {
    readonly all?: 'fp32' | 'fp16' | 'bf16' | 'fp8_e4m3fn' | 'fp8_e5m2' | 'keep'
    readonly by?: {
      readonly [key: string]: 'fp32' | 'fp16' | 'bf16' | 'fp8_e4m3fn' | 'fp8_e5m2' | 'keep'
    }
  }
  readonly allowMissing?: boolean
  readonly allowMixed?: boolean
}

export type MergeLoraOptions = {
  readonly loras: readonly {
    readonly ratio: {
      readonly unet: number
      readonly text: number
    }
    readonly blocks?: string
  }[]
  readonly dtype?: {
    readonly all?: 'fp32' | 'fp16' | 'bf16' | 'fp8_e4m3fn' | 'fp8_e5m2' | 'keep'
    readonly by?: {
      readonly [key: string]: 'fp32' | 'fp16' | 'bf16' | 'fp8_e4m3fn' | 'fp8_e5m2' | 'keep'
    }
  }
  readonly only?: 'unet' | 'text'
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
  readonly allowUnmatched?: boolean
  readonly ema?: 'drop' | 'patch'
}

export type BakeVaeOptions = {
  readonly dtype?: 'fp32' | 'fp16' | 'bf16' | 'fp8_e4m3fn' | 'fp8_e5m2' | 'keep'
}

export type JoinOptions = {
  readonly parts: readonly ('text' | 'vae')[]
  readonly dtype?: {
    readonly all?: 'fp32' | 'fp16' | 'bf16' | 'fp8_e4m3fn' | 'fp8_e5m2' | 'keep'
    readonly by?: {
      readonly [key: string]: 'fp32' | 'fp16' | 'bf16' | 'fp8_e4m3fn' | 'fp8_e5m2' | 'keep'
    }
  }
}

export type ExtractOptions = {
  readonly component: 'unet' | 'text' | 'vae' | 'ema' | 'vision' | 'control' | 'depth' | 'schedule' | 'marker' | 'training' | 'other' | 'dit' | 'clip_l' | 'clip_g' | 'clip_h' | 'openclip_h' | 'openclip_g' | 't5xxl' | 't5xl' | 't5_11b' | 't5base' | 'umt5xxl' | 'umt5base' | 'mt5xl' | 'byt5' | 't5gemma' | 'gemma2_2b' | 'gemma3_4b' | 'gemma3_12b' | 'gemma4_e2b' | 'gemma4_e4b' | 'gemma4_12b' | 'gemma4_31b' | 'qwen25_3b' | 'qwen25_7b' | 'qwen3_06b' | 'qwen3_2b' | 'qwen3_4b' | 'qwen3_8b' | 'qwen3vl_4b' | 'qwen3vl_8b' | 'qwen3vl_32b' | 'qwen35_08b' | 'qwen35_2b' | 'qwen35_4b' | 'qwen35_9b' | 'qwen35_27b' | 'mistral3_24b' | 'ministral3_3b' | 'llama3_8b' | 'gpt_oss_20b' | 'chatglm3_6b' | 'jina_clip_2' | 'hydit_clip' | 'unet_ema' | 'vae_ema' | 'noise_augmentor' | 'controlnet' | 'audio' | 'markers' | 'adapter' | 'embedding' | 'weights'
  readonly dtype?: 'fp16' | 'bf16' | 'fp32'
}

export type ExtractEmbeddingsOptions = {
  readonly prompt?: string
  readonly name?: string
  readonly format?: 'safetensors' | 'pt'
  readonly each?: boolean
  readonly only?: number
}

export type ExtractLoraOptions = {
  readonly rank?: {
    readonly method: 'fixed'
    readonly limit: number
  } | {
    readonly method: 'sv_ratio'
    readonly target: number
    readonly limit: number
  } | {
    readonly method: 'sv_cumulative' | 'sv_fro'
    readonly target: number
    readonly limit: number
  }
  readonly convRank?: number
  readonly dtype?: 'fp16' | 'bf16' | 'fp32'
  readonly seed?: number
  readonly algo?: 'lora' | 'locon'
  readonly only?: 'unet' | 'text'
}

export type LoraMergeOptions = {
  readonly ratios: readonly {
    readonly unet: number
    readonly text: number
  }[]
  readonly dtype?: 'fp16' | 'bf16' | 'fp32'
}

export type LoraResizeOptions = {
  readonly rank?: {
    readonly method: 'fixed'
    readonly limit: number
  } | {
    readonly method: 'sv_ratio'
    readonly target: number
    readonly limit: number
  } | {
    readonly method: 'sv_cumulative' | 'sv_fro'
    readonly target: number
    readonly limit: number
  }
  readonly convRank?: number
  readonly dtype?: 'fp16' | 'bf16' | 'fp32'
  readonly seed?: number
}

export type LoraConvertOptions = {
  readonly to: 'kohya' | 'comfyui' | 'diffusers' | 'peft'
  readonly network?: 'unet' | 'te1' | 'te2' | 'te3' | 'controlnet' | 'other'
}
