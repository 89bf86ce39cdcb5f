/** HunyuanVideo, HunyuanVideo 1.5 and HunyuanImage 2.1, with the names of Tencent and with those that ComfyUI saves. */
import type { ComponentId } from '../components.ts'
import { type Alias, alias } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { type Dims, layer, optional, type Row, weight } from '../template/row.ts'
import type { Latents } from './architecture.ts'
import { type Architecture, dit, type Proof, type Variant } from './architecture.ts'
import {
  BYT5,
  BYT5_NAMES,
  COMFYUI,
  COMFYUI_ADAPTER_NAMES,
  COMFYUI_DOUBLE,
  COMFYUI_SINGLE,
  DOUBLE_NAMES,
  ENDS,
  embedder,
  FUSED_BLOCKS,
  FUSED_NAMES,
  SINGLE_NAMES,
  SPLIT_DOUBLE,
  SPLIT_NAMES,
  SPLIT_SINGLE,
  TENCENT,
  TENCENT_ADAPTER_NAMES,
  TEXT_NAMES,
  textRows,
  VECTOR,
  VISION,
  type Words,
} from './hunyuan-blocks.ts'
import { LATENTS } from './latent-spaces.ts'

/** A family in the names of Tencent and of diffusers, and the same in those that ComfyUI saves. */
interface Family {
  readonly id: string
  readonly title: string
  readonly dims: Dims
  readonly rows: (words: Words) => Row[]
  readonly blocks: readonly Row[]
  readonly comfyBlocks: readonly Row[]
  readonly names: readonly Alias[]
  readonly proof: Pick<Proof, 'keys' | 'not'>
  readonly diffusersProof: Pick<Proof, 'keys' | 'not'>
  readonly latent: Latents
  readonly variants: readonly Variant[]
  readonly tells: readonly string[]
  readonly encoders: readonly ComponentId[]
  readonly more?: Partial<Architecture>
}

/** Blocks that Flux.1 has, too, behind a refiner that it has not. */
const REFINED = 'txt_in.individual_token_refiner.blocks.0.norm1.weight'

function architectures({ id, title, rows, proof, more, ...family }: Family): Architecture[] {
  const { dims, tells, latent, variants, encoders } = family
  const shared = { prediction: 'flow' as const, encoders, latent, variants, ...more }
  const native: DitNetwork = {
    kind: 'dit',
    template: [...rows(TENCENT), ...family.blocks, ...ENDS],
    dims,
    diffusers: family.names,
    adapterNames: TENCENT_ADAPTER_NAMES,
    tells,
  }
  const comfyUi: DitNetwork = {
    kind: 'dit',
    template: [...rows(COMFYUI), ...family.comfyBlocks, ...ENDS],
    dims,
    adapterNames: COMFYUI_ADAPTER_NAMES,
    tells,
  }
  const { keys, not = [] } = proof
  return [
    {
      ...shared,
      id,
      title,
      network: native,
      proofs: [
        { layout: 'ldm', keys: [REFINED, 'double_blocks.0.img_mod.linear.weight', ...keys], not },
        { layout: 'diffusers', ...family.diffusersProof },
      ],
      components: [dit(native)],
    },
    {
      ...shared,
      id: `${id}-comfyui`,
      title,
      network: comfyUi,
      prefix: 'model.model.',
      proofs: [{ layout: 'ldm', keys: [REFINED, 'double_blocks.0.img_mod.lin.weight', ...keys], not }],
      components: [dit(comfyUi)],
    },
  ]
}

const [VISION_KEY, BYT5_KEY, VECTOR_KEY] = [
  'vision_in.proj.0.weight',
  'byt5_in.fc1.weight',
  'vector_in.in_layer.weight',
]
const THEIR_REFINED = 'context_embedder.token_refiner.refiner_blocks.0.norm1.weight'

const VIDEO: Family = {
  id: 'hunyuan-video',
  title: 'HunyuanVideo',
  dims: {
    hidden: 3072,
    head: 128,
    context: 4096,
    pooled: 768,
    in: 16,
    out: 64,
    double: 20,
    single: 40,
    refiner: 2,
    guidance: 1,
  },
  rows: (words) => [
    ...layer('img_in.proj', 'hidden in 1 2 2'),
    ...textRows(words),
    ...embedder('time_in', words),
    ...VECTOR,
    ...optional('guidance', embedder('guidance_in', words)),
  ],
  blocks: FUSED_BLOCKS,
  comfyBlocks: [...COMFYUI_DOUBLE, ...COMFYUI_SINGLE],
  names: [
    ...TEXT_NAMES,
    ...DOUBLE_NAMES,
    ...SINGLE_NAMES,
    ...FUSED_NAMES,
    ...alias('time_text_embed.timestep_embedder.linear_{1,2}', 'time_in.mlp.{0,2}'),
    ...alias('time_text_embed.guidance_embedder.linear_{1,2}', 'guidance_in.mlp.{0,2}'),
    ...alias('time_text_embed.text_embedder.linear_{1,2}', 'vector_in.{in,out}_layer'),
  ],
  proof: { keys: [VECTOR_KEY] },
  diffusersProof: {
    keys: [THEIR_REFINED, 'time_text_embed.text_embedder.linear_1.weight'],
    not: ['clean_x_embedder.proj.weight'],
  },
  encoders: ['clip_l', 'llama3_8b'],
  latent: LATENTS['hunyuan-video'],
  variants: [
    { id: 't2v', title: 'T2V', dims: { in: 16, guidance: 1 } },
    { id: 'i2v', title: 'I2V', dims: { in: 33, guidance: 0 } },
  ],
  tells: ['img_in.proj.weight'],
  more: { shift: 7, fp16: 'overflows' },
}

