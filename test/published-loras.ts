/** Keys and shapes of LoRAs for published models, under the names that trainers give their layers. */
import { publishedKeys } from './published-keys.ts'

type Keys = [string, number[]][]

/** Rows and columns of the layers of a model whose names match. */
export function publishedLayers(model: string, layout: string, pattern: RegExp): [string, number, number][] {
  return [...publishedKeys(model, layout)].flatMap(([key, [rows, columns, ...more]]) => {
    if (!key.endsWith('.weight') || columns === undefined || more.length > 0 || !pattern.test(key)) return []
    return [[key.slice(0, -'.weight'.length), rows!, columns]]
  })
}

const RANK = 16

function factors(name: string, rows: number, columns: number, down: string, up: string): Keys {
  return [
    [`${name}.${down}`, [RANK, columns]],
    [`${name}.${up}`, [rows, RANK]],
  ]
}

/** kohya, musubi-tuner: `lora_unet_double_blocks_0_img_attn_qkv`. */
function flat(prefix: string) {
  return (path: string, rows: number, columns: number): Keys => {
    const name = prefix + path.replaceAll('.', '_')
    return [...factors(name, rows, columns, 'lora_down.weight', 'lora_up.weight'), [`${name}.alpha`, []]]
  }
}

/** ai-toolkit, diffusers, PEFT: `diffusion_model.blocks.0.self_attn.q.lora_A.weight`. */
function dotted(prefix: string, infix = '') {
  return (path: string, rows: number, columns: number): Keys =>
    factors(prefix + path, rows, columns, `lora_A${infix}.weight`, `lora_B${infix}.weight`)
}

/** LyCORIS, without a low rank. */
function kronecker(prefix: string, separator: string) {
  return (path: string, rows: number, columns: number): Keys => {
    const name = prefix + path.replaceAll('.', separator)
    return [
      [`${name}.lokr_w1`, [8, 8]],
      [`${name}.lokr_w2`, [rows / 8, columns / 8]],
      [`${name}.alpha`, []],
    ]
  }
}

export const TRAINERS = {
  kohya: flat('lora_unet_'),
  'a dot in front, flattened': flat('lora_unet__'),
  onetrainer: flat('lora_transformer_'),
  'ai-toolkit': dotted('diffusion_model.'),
  diffusers: dotted('transformer.'),
  peft: dotted('base_model.model.'),
  'peft of a pipeline': dotted('base_model.model.transformer.'),
  'peft with the name of the adapter': dotted('transformer.', '.default'),
  bare: dotted(''),
  simpletuner: kronecker('lycoris_', '_'),
  'ai-toolkit lokr': kronecker('diffusion_model.', '.'),
} as const

export type Trainer = keyof typeof TRAINERS

export function publishedLora(
  model: string,
  layout: string,
  pattern: RegExp,
  trainer: Trainer,
): Map<string, number[]> {
  return new Map(publishedLayers(model, layout, pattern).flatMap((layer) => TRAINERS[trainer](...layer)))
}
