/** HunyuanVideo, HunyuanVideo 1.5 and HunyuanImage 2.1, with the names of Tencent and with those that ComfyUI saves. */
import type { ComponentId } from '../components.ts'
import { type Alias, alias, fused, swapped } from '../template/alias.ts'
import type { DitNetwork } from '../template/network.ts'
import { type Dims, layer, optional, type Row, weight } from '../template/row.ts'
import type { Latents } from './architecture.ts'
import { type Architecture, dit, type Proof, type Variant } from './architecture.ts'
import { FLUX_MLP_NAMES, FLUX_MODULATION_NAMES, FLUX_STREAM_NAMES, fluxSingleNames } from './flux-blocks.ts'
import { LATENTS } from './latent-spaces.ts'

const [DOUBLE, SINGLE] = ['double_blocks.{double}', 'single_blocks.{single}']
const REFINER = 'txt_in.individual_token_refiner.blocks.{refiner}'

/** Words of Tencent, and of ComfyUI, which renames them on loading. */
interface Words {
  readonly in: string
  readonly out: string
  readonly mlp: readonly [first: string, second: string]
  readonly lin: string
  readonly attention: string
  readonly captions: readonly [first: string, second: string]
}

const TENCENT: Words = {
  in: 'mlp.0',
  out: 'mlp.2',
  mlp: ['mlp.fc1', 'mlp.fc2'],
  lin: 'linear',
  attention: '_',
  captions: ['linear_1', 'linear_2'],
}

const COMFYUI: Words = {
  in: 'in_layer',
  out: 'out_layer',
  mlp: ['mlp.0', 'mlp.2'],
  lin: 'lin',
  attention: '.',
  captions: ['in_layer', 'out_layer'],
}

function embedder(name: string, { in: first, out }: Words): Row[] {
  return [layer(`${name}.${first}`, 'hidden 256'), layer(`${name}.${out}`, 'hidden hidden')].flat()
}

/** The text is refined by attention to itself before the blocks. */
function textRows(words: Words): Row[] {
  const { captions, mlp, attention } = words
  return [
    embedder('txt_in.t_embedder', words),
    layer(`txt_in.c_embedder.${captions[0]}`, 'hidden context'),
    layer(`txt_in.c_embedder.${captions[1]}`, 'hidden hidden'),
    layer('txt_in.input_embedder', 'hidden context'),
    layer(`${REFINER}.norm{1,2}`, 'hidden'),
    layer(`${REFINER}.self_attn${attention}qkv`, '3hidden hidden'),
    layer(`${REFINER}.self_attn${attention}proj`, 'hidden hidden'),
    layer(`${REFINER}.${mlp[0]}`, '4hidden hidden'),
    layer(`${REFINER}.${mlp[1]}`, 'hidden 4hidden'),
    layer(`${REFINER}.adaLN_modulation.1`, '2hidden hidden'),
  ].flat()
}

/** What all of them have in the same names. */
const ENDS = [
  layer('final_layer.adaLN_modulation.1', '2hidden hidden'),
  layer('final_layer.linear', 'out hidden'),
].flat()

/** Glyphs of a text to be drawn, by the bytes of its letters. */
const BYT5 = [
  layer('byt5_in.layernorm', 'byt5'),
  layer('byt5_in.fc1', 'byt5_hidden byt5'),
  layer('byt5_in.fc2', 'byt5_hidden byt5_hidden'),
  layer('byt5_in.fc3', 'hidden byt5_hidden'),
].flat()

const VISION = [
  layer('vision_in.proj.0', 'vision'),
  layer('vision_in.proj.1', 'vision vision'),
  layer('vision_in.proj.3', 'hidden vision'),
  layer('vision_in.proj.4', 'hidden'),
].flat()

const VECTOR = [
  layer('vector_in.in_layer', 'hidden pooled'),
  layer('vector_in.out_layer', 'hidden hidden'),
].flat()

function sharedDouble({ mlp, lin, attention }: Words): Row[] {
  return [
    layer(`${DOUBLE}.{img,txt}_mod.${lin}`, '6hidden hidden'),
    layer(`${DOUBLE}.{img,txt}_attn${attention}proj`, 'hidden hidden'),
    layer(`${DOUBLE}.{img,txt}_${mlp[0]}`, '4hidden hidden'),
    layer(`${DOUBLE}.{img,txt}_${mlp[1]}`, 'hidden 4hidden'),
  ].flat()
}

const TENCENT_NORMS = weight(`${DOUBLE}.{img_attn_q,img_attn_k,txt_attn_q,txt_attn_k}_norm`, 'head')

