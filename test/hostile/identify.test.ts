import { describe, expect, it } from 'vitest'
import { readAlphas } from '../../src/model/adapters/describe.ts'
import { type Identifiable, identify } from '../../src/model/identify/identify.ts'
import type { Shape } from '../../src/model/networks/topology/match.ts'
import { planConvert } from '../../src/operations/convert/plan.ts'
import { planPrune } from '../../src/operations/prune/plan.ts'
import { SdtoolError } from '../../src/system/errors.ts'
import { byteLength, DTYPES, type DType, elementCount } from '../../src/tensor/values/dtype.ts'
import type { Leftover, PlainValue, Tensor, TensorTable } from '../../src/tensor/values/table.ts'
import { fc } from '../properties.ts'

/** Reads more than a few thousand values would mean that a file decides how much work `identify` does. */
const MAX_READ = 4096

async function zeros(tensor: Tensor): Promise<Float64Array> {
  const count = elementCount(tensor.shape)
  if (['quantised', 'complex'].includes(DTYPES[tensor.dtype].kind))
    throw new Error(`${tensor.name}: no numbers`)
  if (count > MAX_READ) throw new Error(`${tensor.name}: read of ${count} values`)
  return new Float64Array(count)
}

function table(entries: Iterable<readonly [string, Shape, DType]>): TensorTable {
  const tensors = new Map<string, Tensor>()
  for (const [name, shape, dtype] of entries) {
    const file = { path: 'hostile.safetensors', size: 2 ** 50 }
    tensors.set(name, { name, shape, dtype, source: { kind: 'stored', file, offset: 0, nbytes: 8 } })
  }
  return { tensors, metadata: {} }
}

const PREFIXES = ['', 'model.diffusion_model.', 'model_ema.', 'first_stage_model.', 'cond_stage_model.transformer.', 'conditioner.embedders.1.model.', 'control_model.', 'lora_unet_', 'unet.', '__proto__.'] // biome-ignore format: one line
const NAMES = ['input_blocks.0.0.weight', 'input_blocks.1.0.in_layers.2.weight', 'input_blocks.2.0.op.weight', 'middle_block.0.in_layers.2.weight', 'output_blocks.0.1.transformer_blocks.0.attn1.to_q.weight', 'text_model.embeddings.token_embedding.weight', 'text_model.encoder.layers.0.layer_norm1.weight', 'text_model.embeddings.position_ids', 'transformer.resblocks.0.ln_1.weight', 'token_embedding.weight', 'decoder.conv_in.weight', 'decoder.up.0.block.0.conv2.weight', 'decoder.up_blocks.0.resnets.0.conv1.weight', 'num_updates', 'decay', 'joint_blocks.0.context_block.attn.qkv.weight', 'x_embedder.proj.weight', 'double_blocks.0.img_attn.norm.key_norm.scale', 'img_in.weight', 'down_blocks.0.resnets.0.conv1.weight', 'conv_in.weight', 'shared.weight', 'encoder.block.0.layer.0.SelfAttention.q.weight', 'alphas_cumprod', 'betas', 'v_pred', 'edm_vpred.sigma_max', 'scale_factor', 'constructor', 'scaled_fp8', '1.weight', '3.conv.0.weight', 'x.alpha', 'x.lora_down.weight', 'x.lora_up.weight', '<token>', 'string_to_param/*', 'clip_l', 'bundle_emb.cat.clip_g', '[0]', '[1]'] // biome-ignore format: one line

const shapes: fc.Arbitrary<Shape> = fc.array(
  fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom(320, 768, 2 ** 31)),
  {
    maxLength: 5,
  },
)
const names = fc
  .tuple(fc.constantFrom(...PREFIXES), fc.oneof(fc.constantFrom(...NAMES), fc.string()))
  .map((parts) => parts.join(''))
const dtypes = fc.constantFrom(...(Object.keys(DTYPES) as DType[]))
const keyTables = fc
  .array(fc.tuple(names, shapes, dtypes), { maxLength: 30 })
  .map((entries) =>
    table(entries.filter(([, shape, dtype]) => Number.isSafeInteger(byteLength(dtype, shape)))),
  )

const alphaShapes = fc.oneof(fc.constant<Shape>([]), shapes)

/** Modules that lack nothing but sense: every tensor of a LoRA in any type, with an alpha of any shape. */
const loraTables = fc
  .array(fc.tuple(fc.constantFrom('lora_unet_a', 'unet.b', 'lora_te1_c', '__proto__'), alphaShapes, dtypes), {
    minLength: 1,
    maxLength: 4,
  })
  .map((modules) =>
    table(
      modules.flatMap(([name, shape, dtype]) => [
        [`${name}.lora_down.weight`, [4, 768], 'F16'] as const,
        [`${name}.lora_up.weight`, [320, 4], dtype === 'F16' ? 'F16' : 'F32'] as const,
        ...(byteLength(dtype, shape) === undefined ? [] : [[`${name}.alpha`, shape, dtype] as const]),
      ]),
    ),
  )

