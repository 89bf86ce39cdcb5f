/** How trainers name their modules (formats.md section 1.13 and 1.14 of the format notes). */
export const DIALECTS = {
  'kohya-diffusers': 'kohya, diffusers block names',
  'kohya-sgm': 'kohya, sgm block names',
  'kohya-bfl': 'kohya, transformer block names',
  kohya: 'kohya',
  'kohya-oft': 'kohya networks.oft',
  lycoris: 'LyCORIS (lycoris_)',
  onetrainer: 'OneTrainer (lora_transformer_)',
  cascade: 'Stable Cascade (lora_prior_)',
  peft: 'PEFT (base_model.model)',
  diffusers: 'diffusers',
  'diffusers-attn-processors': 'diffusers attention processors',
  'diffusion-model': 'checkpoint paths (diffusion_model.)',
  xlabs: 'XLabs',
  bfl: 'Black Forest Labs',
  cloneofsimo: 'cloneofsimo/lora',
  'control-lora': 'SAI control-lora',
  lllite: 'ControlNet-LLLite',
  unknown: 'unknown naming',
} as const

export type DialectId = keyof typeof DIALECTS