/** Queries, keys and values in one weight: HunyuanVideo as published. */
const FUSED_BLOCKS = [
  sharedDouble(TENCENT),
  TENCENT_NORMS,
  layer(`${DOUBLE}.{img,txt}_attn_qkv`, '3hidden hidden'),
  layer(`${SINGLE}.linear1`, '7hidden hidden'),
  layer(`${SINGLE}.linear2`, 'hidden 5hidden'),
  weight(`${SINGLE}.{q,k}_norm`, 'head'),
  layer(`${SINGLE}.modulation.linear`, '3hidden hidden'),
].flat()

/** Each in a weight of its own: the later ones as published. */
const SPLIT_DOUBLE = [
  sharedDouble(TENCENT),
  TENCENT_NORMS,
  layer(`${DOUBLE}.{img,txt}_attn_{q,k,v}`, 'hidden hidden'),
].flat()

const SPLIT_SINGLE = [
  layer(`${SINGLE}.linear1_{q,k,v}`, 'hidden hidden'),
  layer(`${SINGLE}.linear1_mlp`, '4hidden hidden'),
  layer(`${SINGLE}.linear2.fc`, 'hidden 5hidden'),
  weight(`${SINGLE}.{q,k}_norm`, 'head'),
  layer(`${SINGLE}.modulation.linear`, '3hidden hidden'),
].flat()

const COMFYUI_DOUBLE = [
  sharedDouble(COMFYUI),
  weight(`${DOUBLE}.{img,txt}_attn.norm.{query,key}_norm`, 'head'),
  layer(`${DOUBLE}.{img,txt}_attn.qkv`, '3hidden hidden'),
].flat()

const COMFYUI_SINGLE = [
  layer(`${SINGLE}.linear1`, '7hidden hidden'),
  layer(`${SINGLE}.linear2`, 'hidden 5hidden'),
  weight(`${SINGLE}.norm.{query,key}_norm`, 'head'),
  layer(`${SINGLE}.modulation.lin`, '3hidden hidden'),
].flat()

const [THEIR_DOUBLE, THEIR_SINGLE] = ['transformer_blocks.{double}', 'single_transformer_blocks.{single}']
const THEIR_REFINER = 'context_embedder.token_refiner.refiner_blocks.{refiner}'

/**
 * What goes before the blocks, in diffusers and in the words of Tencent or ComfyUI.
 * Source: diffusers `scripts/convert_hunyuan_video_to_diffusers.py` and `convert_hunyuan_image_to_diffusers.py`.
 */
function textNames({ in: first, out, captions, mlp, attention }: Words): Alias[] {
  return [
    alias('x_embedder.proj', 'img_in.proj'),
    alias('context_embedder.proj_in', 'txt_in.input_embedder'),
    alias(
      'context_embedder.time_text_embed.timestep_embedder.linear_{1,2}',
      `txt_in.t_embedder.{${first},${out}}`,
    ),
    alias(
      'context_embedder.time_text_embed.text_embedder.linear_{1,2}',
      `txt_in.c_embedder.{${captions.join()}}`,
    ),
    fused(
      `${REFINER}.self_attn${attention}qkv`,
      [`${THEIR_REFINER}.attn.to_q`, 'hidden'],
      [`${THEIR_REFINER}.attn.to_k`, 'hidden'],
      [`${THEIR_REFINER}.attn.to_v`, 'hidden'],
    ),
    alias(`${THEIR_REFINER}.attn.to_out.0`, `${REFINER}.self_attn${attention}proj`),
    alias(`${THEIR_REFINER}.norm{1,2}`, `${REFINER}.norm{1,2}`),
    alias(`${THEIR_REFINER}.ff.{net.0.proj,net.2}`, `${REFINER}.{${mlp.join()}}`),
    alias(`${THEIR_REFINER}.norm_out.linear`, `${REFINER}.adaLN_modulation.1`),
  ].flat()
}

const TEXT_NAMES = textNames(TENCENT)

const DOUBLE_NAMES = [
  alias(`${THEIR_DOUBLE}.{norm1,norm1_context}.linear`, `${DOUBLE}.{img,txt}_mod.linear`),
  alias(`${THEIR_DOUBLE}.attn.{to_out.0,to_add_out}`, `${DOUBLE}.{img,txt}_attn_proj`),
  alias(`${THEIR_DOUBLE}.attn.norm_{q,k}`, `${DOUBLE}.img_attn_{q,k}_norm`),
  alias(`${THEIR_DOUBLE}.attn.norm_added_{q,k}`, `${DOUBLE}.txt_attn_{q,k}_norm`),
  alias(`${THEIR_DOUBLE}.{ff,ff_context}.net.0.proj`, `${DOUBLE}.{img,txt}_mlp.fc1`),
  alias(`${THEIR_DOUBLE}.{ff,ff_context}.net.2`, `${DOUBLE}.{img,txt}_mlp.fc2`),
  swapped('norm_out.linear', 'final_layer.adaLN_modulation.1'),
  alias('proj_out', 'final_layer.linear'),
].flat()

