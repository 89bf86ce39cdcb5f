import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import { isFirstKey, provenArchitecture, resemblesDit } from '../networks/architectures/proof.ts'
import { isAutoencoderKey, provenAutoencoder } from '../networks/autoencoders/proof.ts'
import type { Role } from '../networks/components.ts'
import { isTokenizer } from './encoder-names.ts'
import { WRAPPERS } from './wrappers.ts'

/** Keys that belong together because of what their names begin with, before anyone has looked at shapes. */
export interface TablePart {
  readonly slot: Slot
  readonly prefix: string
  readonly tensors: Tensor[]
}

/** Roles whose component is decided by shapes (`unet`, `text`, `vae`), and components known by name alone. */
export type Slot =
  | Extract<Role, 'unet' | 'text' | 'vae' | 'ema' | 'vision' | 'depth' | 'schedule' | 'training' | 'other'>
  | 'controlnet'
  | 'noise_augmentor'
  | 'audio'
  | 'markers'
  | 'adapter'
  | 'embedding'

/** `home` is the prefix of the component where it is not the prefix of the rule. */
type Rule = readonly [prefix: string, slot: Slot, home?: string]

/**
 * Who owns a key, by the longest prefix that fits. Grouped by what stands before the first dot, so that a key is
 * checked against a handful of rules only. Sources: ldm and sgm checkpoints, files saved by ComfyUI.
 */
const RULES: readonly Rule[] = [
  ['model.diffusion_model.', 'unet'],
  ['model.model_sampling.', 'schedule'],
  ['model_ema.', 'ema'],
  ['cond_stage_model.transformer.', 'text'],
  ['cond_stage_model.model.', 'text'],
  ['cond_stage_model.', 'text'],
  ['conditioner.embedders.0.transformer.', 'text'],
  ['conditioner.embedders.0.model.', 'text'],
  ['conditioner.embedders.0.open_clip.', 'vision'],
  ['conditioner.embedders.1.model.', 'text'],
  ['conditioner.', 'text'],
  ['unet.', 'unet'],
  ['text_encoder.', 'text'],
  ['text_encoder_2.', 'text'],
  ['text_encoder_3.', 'text'],
  ['text_encoder_4.', 'text'],
  ['first_stage_model.loss.', 'training'],
  ['first_stage_model.model_ema.', 'training'],
  ['first_stage_model.', 'vae'],
  ['vae.', 'vae'],
  ['audio_vae.', 'audio'],
  ['vocoder.', 'audio'],
  ['embedder.', 'vision'],
  ['noise_augmentor.', 'noise_augmentor'],
  ['depth_model.', 'depth'],
  ['control_model.', 'controlnet'],
  ['optimizer.', 'training'],
  ['optimizer_states.', 'training'],
  ['lr_schedulers.', 'training'],
  ['loss.', 'training'],
  ['denoiser.sigmas', 'schedule'],
  ['edm_vpred.', 'markers'],
  ['bundle_emb.', 'embedding'],
]

/** The buffers of a DDPM schedule: `register_schedule` in ldm/models/diffusion/ddpm.py. */
export const SCHEDULE_BUFFERS: readonly string[] = [
  'betas',
  'alphas_cumprod',
  'alphas_cumprod_prev',
  'sqrt_alphas_cumprod',
  'sqrt_one_minus_alphas_cumprod',
  'log_one_minus_alphas_cumprod',
  'sqrt_recip_alphas_cumprod',
  'sqrt_recipm1_alphas_cumprod',
  'posterior_variance',
  'posterior_log_variance_clipped',
  'posterior_mean_coef1',
  'posterior_mean_coef2',
]

/**
 * Empty tensors of which ComfyUI asks only whether they are there: how a network predicts (`x0`), how its last layers
 * are run, how it counts timesteps. Source: ComfyUI `model_detection.py`.
 */
const TRANSFORMER_MARKERS = [
  '__x0__',
  '__sequential__',
  '__32x32__',
  '__index_timestep_zero__',
  '__ming_image__',
]