const METADATA_KEYS = ['modelspec.architecture', 'modelspec.prediction_type', 'ss_sd_model_hash', 'ss_new_sd_model_hash', 'ss_network_dim', 'ss_v2', 'sd_merge_models', 'lora_adapter_metadata', 'sdtool.recipe', '__proto__', 'constructor', '<token>'] // biome-ignore format: one line
const EXTRA_KEYS = ['name', 'step', 'global_step', 'sd_checkpoint', 'sd_checkpoint_name', 'epoch', '__proto__', 'constructor'] // biome-ignore format: one line

const texts = fc.oneof(
  fc.string(),
  fc.constantFrom('True', '{}', '<embed>', '4bdfc29c', 'stable-diffusion-v1'),
)
const values: fc.Arbitrary<PlainValue> = fc.oneof(
  texts,
  fc.double(),
  fc.bigInt(),
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 3 }),
  fc.array(fc.string(), { maxLength: 2 }),
)
const leftovers: fc.Arbitrary<Leftover[]> = fc.array(
  fc.record({ path: fc.string(), what: fc.string(), bytes: fc.nat() }),
  { maxLength: 3 },
)

/** Whatever a file can have beside its tensors, too. */
const files: fc.Arbitrary<Identifiable> = fc
  .tuple(
    fc.oneof(keyTables, loraTables),
    fc.dictionary(fc.oneof(fc.constantFrom(...METADATA_KEYS), fc.string()), texts, { maxKeys: 5 }),
    fc.dictionary(fc.constantFrom(...EXTRA_KEYS), values, { maxKeys: 5 }),
    leftovers,
    fc.constantFrom('safetensors', 'torch-zip', 'pickle', 'gguf', undefined),
  )
  .map(([{ tensors }, metadata, extras, leftovers, format]) => {
    return { tensors, metadata, extras, leftovers, ...(format === undefined ? {} : { format }) }
  })

describe('identify on invented files', () => {
  it('never fails, and gives every key to exactly one component', async () => {
    await fc.assert(
      fc.asyncProperty(files, async (file) => {
        const { components, adapter } = await identify(file, zeros)
        if (adapter) await readAlphas(file, adapter, zeros)
        expect(components.flatMap((component) => component.names).sort()).toEqual(
          [...file.tensors.keys()].sort(),
        )
      }),
      { numRuns: 500 },
    )
  })

  it('lets the planners fail only with a reason, and account for every tensor otherwise', async () => {
    const dtype = fc.constantFrom('fp16', 'bf16', 'fp8_e5m2', 'keep')
    await fc.assert(
      fc.asyncProperty(files, dtype, async (file, all) => {
        const identity = await identify(file, zeros)
        const plans = [
          async () => planConvert(file, identity, { dtype: { all } }),
          () => planPrune(file, identity, { dtype: { all } }, zeros),
        ]
        for (const plan of plans) {
          const steps = await plan().then(
            (made) => made.steps.flatMap((step) => step.names).sort(),
            (error: unknown) => error,
          )
          if (steps instanceof Error) expect(steps).toBeInstanceOf(SdtoolError)
          else expect(steps).toEqual([...file.tensors.keys(), ...trainingState(file)].sort())
        }
      }),
      { numRuns: 300 },
    )
  })
})

/** Paths of what a pickle keeps beside its weights: plans name those with bytes. */
function trainingState({ leftovers = [] }: Identifiable): string[] {
  return leftovers.filter(({ bytes }) => bytes > 0).map(({ path }) => path)
}

describe('identify on very large tables', () => {
  const many = (name: (i: number) => string) =>
    table(Array.from({ length: 100_000 }, (_, i) => [name(i), [1], 'F32'] as const))

  it.each([
    ['unknown names', (i: number) => `layer.${i}.weight`, 'unknown'],
    [
      'blocks of a UNet',
      (i: number) => `model.diffusion_model.input_blocks.${i}.0.in_layers.2.weight`,
      'unet',
    ],
    [
      'layers of a text encoder',
      (i: number) => `cond_stage_model.transformer.text_model.encoder.layers.${i}.x`,
      'text-encoder',
    ],
    ['EMA keys', (i: number) => `model_ema.${i}`, 'unknown'],
    ['position_ids', (i: number) => `${i}.position_ids`, 'unknown'],
  ])('takes linear time over %s', async (_, name, kind) => {
    // 40 times the keys of a real model: quadratic work would outlast the time any test has
    expect((await identify(many(name), zeros)).kind).toBe(kind)
  })
})
