import { describe, expect, it } from 'vitest'
import { diffTensors, isSame, type TensorDiff } from '../../../src/model/diff/diff.ts'
import { withEmaWeights } from '../../../src/model/diff/ema.ts'
import { diffFindings } from '../../../src/model/diff/findings.ts'
import { diffMetadata } from '../../../src/model/diff/metadata.ts'
import type { DiffSide } from '../../../src/model/diff/pairs.ts'
import { byBlock, byComponent, byLayer, tally } from '../../../src/model/diff/summary.ts'
import { identify } from '../../../src/model/identify/identify.ts'
import { relativeChange } from '../../../src/tensor/values/compare.ts'
import { readValues } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { bytesTensor, floatTensor, tableOf } from '../../tables.ts'

const read = async () => {}

async function side(tensors: Tensor[], metadata: Record<string, string> = {}): Promise<DiffSide> {
  const table = tableOf(tensors, metadata)
  return { table, identity: await identify(table, (tensor) => readValues(tensor, read)) }
}

async function diff(a: Tensor[], b: Tensor[]): Promise<TensorDiff[]> {
  return diffTensors(await side(a), await side(b), { read })
}

function changes(diffs: readonly TensorDiff[]): Record<string, string> {
  return Object.fromEntries(diffs.map(({ name, change }) => [name, change]))
}

const UNET = 'model.diffusion_model.'
const VAE = 'first_stage_model.'
const F = (name: string, ...values: number[]) => floatTensor(name, [values.length], values)
const I = (name: string, ...values: number[]) =>
  bytesTensor(name, 'I64', [values.length], new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer))

describe('tensors', () => {
  it('are the same, changed, added or removed, in the order of a, then of b', async () => {
    const diffs = await diff(
      [F('b.w', 1), F('a.w', 1), F('x.w', 1)],
      [F('new.w', 1), F('a.w', 2), F('b.w', 1)],
    )
    expect(Object.entries(changes(diffs))).toEqual([
      ['b.w', 'same'],
      ['a.w', 'changed'],
      ['x.w', 'removed'],
      ['new.w', 'added'],
    ])
    expect(diffs.map(isSame)).toEqual([true, false, false, false])
  })

  it('of another type are no longer the same file, but may have the same values', async () => {
    const half = bytesTensor('w', 'F16', [1], Uint8Array.of(0, 0x3c)) // 1.0
    const [exact] = await diff([F('w', 1)], [half])
    expect([exact!.change, exact!.retyped, isSame(exact!)]).toEqual(['same', true, false])
    const [rounded] = await diff([F('w', 1.0001)], [half])
    expect([rounded!.change, rounded!.retyped]).toEqual(['changed', true])
  })

  it('of another shape have no numbers, unless it is that of a 1x1 convolution', async () => {
    const flat = floatTensor('w', [2, 2], [1, 2, 3, 4])
    const [conv] = await diff([flat], [floatTensor('w', [2, 2, 1, 1], [1, 2, 3, 4])])
    expect([conv!.change, conv!.reshaped, isSame(conv!)]).toEqual(['same', true, false])
    const [turned] = await diff([flat], [floatTensor('w', [4], [1, 2, 3, 4])])
    expect([turned!.change, turned!.reshaped, turned!.comparison]).toEqual(['incomparable', true, undefined])
  })

  it('without numbers are compared by their bytes', async () => {
    const quantised = (last: number) => bytesTensor('w', 'Q8_0', [32], new Uint8Array(34).fill(last, 33))
    expect(changes(await diff([quantised(1)], [quantised(1)]))).toEqual({ w: 'same' })
    expect(changes(await diff([quantised(1)], [quantised(2)]))).toEqual({ w: 'incomparable' })
    const complex = (last: number) => bytesTensor('w', 'C64', [1], new Uint8Array(8).fill(last, 7))
    expect(changes(await diff([complex(1)], [floatTensor('w', [1], [0])]))).toEqual({ w: 'incomparable' })
  })

  it('are found in the same component behind another prefix', async () => {
    const names = ['encoder.conv_in.weight', 'decoder.conv_in.weight']
    const diffs = await diff(
      [F(`${UNET}input_blocks.0.0.weight`, 1), ...names.map((name, i) => F(VAE + name, i))],
      names.map((name, i) => F(name, 2 * i)),
    )
    expect(changes(diffs)).toEqual({
      [`${UNET}input_blocks.0.0.weight`]: 'removed',
      [VAE + names[0]]: 'same',
      [VAE + names[1]]: 'changed',
    })
    expect(diffs[2]!.b!.name).toBe(names[1])
  })

  it('tell how far all of them got', async () => {
    const seen: [number, number][] = []
    const a = await side([F('x.w', 1, 2), F('y.w', 1), F('z.w', 1)])
    const b = await side([F('x.w', 1, 2), floatTensor('y.w', [], [2])])
    await diffTensors(a, b, { read, onProgress: (done, total) => seen.push([done, total]) })
    // x twice 8 bytes, y twice 4; z is in one file only
    expect(seen.at(-1)).toEqual([24, 24])
  })
})

