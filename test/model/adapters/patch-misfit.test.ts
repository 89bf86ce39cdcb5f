import { describe, expect, it } from 'vitest'
import type { Algorithm, Numbers } from '../../../src/model/adapters/algorithm.ts'
import { splitModules } from '../../../src/model/adapters/modules.ts'
import {
  biasShapeError,
  biasUse,
  patchedShape,
  patchShapeError,
  patchWeight,
} from '../../../src/model/adapters/patch.ts'
import { ALGORITHMS } from '../../../src/model/adapters/registry.ts'
import { matrixOf } from '../../../src/tensor/algebra/matrix.ts'
import { elementCount } from '../../../src/tensor/values/dtype.ts'
import { newEvaluation } from '../../../src/tensor/values/expr.ts'
import { fc } from '../../properties.ts'
import { floatTensor } from '../../tables.ts'
import { type Shapes, shapeTable } from '../shape-table.ts'
import { doublesOf } from './goldens.ts'

const LORA = { 'lora_down.weight': [2, 12], 'lora_up.weight': [16, 2] }
const NEW_GLORA = { 'a1.weight': [12, 3], 'a2.weight': [3, 12], 'b1.weight': [16, 3], 'b2.weight': [3, 12] }

function moduleOf(shapes: Shapes) {
  const keys = Object.entries(shapes).map(([suffix, shape]) => [`m.${suffix}`, shape] as const)
  return splitModules(shapeTable(Object.fromEntries(keys))).modules[0]!
}

function numbersOf(values: Record<string, readonly number[]>): Numbers {
  return new Map(Object.entries(values).map(([role, numbers]) => [role, Float64Array.from(numbers)]))
}

/** The first layer of Flux.1 and of the models made from it, of 64 latents. */
it.each<[string, Shapes, readonly number[]]>([
  ['a LoRA for Fill', { 'lora_A.weight': [2, 64], 'lora_B.weight': [8, 2] }, [8, 384]],
  ['a LoRA for a control model', { 'lora_A.weight': [2, 64], 'lora_B.weight': [8, 2] }, [8, 128]],
  ['a difference for Fill', { diff: [8, 64] }, [8, 384]],
  [
    'a LoHa for Fill',
    { hada_w1_a: [8, 2], hada_w1_b: [2, 64], hada_w2_a: [8, 2], hada_w2_b: [2, 64] },
    [8, 384],
  ],
  ['a control LoRA', { 'lora_A.weight': [2, 128], 'lora_B.weight': [8, 2] }, [8, 64]],
  ['a LoRA of Fill', { 'lora_A.weight': [2, 384], 'lora_B.weight': [8, 2] }, [8, 64]],
])('%s fits a layer that takes latents, and no other', (_, shapes, shape) => {
  expect(patchShapeError(moduleOf(shapes), shape, new Map(), 64)).toBeUndefined()
  expect(patchShapeError(moduleOf(shapes), shape, new Map())).toBeTypeOf('string')
  expect(patchShapeError(moduleOf(shapes), shape, new Map(), 32)).toBeTypeOf('string')
})

function misfit(shapes: Shapes, shape: readonly number[], numbers: Record<string, readonly number[]> = {}) {
  return patchShapeError(moduleOf(shapes), shape, numbersOf(numbers))
}

