/** Networks that read pictures for a language model. Source: transformers, `modeling_*.py` of each. */
import { layer, optional, parameter, weight } from '../template/row.ts'

/** The tower of Qwen2.5-VL, whose patches are 14x14 pixels of 2 frames. */
export const QWEN25_TOWER = optional(
  'tower',
  weight('visual.patch_embed.proj', '1280 3 2 14 14'),
  weight('visual.blocks.{tower_block}.norm{1,2}', '1280'),
  layer('visual.blocks.{tower_block}.attn.qkv', '3840 1280'),
  layer('visual.blocks.{tower_block}.attn.proj', '1280 1280'),
  layer('visual.blocks.{tower_block}.mlp.{gate,up}_proj', '3420 1280'),
  layer('visual.blocks.{tower_block}.mlp.down_proj', '1280 3420'),
  weight('visual.merger.ln_q', '1280'),
  layer('visual.merger.mlp.0', '5120 5120'),
  layer('visual.merger.mlp.2', 'hidden 5120'),
)

export const QWEN3_TOWER = optional(
  'tower',
  layer('visual.patch_embed.proj', 'tower_width 3 2 16 16'),
  weight('visual.pos_embed', '2304 tower_width'),
  layer('visual.blocks.{tower_block}.norm{1,2}', 'tower_width'),
  layer('visual.blocks.{tower_block}.attn.qkv', '3tower_width tower_width'),
  layer('visual.blocks.{tower_block}.attn.proj', 'tower_width tower_width'),
  layer('visual.blocks.{tower_block}.mlp.linear_fc1', 'tower_ff tower_width'),
  layer('visual.blocks.{tower_block}.mlp.linear_fc2', 'tower_width tower_ff'),
  layer('visual.merger.norm', 'tower_width'),
  layer('visual.merger.linear_fc1', '4tower_width 4tower_width'),
  layer('visual.merger.linear_fc2', 'hidden 4tower_width'),
  layer('visual.deepstack_merger_list.{deep}.norm', '4tower_width'),
  layer('visual.deepstack_merger_list.{deep}.linear_fc1', '4tower_width 4tower_width'),
  layer('visual.deepstack_merger_list.{deep}.linear_fc2', 'hidden 4tower_width'),
)

/** Pixtral, the tower of Mistral Small 3.1 and later. */
export const PIXTRAL_TOWER = optional(
  'tower',
  weight('vision_tower.patch_conv', '1024 3 14 14'),
  weight('vision_tower.ln_pre', '1024'),
  weight('vision_tower.transformer.layers.{tower_block}.{attention,ffn}_norm', '1024'),
  weight('vision_tower.transformer.layers.{tower_block}.attention.{q,k,v,o}_proj', '1024 1024'),
  weight('vision_tower.transformer.layers.{tower_block}.feed_forward.{gate,up}_proj', '4096 1024'),
  weight('vision_tower.transformer.layers.{tower_block}.feed_forward.down_proj', '1024 4096'),
  weight('multi_modal_projector.norm', '1024'),
  weight('multi_modal_projector.patch_merger.merging_layer', '1024 4096'),
  weight('multi_modal_projector.linear_1', 'hidden 1024'),
  weight('multi_modal_projector.linear_2', 'hidden hidden'),
)

/** SigLIP, the tower of Gemma 3. */
export const SIGLIP_TOWER = optional(
  'tower',
  layer('vision_tower.embeddings.patch_embedding', '1152 3 14 14'),
  weight('vision_tower.embeddings.position_embedding', '4096 1152'),
  layer('vision_tower.encoder.layers.{tower_block}.layer_norm{1,2}', '1152'),
  layer('vision_tower.encoder.layers.{tower_block}.self_attn.{q,k,v,out}_proj', '1152 1152'),
  layer('vision_tower.encoder.layers.{tower_block}.mlp.fc1', '4304 1152'),
  layer('vision_tower.encoder.layers.{tower_block}.mlp.fc2', '1152 4304'),
  layer('vision_tower.post_layernorm', '1152'),
  parameter('multi_modal_projector.mm_input_projection_weight', '1152 hidden'),
  weight('multi_modal_projector.mm_soft_emb_norm', '1152'),
)
