import { describe, expect, it } from 'vitest'
import { diffTensors } from '../../../src/model/diff/diff.ts'
import { diffFindings } from '../../../src/model/diff/findings.ts'
import { modelNamedAs } from '../../../src/model/layouts/align.ts'
import type { Model } from '../../../src/model/model.ts'
import { extractFactors } from '../../../src/operations/extract-lora/plan.ts'
import { planMerge } from '../../../src/operations/merge/plan.ts'
import { plainMatMul } from '../../../src/tensor/algebra/matmul.ts'
import { elementCount } from '../../../src/tensor/values/dtype.ts'
import { evaluateInto, newEvaluation, tensorBytes } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { FORM_PAIRS, GOLDEN_FAMILIES, GOLDEN_FORMS, type GoldenForm, modelOf } from '../../golden-forms.ts'
import { floatTensor } from '../../tables.ts'

const read = async () => Promise.reject(new Error('there is no file'))

async function floatsOf(tensor: Tensor): Promise<Float32Array> {
  const out = new Uint8Array(tensorBytes(tensor))
  await evaluateInto(tensor, 0, elementCount(tensor.shape), out, newEvaluation(read, plainMatMul))
  expect(tensor.dtype).toBe('F32')
  return new Float32Array(out.buffer)
}

/** Largest |a - factor * b|. */
function largest(a: Float32Array, b: Float32Array, factor: number): number {
  expect(a.length).toBe(b.length)
  return a.reduce((max, x, i) => Math.max(max, Math.abs(x - factor * b[i]!)), 0)
}

type Tensors = ReadonlyMap<string, Tensor>

/** Every value times a number. */
async function times(factor: number, tensors: Tensors): Promise<Tensors> {
  const scaled = [...tensors].map(async ([name, tensor]): Promise<[string, Tensor]> => {
    return [name, floatTensor(name, [...tensor.shape], [...(await floatsOf(tensor)).map((x) => factor * x)])]
  })
  return new Map(await Promise.all(scaled))
}

async function pairOf(
  family: string,
  [a, b]: readonly [GoldenForm, GoldenForm],
  factor = 1,
): Promise<[Model, Model]> {
  return [
    await modelOf('a', GOLDEN_FORMS[a](family)),
    await modelOf('b', await times(factor, GOLDEN_FORMS[b](family))),
  ]
}

/** Names are spelled alike in all families, so that one is enough for all pairs. */
function pairsFor(family: string): typeof FORM_PAIRS {
  return family === 'flux' ? FORM_PAIRS : FORM_PAIRS.slice(0, 2)
}

describe.each(GOLDEN_FAMILIES)('%s', (family) => {
  describe.each(pairsFor(family))('as written by %s, and by %s', (...forms) => {
    it('gets the names of the other, and keeps its values', async () => {
      const [a, b] = await pairOf(family, forms)
      const { file, identity } = modelNamedAs(b, a)
      expect([...file.tensors.keys()].toSorted()).toEqual([...a.file.tensors.keys()].toSorted())
      expect(identity.components[0]!.names.toSorted()).toEqual([...a.file.tensors.keys()].toSorted())
      for (const [name, tensor] of a.file.tensors)
        expect(largest(await floatsOf(file.tensors.get(name)!), await floatsOf(tensor), 1), name).toBe(0)
    })

    it('has no difference to it', async () => {
      const [a, b] = await pairOf(family, forms)
      const sides = [a, b].map(({ file, identity }) => ({ table: file, identity }))
      const diffs = await diffTensors(sides[0]!, sides[1]!, { read })
      expect(new Set(diffs.map(({ change }) => change))).toEqual(new Set(['same']))
      const codes = diffFindings(sides[0]!, sides[1]!, diffs).map(({ code }) => code)
      const isRenamed = diffs.some(({ name }) => !b.file.tensors.has(name))
      expect(codes.includes('other-names')).toBe(isRenamed)
    })

    it('merges with it, in the names of the first', async () => {
      const [a, b] = await pairOf(family, forms, 3)
      const { table, findings } = await planMerge(
        [a, b],
        { method: 'weighted-sum', alpha: [0.5] },
        async () => {
          throw new Error('nothing is read')
        },
      )
      expect(findings.filter(({ code }) => code === 'merge-missing')).toEqual([])
      expect([...table.tensors.keys()]).toEqual([...a.file.tensors.keys()])
      for (const [name, tensor] of a.file.tensors) {
        const values = await floatsOf(table.tensors.get(name)!)
        expect(largest(values, await floatsOf(tensor), 2), name).toBeLessThan(1e-6)
      }
    })
  })
})

describe('a LoRA of the difference', () => {
  const KEY = 'double_blocks.1.img_attn.qkv.weight'

  it.each(FORM_PAIRS)('of a Flux.1 written by %s and one by %s has native names', async (...forms) => {
    const [tuned, base] = await pairOf('flux', forms)
    const delta = Float32Array.from(
      { length: 96 * 32 },
      (_, i) => ((Math.floor(i / 32) % 7) - 3) * ((i % 5) - 2) * 0.1,
    )
    const changed = new Map(base.file.tensors)
    const own = modelNamedAs(base, await modelOf('native', GOLDEN_FORMS.authors('flux')))
    const values = await floatsOf(own.file.tensors.get(KEY)!)
    const native = new Map(own.file.tensors).set(
      KEY,
      floatTensor(KEY, [96, 32], [...values.map((x, i) => x - delta[i]!)]),
    )
    const back = modelNamedAs({ ...own, file: { ...own.file, tensors: native } }, base)
    for (const [name, tensor] of back.file.tensors)
      changed.set(name, floatTensor(name, [...tensor.shape], [...(await floatsOf(tensor))]))
    const extraction = await extractFactors(
      tuned,
      { ...base, file: { ...base.file, tensors: changed } },
      { algo: 'lora', rule: { method: 'fixed', limit: 4 }, convLimit: 4, dtype: 'F32', seed: 0 },
      {
        evaluation: newEvaluation(read, plainMatMul),
        signal: new AbortController().signal,
        onProgress: () => {},
      },
    )
    expect(extraction.layers.map(({ module }) => module)).toEqual(['lora_unet_double_blocks_1_img_attn_qkv'])
    const { delta2, error2 } = extraction.layers[0]!
    expect(delta2).toBeCloseTo(
      delta.reduce((sum, x) => sum + x * x, 0),
      3,
    )
    expect(error2 / delta2).toBeLessThan(1e-8)
    expect(extraction.outside.tensors).toEqual([])
  })
})
