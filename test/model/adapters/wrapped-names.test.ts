import { describe, expect, it } from 'vitest'
import { describeAdapter } from '../../../src/model/adapters/describe.ts'
import { lookupName, modulesOf } from '../../../src/model/adapters/keymap.ts'
import { splitModules } from '../../../src/model/adapters/modules.ts'
import { modulePlaceOf, type TargetId } from '../../../src/model/adapters/targets.ts'
import { kohyaName, placedModules } from '../../../src/model/lora/modules.ts'
import { sd1 } from '../../../src/model/networks/architectures/sd1.ts'
import { sdxl } from '../../../src/model/networks/architectures/sdxl.ts'
import { shapeTable } from '../shape-table.ts'

const TO_Q = 'down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q'
const FLAT_TO_Q = TO_Q.replaceAll('.', '_')

/** Names as trainers have written them, and the title of what is taken off. */
const WRAPPED: readonly (readonly [name: string, title: string])[] = [
  [`lora_unet__orig_mod_${FLAT_TO_Q}`, 'torch.compile'],
  [`lora_unet_down_blocks_0__orig_mod_attentions_0_transformer_blocks_0_attn1_to_q`, 'torch.compile'],
  [`unet._orig_mod.${TO_Q}`, 'torch.compile'],
  [`base_model.model._orig_mod.${TO_Q}`, 'torch.compile'],
  [`_orig_mod.base_model.model.${TO_Q}`, 'torch.compile'],
  [`_orig_mod.${TO_Q}`, 'torch.compile'],
  [`down_blocks.0._orig_mod.attentions.0.transformer_blocks.0._orig_mod.attn1.to_q`, 'torch.compile'],
  [`module.${TO_Q}`, 'DistributedDataParallel'],
  [`unet.module.${TO_Q}`, 'DistributedDataParallel'],
  [`module.unet.${TO_Q}`, 'DistributedDataParallel'],
  [`base_model.model.module.${TO_Q}`, 'DistributedDataParallel'],
  [`lora_unet_module_${FLAT_TO_Q}`, 'DistributedDataParallel'],
  [`base_model.model._fsdp_wrapped_module.${TO_Q}`, 'FSDP'],
  [
    `unet.down_blocks.0._checkpoint_wrapped_module.attentions.0.transformer_blocks.0.attn1.to_q`,
    'checkpointing',
  ],
  [`lora_unet_${FLAT_TO_Q}_`, 'a trailing _'],
  [`lycoris_${FLAT_TO_Q}_`, 'a trailing _'],
]

function loraOf(name: string, out = 320, columns = 320) {
  return { [`${name}.lora_down.weight`]: [4, columns], [`${name}.lora_up.weight`]: [out, 4] }
}

describe('what training leaves in the names of modules', () => {
  it.each(WRAPPED)('%s', (name, title) => {
    const place = modulePlaceOf(name)
    expect(modulesOf(sd1, place.target).get(lookupName(place.path))?.weight).toBe(
      'input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight',
    )
    const info = describeAdapter(shapeTable(loraOf(name)))!
    expect(info.wrapped).toEqual([{ title: expect.stringContaining(title), modules: 1 }])
    expect(info.unknownModules).toEqual([])
    expect(info.findings.map(({ code }) => code)).toContain('adapter-wrapped-names')
  })

  it.each([
    `lora_unet_${FLAT_TO_Q}`,
    `unet.${TO_Q}`,
    'lora_te_text_model_encoder_layers_0_mlp_fc1',
    'unet:3',
  ])('there is nothing in %s', (name) => {
    expect(modulePlaceOf(name).wrapper).toBeUndefined()
    expect(describeAdapter(shapeTable(loraOf(name)))!.wrapped).toEqual([])
  })

  it('two names of one layer are not both used', async () => {
    const table = shapeTable({ ...loraOf(`lora_unet_${FLAT_TO_Q}`), ...loraOf(`lora_unet_${FLAT_TO_Q}_`) })
    const file = { name: 'x', table, adapter: describeAdapter(table)!, read: async () => new Float64Array() }
    expect((await placedModules(file)).map(({ fault }) => fault)).toEqual([
      undefined,
      'another module of the file changes the same layer',
    ])
  })
})