/** Behind any prefix of a network. */
export function isTransformerMarker(name: string): boolean {
  return TRANSFORMER_MARKERS.some((marker) => name === marker || name.endsWith(`.${marker}`))
}

const MARKERS: Rule = ['', 'markers']
const SCHEDULE: Rule = ['', 'schedule']
const ADAPTER: Rule = ['', 'adapter']
const TRAINING: Rule = ['', 'training']

/** Keys without a dot that are whole names. */
const BY_NAME = new Map<string, Rule>([
  ...['v_pred', 'ztsnr', 'edm_mean', 'edm_std', ...TRANSFORMER_MARKERS].map(
    (name) => [name, MARKERS] as const,
  ),
  ...['logvar', 'scale_factor', 'lvlb_weights'].map((name) => [name, SCHEDULE] as const),
  ...SCHEDULE_BUFFERS.map((name) => [name, SCHEDULE] as const),
  // the counter of torch.optim.swa_utils.AveragedModel
  ['n_averaged', TRAINING],
])

const BY_SEGMENT = new Map<string, Rule[]>()
for (const rule of [...RULES].sort((a, b) => b[0].length - a[0].length)) {
  const segment = rule[0].slice(0, rule[0].indexOf('.'))
  BY_SEGMENT.set(segment, [...(BY_SEGMENT.get(segment) ?? []), rule])
}

/** Text encoders in files of a whole model that ComfyUI has saved, each under its name. */
const RE_ENCODER = /^text_encoders\.(?:([^.]+)\.)?/

function encoderRule(name: string): Rule | undefined {
  const [prefix, encoder] = RE_ENCODER.exec(name) ?? []
  if (prefix === undefined) return undefined
  return encoder === undefined ? [prefix, 'text'] : [prefix, 'text', `${prefix}transformer.`]
}

/** LoRA modules of kohya's trainers that someone put into a checkpoint. */
const RE_ADAPTER = /^lora_(unet|te\d?)_/

function ownerByName(name: string): Rule | undefined {
  const dot = name.indexOf('.')
  if (dot < 0) return BY_NAME.get(name) ?? (RE_ADAPTER.test(name) ? ADAPTER : undefined)
  const rules = BY_SEGMENT.get(name.slice(0, dot))
  if (rules) return rules.find(([prefix]) => name.startsWith(prefix))
  const encoder = encoderRule(name)
  if (encoder) return encoder
  return RE_ADAPTER.test(name) ? ADAPTER : undefined
}

/** In a file of several networks without prefixes, these are not of the one that denoises. */
const NOT_OF_OTHERS = /^(?!encoder\.|decoder\.|quant_conv\.|post_quant_conv\.|text_model\.)/

/**
 * How files of one network name it without the prefix of a checkpoint: a key that gives it away, and the keys
 * that are then its own. Tried in this order on the keys nobody owned.
 */
