import { describe, expect, it } from 'vitest'
import { weightValues } from '../../../fixtures/seeded-weights.ts'
import { ditInLayout, ditToDiffusers, ditToNative, spelledAsWeight } from '../../../src/model/layouts/dit.ts'
import {
  DIT_ARCHITECTURES,
  type DitArchitecture,
  provenArchitecture,
} from '../../../src/model/networks/architectures/proof.ts'
import { aliasedKeys } from '../../../src/model/networks/template/alias.ts'
import { diffusersAliases } from '../../../src/model/networks/template/network.ts'
import type { Dims } from '../../../src/model/networks/template/row.ts'
import { templateTopology } from '../../../src/model/networks/template/template.ts'
import { elementCount } from '../../../src/tensor/values/dtype.ts'
import { cast, evaluateInto, newEvaluation, renamed, tensorBytes } from '../../../src/tensor/values/expr.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { FAMILY_GOLDENS, goldenModel } from '../../family-goldens.ts'
import { floatTensor } from '../../tables.ts'

async function bytesOf(tensor: Tensor): Promise<Buffer> {
  const out = Buffer.alloc(tensorBytes(tensor))
  const read = async () => Promise.reject(new Error('there is no file'))
  await evaluateInto(tensor, 0, elementCount(tensor.shape), out, newEvaluation(read))
  return out
}

type Tensors = ReadonlyMap<string, Tensor>

async function expectSame(actual: Tensors, expected: Tensors): Promise<void> {
  expect([...actual.keys()].toSorted()).toEqual([...expected.keys()].toSorted())
  for (const [name, tensor] of expected) {
    const other = actual.get(name)!
    expect([other.name, other.dtype, other.shape], name).toEqual([name, tensor.dtype, tensor.shape])
    expect((await bytesOf(other)).equals(await bytesOf(tensor)), name).toBe(true)
  }
}

const BOTH = DIT_ARCHITECTURES.filter(({ network }) => network.diffusers !== undefined)

/** The architecture that the golden of a family is of; undefined where none is known yet. */
function architectureOf(family: string): DitArchitecture | undefined {
  const { tensors } = goldenModel(family, 'native')
  const proven = provenArchitecture((name) => tensors.get(name)?.shape)
  return BOTH.find(({ id }) => id === proven?.architecture.id)
}

const KNOWN = Object.keys(FAMILY_GOLDENS).flatMap((family) => {
  const architecture = architectureOf(family)
  return architecture === undefined ? [] : [[family, architecture] as const]
})

describe.each(KNOWN)('%s, value by value as diffusers converts it', (family, { network }) => {
  const native = goldenModel(family, 'native').tensors
  const diffusers = goldenModel(family, 'diffusers').tensors

  it('from native names to those of diffusers', async () => {
    const { tensors, left } = ditToDiffusers(native, network)
    expect(left).toEqual([])
    await expectSame(tensors, diffusers)
  })

  it('from names of diffusers to native ones', async () => {
    const { tensors, left } = ditToNative(diffusers, network)
    expect(left).toEqual([])
    await expectSame(tensors, native)
  })

  it('from the spelling of ComfyUI as from that of the authors', async () => {
    const asComfy = spelledAsWeight(native, network)
    await expectSame(ditToDiffusers(asComfy, network).tensors, diffusers)
    await expectSame(ditInLayout(asComfy, network, 'ldm', 'ldm').tensors, native)
  })
})

it('the goldens cover the families of the issue that have a table', () => {
  const families = KNOWN.map(([family]) => family)
  expect(families).toEqual(
    expect.arrayContaining(['flux', 'flux2', 'sd3', 'z_image', 'chroma', 'qwen_image']),
  )
})

/** Two blocks of each kind, and all parts. */
function smallDims({ network: { template, dims } }: DitArchitecture): Dims {
  const parts = template.flatMap(({ part }) => part ?? [])
  const counters = template.flatMap(({ path }) => /\{(\w+)/.exec(path)?.[1] ?? [])
  const small = Object.entries(dims).map(([name, n]): [string, number] => [name, Math.min(n, 8)])
  return {
    ...Object.fromEntries(small),
    ...Object.fromEntries([...counters.map((name) => [name, 2]), ...parts.map((name) => [name, 1])]),
  }
}

describe.each(BOTH.map((one) => [one.id, one] as const))('%s', (_, architecture) => {
  const { network } = architecture
  const topology = templateTopology(network.template, smallDims(architecture))
  const native = new Map(
    [...topology].map(([key, shape]): [string, Tensor] => {
      return [key, floatTensor(key, [...shape], [...weightValues(key, [...shape])])]
    }),
  )

  it('goes to diffusers and back without a change', async () => {
    const { tensors, left } = ditToDiffusers(native, network)
    const named = new Set(
      aliasedKeys(network.template, diffusersAliases(network), smallDims(architecture)).map(({ key }) => key),
    )
    expect(left).toEqual(
      network.diffusers === 'native' ? [] : [...native.keys()].filter((key) => !named.has(key)),
    )
    const kept = new Map([...native].filter(([name]) => !left.includes(name)))
    await expectSame(ditToNative(tensors, network).tensors, kept)
  })
})

describe('a transformer that is not whole', () => {
  const [, { network }] = KNOWN.find(([family]) => family === 'flux')!
  const native = goldenModel('flux', 'native').tensors
  const diffusers = goldenModel('flux', 'diffusers').tensors
  const TO_K = 'transformer_blocks.0.attn.to_k.weight'

  it('is refused where only parts of a fused layer are there', () => {
    const without = new Map([...diffusers].filter(([name]) => name !== TO_K))
    expect(() => ditToNative(without, network)).toThrow(
      `"${TO_K}" is missing, which is one tensor with "transformer_blocks.0.attn.to_q.weight"`,
    )
  })

  it('keeps a layer out that is missing as a whole', () => {
    const without = new Map(
      [...diffusers].filter(([name]) => !/^transformer_blocks\.0\.attn\.to_[qkv]\./.test(name)),
    )
    const { tensors, left } = ditToNative(without, network)
    expect(tensors.has('double_blocks.0.img_attn.qkv.weight')).toBe(false)
    expect(left).toEqual([])
  })

  it('says which keys the other layout has no place for', () => {
    const more = new Map([...native, ['__marker__', floatTensor('__marker__', [1], [0])]])
    expect(ditToDiffusers(more, network).left).toEqual(['__marker__'])
  })

  it('is refused where a fused layer has other rows than the widths say', () => {
    const key = 'double_blocks.1.img_attn.qkv.weight'
    const short = new Map([...native, [key, floatTensor(key, [64, 32], Array(2048).fill(0))]])
    expect(() => ditToDiffusers(short, network)).toThrow(
      `"${key}" has 64 rows; in a network of these widths it has 96`,
    )
  })

  it('holds all values of parts in different types', async () => {
    const q = diffusers.get('transformer_blocks.0.attn.to_q.weight')!
    const half = renamed(cast(diffusers.get(TO_K)!, 'F16'), TO_K)
    const { tensors } = ditToNative(new Map([...diffusers, [TO_K, half]]), network)
    const whole = tensors.get('double_blocks.0.img_attn.qkv.weight')!
    expect(whole.dtype).toBe('F32')
    const bytes = await bytesOf(whole)
    expect(bytes.subarray(0, 4096).equals(await bytesOf(q))).toBe(true)
    expect(bytes.subarray(4096, 8192).equals(await bytesOf(cast(half, 'F32')))).toBe(true)
  })
})