describe('patchMisfit', () => {
  it.each<[string, Shapes, readonly number[], Record<string, readonly number[]>?]>([
    ['a LoRA', LORA, [16, 12]],
    ['a LoRA of a linear layer on a 1x1 convolution', LORA, [16, 12, 1, 1]],
    [
      '4 latent channels for an inpainting model',
      { 'lora_down.weight': [2, 4, 3, 3], 'lora_up.weight': [8, 2, 1, 1] },
      [8, 9, 3, 3],
    ],
    ['a difference of 4 latent channels for an inpainting model', { diff: [8, 4, 3, 3] }, [8, 9, 3, 3]],
    [
      'a LoRA that makes the weight larger',
      { 'lora_down.weight': [2, 24], 'lora_up.weight': [16, 2], reshape_weight: [2] },
      [16, 12],
      { reshape_weight: [16, 24] },
    ],
    ['DoRA of the outputs', { ...LORA, dora_scale: [16, 1] }, [16, 12]],
    ['DoRA of the inputs', { ...LORA, dora_scale: [1, 12] }, [16, 12]],
    ['DoRA of PEFT', { ...LORA, lora_magnitude_vector: [16] }, [16, 12]],
    ['IA3 of the inputs', { weight: [12], on_input: [] }, [16, 12], { on_input: [1] }],
    ['GLoRA', NEW_GLORA, [16, 12]],
  ])('has no objection to %s', (_, shapes, shape, numbers) => {
    expect(misfit(shapes, shape, numbers)).toBeUndefined()
  })

  it.each<[string, Shapes, readonly number[], string, Record<string, readonly number[]>?]>([
    ['other inputs', LORA, [16, 24], 'it is for 12 inputs, the weight has 24'],
    ['other outputs', LORA, [32, 12], 'it is for 16 outputs, the weight has 32'],
    ['ranks that differ', { ...LORA, 'lora_up.weight': [16, 3] }, [16, 12], 'up has rank 3, down has rank 2'],
    [
      'nothing in a factor',
      { 'lora_down.weight': [0, 12], 'lora_up.weight': [16, 0] },
      [16, 12],
      'its lora_down is empty',
    ],
    [
      '9 channels for the 4 of a usual model',
      { diff: [8, 9, 3, 3] },
      [8, 4, 3, 3],
      'it is for 81 inputs, the weight has 36',
    ],
    ['4 inputs for 9 without a kernel', { diff: [8, 4] }, [8, 9], 'it is for 4 inputs, the weight has 9'],
    [
      'a residual of another size',
      { ...LORA, bias: [16] },
      [16, 12],
      'its bias has 16 values, but the weight has 192 elements',
    ],
    [
      'a sparse residual for another weight',
      { ...LORA, bias_indices: [2, 5], bias_values: [5], bias_size: [2] },
      [16, 12],
      'its sparse residual is for a weight of [16,13], not [16,12]',
      { bias_size: [16, 13] },
    ],
    [
      'sparse values without their indices',
      { ...LORA, bias_values: [5], bias_size: [2] },
      [16, 12],
      'indices, values and size of its sparse residual do not match',
      { bias_size: [16, 12] },
    ],
    [
      'IA3 of the other side',
      { weight: [12], on_input: [] },
      [16, 12],
      'its weight has 12 values, but the weight has 16 outputs',
      { on_input: [0] },
    ],
    ['norms of another width', { w_norm: [12] }, [16], 'it is for 12 outputs, the weight has 16'],
    [
      'a norm for a matrix',
      { w_norm: [16] },
      [16, 12],
      'its w_norm has 16 values, but the weight has 192 elements',
    ],
    [
      'a vector for a matrix',
      { diff: [16] },
      [16, 12],
      'its diff has 16 values, but the weight has 192 elements',
    ],
    [
      'a whole weight of another size',
      { set_weight: [16] },
      [16, 12],
      'its set_weight has 16 values, but the weight has 192 elements',
    ],
    [
      'rotations of other outputs',
      { oft_blocks: [4, 5, 5] },
      [16, 12],
      'it is for 20 outputs, the weight has 16',
    ],
    [
      'a rescale of another length',
      { oft_blocks: [4, 4, 4], rescale: [12, 1] },
      [16, 12],
      'its rescale has 12 values, but the weight has 16 outputs',
    ],
    [
      'no butterfly',
      { oft_blocks: [4, 4, 4, 4] },
      [16, 12],
      '4 blocks of 4 rows are not a butterfly of 4 stages',
    ],
    [
      'GLoRA of other inputs',
      { ...NEW_GLORA, 'a1.weight': [13, 3] },
      [16, 12],
      'its a1 and a2 are for 13 and 12 inputs, but the weight has 12',
    ],
    [
      'DoRA magnitudes of neither side',
      { ...LORA, dora_scale: [1, 16] },
      [16, 12],
      'its DoRA magnitudes [1,16] are neither one per output nor one per input',
    ],
    [
      'a weight that would shrink',
      { ...LORA, reshape_weight: [2] },
      [16, 24],
      'it needs the weight [16,24] to be [16,12]',
      { reshape_weight: [16, 12] },
    ],
    [
      'a weight that would fill the disk',
      { ...LORA, reshape_weight: [2] },
      [16, 12],
      'it needs the weight [16,12] to be [1048576,1048576]',
      { reshape_weight: [2 ** 20, 2 ** 20] },
    ],
    [
      'a kernel that would grow',
      { ...LORA, reshape_weight: [4] },
      [16, 12, 1, 1],
      'it needs the weight [16,12,1,1] to be [16,12,3,3]',
      { reshape_weight: [16, 12, 3, 3] },
    ],
    [
      'a kernel that would grow by a row',
      { ...LORA, reshape_weight: [4] },
      [16, 12, 1, 1],
      'it needs the weight [16,12,1,1] to be [16,12,2,1]',
      { reshape_weight: [16, 12, 2, 1] },
    ],
    [
      'a shape of broken numbers',
      { ...LORA, reshape_weight: [2] },
      [16, 12],
      'it needs the weight [16,12] to be [16,12.5]',
      { reshape_weight: [16, 12.5] },
    ],
  ])('objects to %s', (_, shapes, shape, reason, numbers) => {
    expect(misfit(shapes, shape, numbers)).toBe(reason)
  })
})