const BARE: readonly { slot: Slot; marker: RegExp; owns: RegExp }[] = [
  { slot: 'controlnet', marker: /^(input_hint_block\.0\.|controlnet_cond_embedding\.conv_in\.)/, owns: /./ },
  { slot: 'unet', marker: /^down_blocks\.0\.resnets\.0\.conv1\.weight$/, owns: /./ },
  { slot: 'unet', marker: /^input_blocks\.0\.0\.weight$/, owns: NOT_OF_OTHERS },
  {
    slot: 'vae',
    marker: /^(decoder\.conv_in\.weight|encoder\.conv_in\.weight)$/,
    owns: /^(encoder|decoder|quant_conv|post_quant_conv)\./,
  },
  // before images: the tower of a model of text and images is a part of it
  {
    slot: 'text',
    marker:
      /^(?:(?:model\.)?language_model\.(?:model\.)?|model\.)?layers\.\d+\.(?:self_attn\.[qkvo]_proj|input_layernorm|linear_attn\.in_proj_qkv)\./,
    owns: /./,
  },
  { slot: 'vision', marker: /^vision_model\.embeddings\./, owns: /^(vision_model|visual_projection)\b/ },
  { slot: 'text', marker: /^text_model\.embeddings\./, owns: /^(text_model\.|text_projection|logit_scale)/ },
  {
    slot: 'text',
    marker: /^(transformer\.resblocks\.0\.ln_1\.|encoder\.block\.\d+\.layer\.0\.SelfAttention\.)/,
    owns: /./,
  },
  // llama.cpp: a language model or T5, and the file with the tower of one
  { slot: 'text', marker: /^(?:enc\.)?blk\.\d+\.(?:attn_(?:q|k|v|norm)|ffn_(?:up|down))\./, owns: /./ },
  { slot: 'vision', marker: /^v\.(?:blk\.\d+|patch_embd|position_embd|post_ln)\./, owns: /^(?:v|mm|a)\./ },
  // ChatGLM, BERT, then T5Gemma and Jina CLIP
  {
    slot: 'text',
    marker: /^(?:transformer\.)?encoder\.layers\.\d+\.self_attention\.query_key_value\./,
    owns: /./,
  },
  { slot: 'text', marker: /^(?:bert\.)?encoder\.layer\.\d+\.attention\.self\.query\./, owns: /./ },
  {
    slot: 'text',
    marker: /^model\.encoder\.layers\.\d+\.(?:pre_self_attn_layernorm|mixer\.Wqkv)\./,
    owns: /./,
  },
]

/** Layers of a language model under any of its prefixes; some of their names are those of layers of transformers. */
const RE_LANGUAGE_MODEL =
  /^(?:(?:model\.)?language_model\.(?:model\.)?|model\.)layers\.\d+\.(?:self_attn|linear_attn|mlp|\w+_layernorm)\./

/** What may stand before the keys of a file of one network. */
const FRONTS = ['', ...WRAPPERS.map(({ word }) => `${word}.`), 'model.model.']

interface BareNetwork {
  readonly slot: Slot
  readonly owns: RegExp
  /** What stands before its keys, undefined where the file has no such network. */
  readonly frontIn: (tensors: readonly Tensor[]) => string | undefined
}

/** Transformers are told by several keys, as one alone is in networks of many kinds. */
const BARE_NETWORKS: readonly BareNetwork[] = [
  ...BARE.filter(({ slot }) => slot === 'controlnet').map(byMarker),
  { slot: 'unet', owns: NOT_OF_OTHERS, frontIn: ditFront },
  ...BARE.filter(({ slot }) => slot === 'unet').map(byMarker),
  { slot: 'vae', owns: /./, frontIn: autoencoderFront },
  ...BARE.filter(({ slot }) => slot !== 'controlnet' && slot !== 'unet').map(byMarker),
]

function byMarker({ slot, marker, owns }: (typeof BARE)[number]): BareNetwork {
  return {
    slot,
    owns,
    frontIn: (tensors) => FRONTS.find((front) => tensors.some(({ name }) => isMarked(name, front, marker))),
  }
}

/** Keys of ControlNets of transformers, which have the blocks of what they control. */
const RE_CONTROLNET = /^(?:controlnet_blocks\.0\.|controlnet_x_embedder\.)/

function ditFront(tensors: readonly Tensor[]): string | undefined {
  const byName = new Map(tensors.map(({ name, shape }) => [name, shape]))
  if (tensors.some(({ name }) => RE_CONTROLNET.test(name))) return undefined
  return FRONTS.find((front) => {
    if (front !== '' && !tensors.some(({ name }) => name.startsWith(front))) return false
    const shapeOf = (name: string) => byName.get(front + name)
    return provenArchitecture(shapeOf) !== undefined || resemblesDit((name) => byName.has(front + name))
  })
}