const SINGLE_NAMES = [
  alias(`${THEIR_SINGLE}.attn.norm_{q,k}`, `${SINGLE}.{q,k}_norm`),
  alias(`${THEIR_SINGLE}.norm.linear`, `${SINGLE}.modulation.linear`),
].flat()

const FUSED_NAMES = [
  ...(['img', 'txt'] as const).flatMap((side) => {
    const [q, k, v] = side === 'img' ? ['to_q', 'to_k', 'to_v'] : ['add_q_proj', 'add_k_proj', 'add_v_proj']
    return fused(
      `${DOUBLE}.${side}_attn_qkv`,
      [`${THEIR_DOUBLE}.attn.${q}`, 'hidden'],
      [`${THEIR_DOUBLE}.attn.${k}`, 'hidden'],
      [`${THEIR_DOUBLE}.attn.${v}`, 'hidden'],
    )
  }),
  ...fused(
    `${SINGLE}.linear1`,
    [`${THEIR_SINGLE}.attn.to_q`, 'hidden'],
    [`${THEIR_SINGLE}.attn.to_k`, 'hidden'],
    [`${THEIR_SINGLE}.attn.to_v`, 'hidden'],
    [`${THEIR_SINGLE}.proj_mlp`, '4hidden'],
  ),
  ...alias(`${THEIR_SINGLE}.proj_out`, `${SINGLE}.linear2`),
]

const SPLIT_NAMES = [
  alias(`${THEIR_DOUBLE}.attn.to_{q,k,v}`, `${DOUBLE}.img_attn_{q,k,v}`),
  alias(`${THEIR_DOUBLE}.attn.add_{q,k,v}_proj`, `${DOUBLE}.txt_attn_{q,k,v}`),
  alias(`${THEIR_SINGLE}.attn.to_{q,k,v}`, `${SINGLE}.linear1_{q,k,v}`),
  alias(`${THEIR_SINGLE}.{proj_mlp,proj_out}`, `${SINGLE}.{linear1_mlp,linear2.fc}`),
].flat()

const BYT5_NAMES = alias(
  'context_embedder_2.{norm,linear_1,linear_2,linear_3}',
  'byt5_in.{layernorm,fc1,fc2,fc3}',
)

/**
 * What LoRAs call the layers of a file that ComfyUI saved, whose blocks have the names of Flux.1: they were trained with the
 * names of diffusers or of Tencent, in one weight or in several.
 */
const COMFYUI_ADAPTER_NAMES: readonly Alias[] = [
  textNames(COMFYUI),
  [...FLUX_STREAM_NAMES, ...FLUX_MLP_NAMES, ...fluxSingleNames('4hidden'), ...FLUX_MODULATION_NAMES].filter(
    ({ path }) => /_blocks|final_layer/.test(path),
  ),
  alias(`${DOUBLE}.{img,txt}_mod.linear`, `${DOUBLE}.{img,txt}_mod.lin`),
  alias(`${DOUBLE}.{img,txt}_mlp.fc1`, `${DOUBLE}.{img,txt}_mlp.0`),
  alias(`${DOUBLE}.{img,txt}_mlp.fc2`, `${DOUBLE}.{img,txt}_mlp.2`),
  alias(`${SINGLE}.modulation.linear`, `${SINGLE}.modulation.lin`),
  ...['img', 'txt'].map((side) =>
    fused(
      `${DOUBLE}.${side}_attn.qkv`,
      [`${DOUBLE}.${side}_attn_q`, 'hidden'],
      [`${DOUBLE}.${side}_attn_k`, 'hidden'],
      [`${DOUBLE}.${side}_attn_v`, 'hidden'],
    ),
  ),
  fused(
    `${SINGLE}.linear1`,
    [`${SINGLE}.linear1_q`, 'hidden'],
    [`${SINGLE}.linear1_k`, 'hidden'],
    [`${SINGLE}.linear1_v`, 'hidden'],
    [`${SINGLE}.linear1_mlp`, '4hidden'],
  ),
  alias(`${SINGLE}.linear2.fc`, `${SINGLE}.linear2`),
].flat()

/** The same where a file has Tencent's names, and a LoRA those of ComfyUI that do not differ in a dot alone. */
const TENCENT_ADAPTER_NAMES: readonly Alias[] = [
  alias(`${DOUBLE}.{img,txt}_mod.lin`, `${DOUBLE}.{img,txt}_mod.linear`),
  alias(`${DOUBLE}.{img,txt}_mlp.0`, `${DOUBLE}.{img,txt}_mlp.fc1`),
  alias(`${DOUBLE}.{img,txt}_mlp.2`, `${DOUBLE}.{img,txt}_mlp.fc2`),
  alias(`${SINGLE}.modulation.lin`, `${SINGLE}.modulation.linear`),
].flat()

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