/** Stage i exchanges within groups of 2^i blocks. PEFT and LyCORIS refuse to make others. */
describe('rotations of 4 rows', () => {
  const FORMS: readonly ((stages: number, blocks: number, size: number) => Shapes)[] = [
    (stages, blocks, size) => ({ oft_blocks: [stages, blocks, size, size] }),
    (stages, blocks, size) => ({ boft_R: [stages, blocks, size, size], boft_s: [blocks * size, 1] }),
  ]

  it.each([
    [1, 3, true],
    [2, 3, false],
    [2, 4, true],
    [3, 4, true],
    [3, 6, false],
    [4, 8, true],
    [4, 12, false],
  ])('of %i stages fit into %i blocks: %s', (stages, blocks, fits) => {
    const reason = `${blocks} blocks of 4 rows are not a butterfly of ${stages} stages`
    for (const form of FORMS)
      expect(misfit(form(stages, blocks, 4), [blocks * 4, blocks * 4])).toBe(fits ? undefined : reason)
  })

  it('cannot be halved where they are of three', () => {
    for (const form of FORMS)
      expect(misfit(form(2, 4, 3), [12, 12])).toBe('4 blocks of 3 rows are not a butterfly of 2 stages')
  })
})

describe('the bias of a layer', () => {
  it('is changed by differences, and by the bias PEFT gives to up', () => {
    expect(biasUse(moduleOf({ diff: [4, 4], diff_b: [4] }))).toBe('needed')
    expect(biasUse(moduleOf({ w_norm: [4], b_norm: [4] }))).toBe('needed')
    expect(biasUse(moduleOf({ ...LORA, 'lora_B.bias': [16] }))).toBe('needed')
    expect(biasUse(moduleOf(LORA))).toBeUndefined()
  })

  it('has to be as long as what is added to it', () => {
    const { parts } = moduleOf({ diff: [4, 4], diff_b: [4] })
    expect(biasShapeError(parts, 4)).toBeUndefined()
    expect(biasShapeError(parts, 8)).toBe('its diff_b has 4 values, the bias has 8')
  })
})

describe('numbers that were not read', () => {
  const weight = matrixOf(floatTensor('w', [16, 12], Array(192).fill(1)))
  const input = { weight, shape: [16, 12], ratio: 1, numbers: new Map() }

  it('are no reason to go on without them: the scale would be wrong and nobody would see it', () => {
    expect(() => patchWeight(moduleOf({ ...LORA, alpha: [] }), input)).toThrow('m.alpha was not read')
    expect(() => patchedShape(moduleOf({ ...LORA, reshape_weight: [2] }).parts, new Map(), [16, 12])).toThrow(
      'was not read',
    )
  })
})

describe('tensors of any shapes', () => {
  // mostly the same few, so that some modules fit
  const size = fc.oneof({ weight: 15, arbitrary: fc.constant(2) }, fc.integer({ min: 0, max: 4 }))
  const shape = fc.oneof(
    { weight: 8, arbitrary: fc.tuple(size, size) },
    { weight: 2, arbitrary: fc.tuple(size, size, fc.constant(1), fc.constant(1)) },
    fc.array(size, { maxLength: 5 }),
  )

  /** The tensors of one form of an algorithm and some more, of random shapes, all ones. */
  function anyModule({ required, optional }: Algorithm) {
    return fc
      .tuple(
        fc.constantFrom(...required),
        fc.subarray([...optional], { maxLength: Math.min(2, optional.length) }),
      )
      .chain(([roles, more]) =>
        fc.tuple(...[...new Set([...roles, ...more])].map((role) => fc.tuple(fc.constant(role), shape))),
      )
      .map(
        (entries) =>
          new Map(
            entries.map(([role, shape]) => [
              role,
              floatTensor(role, shape, Array(elementCount(shape)).fill(1)),
            ]),
          ),
      )
  }

  it.each(ALGORITHMS)('$id: what nothing objects to can be computed', async (algorithm) => {
    const steering = Object.keys(algorithm.scalarInputs ?? {})
    const number = fc.integer({ min: 0, max: 4 })
    const anyNumbers = fc.tuple(...steering.map(() => fc.array(number, { minLength: 1, maxLength: 3 })))
    await fc.assert(
      fc.asyncProperty(
        anyModule(algorithm),
        anyNumbers,
        shape.filter((dims) => dims.length > 0 && !dims.includes(0)),
        async (parts, values, weightShape) => {
          const numbers: Numbers = new Map(
            steering.flatMap((role, i) => (parts.has(role) ? [[role, Float64Array.from(values[i]!)]] : [])),
          )
          if (patchShapeError({ algorithm, parts }, weightShape, numbers) !== undefined) return
          const weight = matrixOf(floatTensor('w', weightShape, Array(elementCount(weightShape)).fill(1)))
          const patched = patchWeight(
            { algorithm, parts },
            { weight, shape: weightShape, ratio: 0.5, numbers },
          )
          expect(patched.rows * patched.columns).toBe(elementCount(patchedShape(parts, numbers, weightShape)))
          const isSparse = parts.has('bias_indices')
          if (!isSparse)
            expect(await doublesOf(patched, newEvaluation(async () => {}).read)).toHaveLength(
              patched.rows * patched.columns,
            )
        },
      ),
      { numRuns: 1000 },
    )
  })
})