describe('EMA weights', () => {
  const live = `${UNET}input_blocks.0.0.weight`
  const copy = 'model_ema.diffusion_modelinput_blocks00weight'
  const decay = F('model_ema.decay', 0.999)
  const steps = bytesTensor('model_ema.num_updates', 'I32', [], new Uint8Array(Int32Array.of(7).buffer))
  const training = [F(live, 1), F(copy, 3), decay, steps]

  it('are a component of their own, in the block of the weight they copy', async () => {
    const diffs = await diff(training, [F(live, 1), F(copy, 6), decay, steps])
    expect(byComponent(diffs).map(({ component, changed }) => [component, changed])).toEqual([
      ['unet', 0],
      ['unet_ema', 1],
    ])
    expect(diffs.find(({ name }) => name === copy)!.place).toMatchObject({ block: 'IN00', layer: 'conv in' })
  })

  it('take the place of the live ones when that is asked for', async () => {
    const diffs = await diffTensors(withEmaWeights(await side(training)), await side([F(live, 3)]), { read })
    expect(changes(diffs)).toEqual({ [live]: 'same' })
  })

  it('change nothing in a file that has none', async () => {
    const plain = await side([F(live, 1)])
    expect(withEmaWeights(plain)).toBe(plain)
  })
})

describe('sums', () => {
  const attention = `${UNET}input_blocks.1.1.transformer_blocks.0.attn1.`
  const a = [
    F(`${UNET}input_blocks.0.0.weight`, 3),
    F(`${attention}to_q.weight`, 2),
    F(`${attention}to_k.weight`, 4),
    F(`${UNET}output_blocks.0.0.in_layers.2.weight`, 12),
    I('cond_stage_model.transformer.text_model.embeddings.position_ids', 0, 1, 1000),
    F('cond_stage_model.transformer.text_model.embeddings.token_embedding.weight', 1),
  ]
  const b = [
    F(`${UNET}input_blocks.0.0.weight`, 3),
    F(`${attention}to_q.weight`, 5),
    F(`${attention}to_k.weight`, 8),
    F(`${UNET}output_blocks.0.0.in_layers.2.weight`, 12),
    I('cond_stage_model.transformer.text_model.embeddings.position_ids', 0, 1, 2),
    F('cond_stage_model.transformer.text_model.embeddings.token_embedding.weight', 1),
    F(`${UNET}output_blocks.0.0.in_layers.2.bias`, 1),
  ]

  it('of components, blocks and layers are of all their values together', async () => {
    const diffs = await diff(a, b)
    const relative = (groups: readonly Parameters<typeof sumOf>[0][]) => groups.map(sumOf)
    const sumOf = ({ comparison }: { comparison: TensorDiff['comparison'] & object }) =>
      Number(relativeChange(comparison).toFixed(6))
    // |a|^2 = 9 + 4 + 16 + 144, |b - a|^2 = 9 + 16
    expect(relative(byComponent(diffs))).toEqual([Number(Math.sqrt(25 / 173).toFixed(6)), 0])
    expect(byBlock(diffs).map(({ component, block }) => `${component} ${block}`)).toEqual([
      'unet IN00',
      'unet IN01',
      'unet OUT00',
      'text EMB',
    ])
    expect(relative(byBlock(diffs))).toEqual([0, Number(Math.sqrt(25 / 20).toFixed(6)), 0, 0])
    const layers = byLayer(diffs).filter(({ block }) => block === 'IN01')
    expect(layers.map(({ layer, comparison }) => [layer, relativeChange(comparison)])).toEqual([
      ['attn1 q', 1.5],
      ['attn1 k', 1],
    ])
  })

  it('leave integers out of the norms, but not out of the count of what changed', async () => {
    const text = byComponent(await diff(a, b))[1]!
    expect([text.tensors, text.changed, text.comparison.squares]).toEqual([2, 1, 1])
  })

  it('count what is different in which way', async () => {
    expect(tally(await diff(a, b))).toMatchObject({
      tensors: 7,
      differing: 4,
      changed: 3,
      added: 1,
      removed: 0,
      retyped: 0,
      reshaped: 0,
      incomparable: 0,
    })
  })
})