const LAYER = 'text_model.encoder.layers.3.self_attn.q_proj'

/** Names of CLIP without `text_model`, and the layer each means. */
const FLAT_CLIP: readonly (readonly [name: string, target: TargetId, path: string])[] = [
  ['base_model.model.encoder.layers.3.self_attn.q_proj', 'te1', LAYER],
  ['base_model.model.encoder.layers.3.mlp.fc2', 'te1', 'text_model.encoder.layers.3.mlp.fc2'],
  ['base_model.model.encoder.layers.3.layer_norm1', 'te1', 'text_model.encoder.layers.3.layer_norm1'],
  ['base_model.model.final_layer_norm', 'te1', 'text_model.final_layer_norm'],
  ['base_model.model.embeddings.token_embedding', 'te1', 'text_model.embeddings.token_embedding'],
  ['text_encoder.encoder.layers.3.self_attn.q_proj', 'te1', LAYER],
  ['text_encoder.base_model.model.encoder.layers.3.self_attn.q_proj', 'te1', LAYER],
  ['text_encoder_2.encoder.layers.3.self_attn.q_proj', 'te2', LAYER],
  ['lora_te_encoder_layers_3_self_attn_q_proj', 'te1', LAYER.replaceAll('.', '_')],
  ['lora_te1_encoder_layers_3_self_attn_q_proj', 'te1', LAYER.replaceAll('.', '_')],
  ['lora_te2_encoder_layers_3_mlp_fc1', 'te2', 'text_model_encoder_layers_3_mlp_fc1'],
  ['lycoris_encoder_layers_3_self_attn_q_proj', 'te1', LAYER.replaceAll('.', '_')],
  ['layers.3.self_attn.q_proj', 'te1', LAYER],
]

describe('names of CLIP as transformers 5 has them', () => {
  it.each(FLAT_CLIP)('%s', (name, target, path) => {
    expect(modulePlaceOf(name)).toMatchObject({ target, path })
    expect(modulesOf(sdxl, target).has(lookupName(path))).toBe(true)
  })

  it.each([
    ['text_encoder_3.encoder.block.0.layer.0.SelfAttention.q', 'encoder.block.0.layer.0.SelfAttention.q'],
    ['text_encoder_2.text_model.encoder.layers.3.self_attn.q_proj', LAYER],
    ['lora_te2_text_projection', 'text_projection'],
  ])('%s stays what it is', (name, path) => expect(modulePlaceOf(name).path).toBe(path))

  it('become those that other programs know where a LoRA of kohya is written', async () => {
    const names = ['lora_te_encoder_layers_3_self_attn_q_proj', `lora_unet__orig_mod_${FLAT_TO_Q}`]
    const table = shapeTable({ ...loraOf(names[0]!, 768, 768), ...loraOf(names[1]!) })
    const file = { name: 'x', table, adapter: describeAdapter(table)!, read: async () => new Float64Array() }
    expect((await placedModules(file)).map(kohyaName)).toEqual([
      'lora_te_text_model_encoder_layers_3_self_attn_q_proj',
      `lora_unet_${FLAT_TO_Q}`,
    ])
  })

  it('are all recognised where PEFT has wrapped the encoder', () => {
    const shapes = FLAT_CLIP.filter(([name]) => name.startsWith('base_model')).map(([name]) =>
      loraOf(name, 768, 768),
    )
    const { modules } = splitModules(shapeTable(Object.assign({}, ...shapes)))
    expect(modules.map(({ target }) => target)).toEqual(shapes.map(() => 'te1'))
  })
})