function autoencoderFront(tensors: readonly Tensor[]): string | undefined {
  const byName = new Map(tensors.map(({ name, shape }) => [name, shape]))
  return FRONTS.find((front) => provenAutoencoder((name) => byName.get(front + name)) !== undefined)
}

/** Parts that a model or a component file is made of. */
export const MODEL_SLOTS: ReadonlySet<Slot> = new Set(['unet', 'text', 'vae', 'controlnet', 'vision'])

/** Prefixes that only checkpoints have; `unet.` and `text_encoder.` stand before the keys of LoRAs, too. */
export const RE_CHECKPOINT =
  /^(?:model\.diffusion_model|first_stage_model|cond_stage_model|conditioner|control_model)\./

/** A name that stands where programs look: behind a prefix of checkpoints, or as a whole name of them. */
export function isOwned(name: string): boolean {
  return ownerByName(name) !== undefined
}

/** Where a name that gives a network away has its network: in a checkpoint, or in a file of its own. */
export function placeOf(name: string): 'checkpoint' | 'bare' | undefined {
  const owner = ownerByName(name)
  if (owner) return MODEL_SLOTS.has(owner[1]) ? 'checkpoint' : undefined
  const isBare =
    isFirstKey(name) ||
    isAutoencoderKey(name) ||
    RE_LANGUAGE_MODEL.test(name) ||
    BARE.some(({ marker }) => marker.test(name))
  return isBare ? 'bare' : undefined
}

/**
 * Gives every key of a file to one part: first by prefix, then, for files of one network, by names that give the
 * network away. Parts are in the order of their first key; nothing is left out.
 */
export function splitTable(table: TensorTable): TablePart[] {
  const parts = new Map<string, TablePart>()
  const partOf = (slot: Slot, prefix: string): TablePart => {
    const id = `${slot} ${prefix}`
    const part = parts.get(id) ?? { slot, prefix, tensors: [] }
    parts.set(id, part)
    return part
  }
  const byRule = new Map<Rule, TablePart>()
  let unowned: Tensor[] = []
  for (const tensor of table.tensors.values()) {
    const rule = ownerByName(tensor.name)
    if (!rule) {
      unowned.push(tensor)
      continue
    }
    const part = byRule.get(rule) ?? partOf(rule[1], rule[2] ?? rule[0])
    byRule.set(rule, part)
    part.tensors.push(tensor)
  }
  for (const { slot, owns, frontIn } of BARE_NETWORKS) {
    const front = frontIn(unowned)
    if (front === undefined) continue
    const isOurs = (tensor: Tensor) => isMarked(tensor.name, front, owns)
    for (const tensor of unowned) if (isOurs(tensor)) partOf(slot, front).tensors.push(tensor)
    unowned = unowned.filter((tensor) => !isOurs(tensor))
  }
  for (const tensor of unowned) partOf('other', '').tensors.push(tensor)
  return withTokenizers([...parts.values()])
}

/** ComfyUI keeps a tokenizer above the encoder that needs it: it belongs to the one that is there. */
function withTokenizers(parts: readonly TablePart[]): TablePart[] {
  const above = parts.find(({ slot, prefix }) => slot === 'text' && prefix === ENCODERS_PREFIX)
  const encoders = parts.filter((part) => {
    return part !== above && part.slot === 'text' && part.prefix.startsWith(ENCODERS_PREFIX)
  })
  const [encoder, ...others] =
    encoders.length > 1 ? encoders.filter(({ prefix }) => !RE_CLIP.test(prefix)) : encoders
  const isOfOne = above?.tensors.every(({ name }) => isTokenizer(name)) && others.length === 0
  if (encoder === undefined || !isOfOne) return [...parts]
  encoder.tensors.push(...above!.tensors)
  return parts.filter((part) => part !== above)
}

const ENCODERS_PREFIX = 'text_encoders.'
const RE_CLIP = /^text_encoders\.clip_/

function isMarked(name: string, prefix: string, pattern: RegExp): boolean {
  return name.startsWith(prefix) && pattern.test(name.slice(prefix.length))
}
