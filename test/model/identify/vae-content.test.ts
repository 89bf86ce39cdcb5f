import { describe, expect, it } from 'vitest'
import { identifyVae } from '../../../src/model/identify/vae.ts'
import {
  compareVaes,
  KNOWN_VAE_CONTENTS,
  knownVae,
  logisticSum,
  metricOf,
  type ReadableVae,
  VAE_METRICS,
  vaeContent,
} from '../../../src/model/identify/vae-content.ts'
import { vaeNames } from '../../../src/model/layouts/vae-names.ts'
import { elementCount, type OutputDType } from '../../../src/tensor/values/dtype.ts'
import { cast, evaluateInto, newEvaluation, tensorBytes } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'

const NORM = 'decoder.mid.block_1.norm1.weight'
const QUERY = 'decoder.mid.attn_1.q.weight'
const VALUES: Readonly<Record<string, number[]>> = { [NORM]: [1, -2], [QUERY]: [0.1, -0.2, 3e-6, 0.7] }

async function bytesOf(tensor: Tensor): Promise<Uint8Array> {
  const out = new Uint8Array(tensorBytes(tensor))
  const nothingOnDisk = newEvaluation(async () => {})
  await evaluateInto(tensor, 0, elementCount(tensor.shape), out, nothingOnDisk)
  return out
}

interface Variant {
  readonly values?: Readonly<Record<string, number[]>>
  readonly dtype?: OutputDType
  readonly rename?: (name: string) => string
  readonly queryShape?: readonly number[]
}

/** A VAE of two tensors. */
async function tinyVae({ values = VALUES, dtype, rename, queryShape }: Variant = {}): Promise<ReadableVae> {
  const tensors = new Map<string, Tensor>()
  for (const [ldmName, numbers] of Object.entries(values)) {
    const name = rename?.(ldmName) ?? ldmName
    const shape = ldmName === QUERY ? (queryShape ?? [2, 2, 1, 1]) : [numbers.length]
    const data = new Uint8Array(Float32Array.from(numbers).buffer)
    const exact: Tensor = { name, dtype: 'F32', shape, source: { kind: 'bytes', data } }
    const stored: Tensor = dtype
      ? { name, dtype, shape, source: { kind: 'bytes', data: await bytesOf(cast(exact, dtype)) } }
      : exact
    tensors.set(name, stored)
  }
  const table = { tensors, metadata: {} }
  return { table, info: identifyVae(table)!, read: bytesOf }
}

const inCheckpoint = (name: string) => `first_stage_model.${name}`
const inDiffusers = (name: string) => vaeNames(1).toDiffusers.get(name)!

// `_tensor_hash` and `_component_hash` of safetensors2GGUF, run in torch on these values
const FP16 = '0d4759057b5a11daa766dc9bfd0f1edb4fe30ae44586c84395f325f9a3fdaa6f'
const BF16 = '5eb15ce86283580809a694311a92daf5b478485652d8832b97d9776d1f2faa4c'
const ONE_OTHER = '34d08b896e340e13891b55f3227a58b0ba9157ac2a5c1cb40531fceb2fd4ce29'

describe('the fingerprint of a VAE', () => {
  it.each<[string, Variant, string]>([
    ['fp32', {}, FP16],
    ['fp16 in a checkpoint', { dtype: 'F16', rename: inCheckpoint }, FP16],
    ['fp16 of diffusers', { dtype: 'F16', rename: inDiffusers, queryShape: [2, 2] }, FP16],
    ['bf16', { dtype: 'BF16' }, BF16],
    ['fp32 with one other value', { values: { ...VALUES, [NORM]: [1.01, -2] } }, ONE_OTHER],
  ])('in %s is that of the scheme it follows', async (_, variant, fingerprint) => {
    expect(await vaeContent(await tinyVae(variant))).toEqual({ fingerprint })
  })

  it('names the VAE whose fingerprint is published', () => {
    const { name, fingerprints } = KNOWN_VAE_CONTENTS[0]!
    for (const fingerprint of fingerprints)
      expect(knownVae({ fingerprint })[0]?.message).toBe(`the VAE is that of ${name}, by all its values`)
    expect(knownVae({ fingerprint: FP16 })).toEqual([])
  })

  it('is well-formed in the table', () => {
    for (const fingerprint of KNOWN_VAE_CONTENTS.flatMap(({ fingerprints }) => fingerprints))
      expect(fingerprint).toMatch(/^[0-9a-f]{64}$/)
  })
})

describe('the metric of model-toolkit', () => {
  it('sums what the logistic function makes of fp16 values', () => {
    // 1, -2, 0.1, 65504, 6e-8, -0: the sum of torch.sigmoid(x) - 0.5 in float64
    const bytes = new Uint8Array(Uint16Array.of(15360, 49152, 11878, 31743, 1, 32768).buffer)
    expect(logisticSum(bytes)).toBeCloseTo(0.37523461474627984, 14)
  })

  it.each([
    [17870.7051, 0],
    [17870.7051 * 1.29825, 2982],
    [17870.7051 * 0.70175, 2982],
    [17870.7051 * 1.99999, 9999],
    [17870.7051 * 2.00005, 5000], // the toolkit takes 5000 off until the number has four digits
    [17870.7051 * 3.23455, 7345],
  ])('of a sum of %d is %i', (sum, metric) => {
    expect(metricOf(sum)).toBe(metric)
  })

  it('calls a VAE with a listed metric probable, and says why', () => {
    const messages = [2981, 2982, 2983].map((metric) => knownVae({ fingerprint: '', metric })[0]?.message)
    expect(messages[1]).toBe(
      'the VAE is probably that of NovelAI (animevae, Anything V3): its metric 2982 is the one that model-toolkit lists for it',
    )
    expect(messages.every((message) => message?.includes('NovelAI'))).toBe(true)
    expect(knownVae({ fingerprint: '', metric: 2985 })).toEqual([])
  })

  it('tells the listed VAEs apart', () => {
    const metrics = VAE_METRICS.map(({ metric }) => metric).sort((a, b) => a - b)
    for (const [i, metric] of metrics.slice(1).entries()) expect(metric - metrics[i]!).toBeGreaterThan(2)
  })

  it('is for no VAE of another size', async () => {
    expect(await vaeContent(await tinyVae())).not.toHaveProperty('metric')
  })
})

describe('comparing VAEs', () => {
  it.each<[string, Variant, number | undefined]>([
    ['the same in a checkpoint, in fp16', { dtype: 'F16', rename: inCheckpoint }, 2],
    ['the same in bf16, by diffusers names', { dtype: 'BF16', rename: inDiffusers, queryShape: [2, 2] }, 2],
    ['one other value', { values: { ...VALUES, [NORM]: [1, -2.01] } }, undefined],
    ['a tensor less', { values: { [NORM]: [1, -2] } }, undefined],
    ['another width', { values: { ...VALUES, [NORM]: [1, -2, 0] } }, undefined],
  ])('finds %s', async (_, variant, tensors) => {
    const other = await tinyVae(variant)
    expect(await compareVaes(await tinyVae(), other, 1000)).toBe(tensors)
    expect(await compareVaes(other, await tinyVae(), 1000)).toBe(tensors)
  })

  it('leaves large tensors out, and counts only what it compared', async () => {
    const other = await tinyVae({ values: { ...VALUES, [QUERY]: [0, 0, 0, 0] } })
    expect(await compareVaes(await tinyVae(), other, 4)).toBe(1) // two values of fp16
    expect(await compareVaes(await tinyVae(), other, 8)).toBeUndefined()
  })
})