const IMAGE: Family = {
  id: 'hunyuan-image-2.1',
  title: 'HunyuanImage 2.1',
  dims: {
    hidden: 3584,
    head: 128,
    context: 3584,
    byt5: 1472,
    byt5_hidden: 2048,
    in: 64,
    out: 64,
    double: 20,
    single: 40,
    refiner: 2,
    distilled: 0,
  },
  rows: (words) => [
    ...layer('img_in.proj', 'hidden in 1 1'),
    ...textRows(words),
    ...embedder('time_in', words),
    ...optional('distilled', embedder('{time_r,guidance}_in', words)),
    ...BYT5,
  ],
  blocks: [...SPLIT_DOUBLE, ...SPLIT_SINGLE],
  comfyBlocks: [...COMFYUI_DOUBLE, ...COMFYUI_SINGLE],
  names: [
    ...TEXT_NAMES,
    ...DOUBLE_NAMES,
    ...SINGLE_NAMES,
    ...SPLIT_NAMES,
    ...BYT5_NAMES,
    ...alias('time_guidance_embed.timestep_embedder.linear_{1,2}', 'time_in.mlp.{0,2}'),
    ...alias('time_guidance_embed.timestep_embedder_r.linear_{1,2}', 'time_r_in.mlp.{0,2}'),
    ...alias('time_guidance_embed.guidance_embedder.linear_{1,2}', 'guidance_in.mlp.{0,2}'),
  ],
  proof: { keys: ['single_blocks.0.modulation.linear.weight', BYT5_KEY], not: [VECTOR_KEY, VISION_KEY] },
  diffusersProof: { keys: [THEIR_REFINED, 'time_guidance_embed.timestep_embedder.linear_1.weight'] },
  encoders: ['qwen25_7b', 'byt5'],
  latent: LATENTS['hunyuan-image'],
  variants: [{ id: 'distilled', title: 'distilled', dims: { distilled: 1 } }],
  tells: ['img_in.proj.weight', 'guidance_in.mlp.0.weight'],
  more: { modelspec: 'hunyuan-image-2.1', resolution: 2048, shift: 5, fp16: 'overflows' },
}

const VIDEO_15: Family = {
  id: 'hunyuan-video-1.5',
  title: 'HunyuanVideo 1.5',
  dims: {
    hidden: 2048,
    head: 128,
    context: 3584,
    byt5: 1472,
    byt5_hidden: 2048,
    vision: 1152,
    in: 65,
    out: 32,
    double: 54,
    refiner: 2,
  },
  rows: (words) => [
    ...layer('img_in.proj', 'hidden in 1 1 1'),
    ...textRows(words),
    ...embedder('time_in', words),
    ...optional('meanflow', embedder('time_r_in', words)),
    ...BYT5,
    ...VISION,
    ...weight('cond_type_embedding', '3 hidden'),
  ],
  blocks: SPLIT_DOUBLE,
  comfyBlocks: COMFYUI_DOUBLE,
  names: [
    ...TEXT_NAMES,
    ...DOUBLE_NAMES,
    ...SPLIT_NAMES,
    ...BYT5_NAMES,
    ...alias('time_embed.timestep_embedder.linear_{1,2}', 'time_in.mlp.{0,2}'),
    ...alias('time_embed.timestep_embedder_r.linear_{1,2}', 'time_r_in.mlp.{0,2}'),
    ...alias('image_embedder.{norm_in,linear_1,linear_2,norm_out}', 'vision_in.proj.{0,1,3,4}'),
    ...alias('cond_type_embed', 'cond_type_embedding'),
  ],
  proof: { keys: [VISION_KEY, BYT5_KEY] },
  diffusersProof: { keys: [THEIR_REFINED, 'image_embedder.norm_in.weight', 'cond_type_embed.weight'] },
  encoders: ['qwen25_7b', 'byt5'],
  latent: LATENTS['hunyuan-video-15'],
  variants: [],
  tells: ['img_in.proj.weight'],
  more: { shift: 7 },
}

/** ComfyUI's names of the image model end in another word where Tencent's prove it. */
function withComfyProof([native, comfyUi]: Architecture[]): Architecture[] {
  const proofs = comfyUi!.proofs!.map((proof) => ({
    ...proof,
    keys: proof.keys.map((key) => key.replace('modulation.linear.', 'modulation.lin.')),
  }))
  return [native!, { ...comfyUi!, proofs }]
}

export const hunyuan: readonly Architecture[] = [VIDEO_15, IMAGE, VIDEO].flatMap((family) =>
  withComfyProof(architectures(family)),
)