describe('adapters', () => {
  const module = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k'
  const lora = (value: number, alpha: number) => [
    floatTensor(`${module}.lora_down.weight`, [4, 768], new Array(4 * 768).fill(value)),
    floatTensor(`${module}.lora_up.weight`, [320, 4], new Array(320 * 4).fill(1)),
    floatTensor(`${module}.alpha`, [], [alpha]),
  ]

  it('are compared by the layers they change, alphas apart', async () => {
    const diffs = await diff(lora(1, 4), lora(2, 1))
    expect(diffs[0]!.place).toMatchObject({ component: 'unet', block: 'IN01', layer: 'attn2 k' })
    const [unet, alphas] = byComponent(diffs)
    expect(relativeChange(unet!.comparison)).toBeCloseTo(Math.sqrt(3072 / (3072 + 1280)), 6)
    expect([alphas!.component, alphas!.changed]).toEqual(['alphas', 1])
    expect(tally(diffs).comparison).toEqual(unet!.comparison)
  })
})

describe('metadata', () => {
  it('is added, removed or changed, whatever a key is called', () => {
    const a = { same: '1', gone: '2', other: '3', constructor: 'x' }
    const b = { same: '1', other: '4', added: '5' }
    expect(diffMetadata(a, b)).toEqual({
      added: { added: '5' },
      removed: { gone: '2', constructor: 'x' },
      changed: { other: { a: '3', b: '4' } },
    })
  })
})

describe('findings', () => {
  async function codes(a: Tensor[], b: Tensor[]): Promise<string[]> {
    const sides = [await side(a), await side(b)] as const
    return diffFindings(...sides, await diffTensors(...sides, { read })).map(({ code }) => code)
  }
  const vae = F('decoder.conv_in.weight', 1)
  const unet = F(`${UNET}input_blocks.0.0.weight`, 1)
  const copy = F('model_ema.diffusion_modelinput_blocks00weight', 1)

  it('say when two files have nothing to do with each other', async () => {
    expect(await codes([vae], [F('body.0.weight', 1)])).toEqual(['different-kinds', 'nothing-in-common'])
  })

  it('say when the architectures are not the same', async () => {
    const model = async (id: string, title: string): Promise<DiffSide> => {
      const { table, identity } = await side([unet])
      const prediction = { type: 'epsilon', evidence: '', assumed: true } as const
      return { table, identity: { ...identity, architecture: { id, title, prediction, evidence: [] } } }
    }
    const [one, other] = [await model('sd1', 'SD 1.x'), await model('sdxl', 'SDXL')]
    const diffs = await diffTensors(one, other, { read })
    expect(diffFindings(one, one, diffs)).toEqual([])
    expect(diffFindings(one, other, diffs)).toEqual([
      {
        code: 'different-architectures',
        severity: 'warning',
        message:
          'the architectures are different: a is SD 1.x, b is SDXL; values are compared where names and shapes agree',
      },
    ])
  })

  it('name NaN and infinite values of either file', async () => {
    const sides = [
      await side([F('a.w', 1, Number.NaN)]),
      await side([F('a.w', Number.NaN, Number.NaN)]),
    ] as const
    const found = diffFindings(...sides, await diffTensors(...sides, { read }))
    expect(found.map(({ message }) => message)).toEqual([
      'a has 1 NaN or infinite value in 1 tensor, first "a.w"; they are left out of the norms',
      'b has 2 NaN or infinite values in 1 tensor, first "a.w"; they are left out of the norms',
    ])
  })

  it('point to --ema where one file has an EMA copy of what is in the other', async () => {
    expect(await codes([unet, copy], [unet])).toEqual(['ema-in-one'])
    expect(await codes([unet], [unet, copy])).toEqual(['ema-in-one'])
    expect(await codes([unet, copy], [unet, copy])).toEqual([])
    expect(await codes([unet, copy, F(`${VAE}decoder.conv_in.weight`, 1)], [vae])).not.toContain('ema-in-one')
  })
})
