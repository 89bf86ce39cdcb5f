/** Layers as the programs that write them store them (`quantised-layers.ts`), found by what a file says and by its looks. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openFileSource } from '../../../src/system/bytes.ts'
import { openModel } from '../../../src/tensor/formats/open.ts'
import { QUANTISATION_KEY } from '../../../src/tensor/quantised/config.ts'
import { QUANTISED_IDS, type Quantised, type QuantisedId } from '../../../src/tensor/quantised/formats.ts'
import type { DType } from '../../../src/tensor/values/dtype.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { writeModel } from '../../model-files.ts'
import { LAYERS, patterned } from '../../quantised-layers.ts'
import { bytesTensor, tableOf } from '../../tables.ts'
import { tempFolder } from '../../temp-folder.ts'

type Marks = Record<string, Quantised>

function marksOf(tensors: ReadonlyMap<string, Tensor>): Marks {
  const marked = [...tensors.values()].filter(({ quantised }) => quantised !== undefined)
  return Object.fromEntries(marked.map(({ name, quantised }) => [name, quantised!]))
}

/** What is found in a file of these tensors, which says this in its header. */
async function found(tensors: readonly Tensor[], metadata: Record<string, string> = {}): Promise<Marks> {
  const path = join(tempFolder(), 'model.safetensors')
  await writeModel(path, tableOf([...tensors], metadata))
  const source = await openFileSource(path)
  const model = await openModel(source)
  await source.close()
  return marksOf(model.tensors)
}

/** The layer `net.fc` of 64 outputs and 128 inputs in a format. */
function layerIn(id: QuantisedId): Tensor[] {
  return LAYERS[id]('net.fc', patterned('net.fc.weight', 'F16', [64, 128]))
}

function look(end: string, dtype: DType, shape: readonly number[]): Tensor {
  return patterned(`net.fc.${end}`, dtype, shape)
}

function text(end: string, json: string): Tensor {
  const bytes = new TextEncoder().encode(json)
  return bytesTensor(`net.fc.${end}`, 'U8', [bytes.byteLength], bytes)
}

/** Two codes are in each byte; the shape is that of the weight, by the documents of each format. */
const TWICE_AS_WIDE = ['nvfp4', 'bnb-nf4', 'bnb-fp4']
const CODES = ['net.fc.weight', 'net.fc.qweight', 'net.fc.weight_packed', 'net.fc.weight._data']

describe('a layer is found with all of its tables', () => {
  it.each(QUANTISED_IDS)('%s', async (id) => {
    const layer = layerIn(id)
    const others = [look('bias', 'F16', [64]), patterned('net.norm.weight', 'F16', [64])]
    // blocks of GGUF stand in no other container
    const marks = id === 'ggml' ? marksOf(tableOf([...layer, ...others]).tensors) : await found([...layer, ...others]) // biome-ignore format: one line
    const shape = TWICE_AS_WIDE.includes(id) ? { shape: [64, 128] } : {}
    expect(marks).toEqual(
      Object.fromEntries(
        layer.map(({ name }) => {
          const isCodes = CODES.includes(name)
          return [name, { format: id, role: isCodes ? 'codes' : 'table', ...(isCodes && shape) }]
        }),
      ),
    )
  })
})

/** Those of which ComfyUI says more than the types do. */
const STATED = QUANTISED_IDS.filter((id) => layerIn(id).some(({ name }) => name === 'net.fc.comfy_quant'))

function configOf(id: QuantisedId): string {
  const { source } = layerIn(id).find(({ name }) => name === 'net.fc.comfy_quant')!
  return Buffer.from(source.kind === 'bytes' ? source.data : []).toString()
}

function formatsOf(marks: Marks): (string | undefined)[] {
  return [...new Set(Object.values(marks).map(({ format }) => format))]
}

describe('what ComfyUI says of a layer in the header counts as what it says beside the weight', () => {
  it('of several formats', () => expect(STATED.length).toBeGreaterThan(5))

  it.each(STATED)('%s', async (id) => {
    const bare = layerIn(id).filter(({ name }) => name !== 'net.fc.comfy_quant')
    const header = (layers: unknown) => ({ [QUANTISATION_KEY]: JSON.stringify({ layers }) })
    const config = JSON.parse(configOf(id)) as { format: string }
    expect(formatsOf(await found(bare, header({ 'net.fc': config })))).toEqual([id])
    // names as they are without the prefix of the program
    expect(formatsOf(await found(bare, header({ fc: config })))).toEqual([id])
    const plain = header({ 'net.fc': config.format, 'net.other': 7 })
    expect(formatsOf(await found(bare, plain))).toEqual([id === 'int8-convrot' ? 'int8' : id])
    for (const prefix of ['model.diffusion_model.', 'diffusion_model.', 'model.']) {
      const renamed = bare.map((tensor) => ({ ...tensor, name: `${prefix}${tensor.name}` }))
      expect(formatsOf(await found(renamed, header({ 'net.fc': config })))).toEqual([id])
      expect(formatsOf(await found(renamed, header({ [`${prefix}net.fc`]: config })))).toEqual([id])
    }
  })
})

describe('a description that is none counts as not there', () => {
  // int4 that says nothing looks like int8
  const bare = layerIn('convrot-w4a4').filter(({ name }) => name !== 'net.fc.comfy_quant')
  const sound = configOf('convrot-w4a4')

  it.each([
    ['no text', ''],
    ['no JSON', sound.slice(1)],
    ['a list', `[${sound}]`],
    ['null', 'null'],
    ['more than a description takes', sound.padEnd(4097)],
  ])('%s', async (_, config) => {
    expect(formatsOf(await found([...bare, text('comfy_quant', config)]))).toEqual(['int8'])
  })

  it('but one with blanks around it does', async () => {
    expect(formatsOf(await found([...bare, text('comfy_quant', sound.padEnd(4096))]))).toEqual([
      'convrot-w4a4',
    ])
  })

  it.each(['', '[]', '{}', '{"layers":[]}', '{"layers":{"net.fc":7}}', '{'])(
    'in the header: %j',
    async (json) => {
      expect(formatsOf(await found(bare, { [QUANTISATION_KEY]: json }))).toEqual(['int8'])
    },
  )
})

describe('what types and shapes tell', () => {
  const fp8 = look('weight', 'F8_E4M3', [64, 128])
  const int8 = look('weight', 'I8', [64, 128])
  const packed = look('weight', 'U8', [64, 64])

  it.each<[QuantisedId, string, Tensor[]]>([
    ['nvfp4', 'bytes and scales in fp8', [packed, look('weight_scale', 'F8_E4M3', [64, 8])]],
    ['mxfp8', 'exponents for scales', [fp8, look('weight_scale', 'F8_E8M0', [64, 4])]],
    ['mxfp8', 'exponents as plain bytes', [fp8, look('weight_scale', 'U8', [64, 4])]],
    ['int8', 'integers and a scale', [int8, look('weight_scale', 'F32', [])]],
    ['fp8-tensor-scale', 'one scale', [fp8, look('weight_scale', 'F32', [])]],
    ['fp8-tensor-scale', 'a list of one scale', [fp8, look('weight_scale', 'F32', [1])]],
    ['fp8-row-scale', 'a scale for each row', [fp8, look('weight_scale', 'F32', [64])]],
    ['fp8-row-scale', 'a column of scales', [fp8, look('weight_scale', 'F32', [64, 1])]],
    ['fp8-block-scale', 'as many scales in a row', [fp8, look('weight_scale', 'F32', [1, 64])]],
    ['fp8-block-scale', 'two scales for each row', [fp8, look('weight_scale', 'F32', [64, 2])]],
    ['fp8-block-scale', 'one inverse scale', [fp8, look('weight_scale_inv', 'F32', [1])]],
    ['fp8-block-scale', 'inverse scales of rows', [fp8, look('weight_scale_inv', 'F32', [64, 1])]],
    ['fp8', 'nothing beside it', [fp8]],
    ['fp8', 'a neighbour that is no table', [fp8, look('rescaled', 'F32', [64])]],
    ['unknown', 'fp8 with scales of another name', [fp8, look('out_scale_of_tomorrow', 'F32', [64])]],
    ['unknown', 'fp8 with a code book', [fp8, look('codebook', 'F32', [16])]],
    ['unknown', 'integers alone', [int8]],
    ['unknown', 'bytes and a scale', [look('weight', 'U8', [64, 128]), look('weight_scale', 'F32', [])]],
    [
      'fp8-tensor-scale',
      'bytes that are said to be fp8',
      [
        look('weight', 'U8', [64, 128]),
        look('weight_scale', 'F32', []),
        text('comfy_quant', '{"format":"float8_e4m3fn"}'),
      ],
    ],
    ['sdnq', 'integers with a scale', [int8, look('scale', 'F32', [64, 1])]],
    ['bnb-int8', 'integers with the largest of each row', [int8, look('SCB', 'F32', [64])]],
    ['gptq', 'packed columns', layerIn('gptq').filter(({ name }) => !name.endsWith('g_idx'))],
    ['awq', 'packed rows', layerIn('awq')],
  ])('%s: %s', async (id, _, tensors) => {
    const marks = await found(tensors)
    const codes = Object.values(marks).filter(({ role }) => role === 'codes')
    expect(codes.map(({ format }) => format)).toEqual([id])
    expect(formatsOf(marks)).toEqual([id])
  })
})

describe('the shape that bitsandbytes states', () => {
  const weight = look('weight', 'U8', [4096, 1])
  const stated = async (shape: unknown, codes = weight) => {
    const state = text('weight.quant_state.bitsandbytes__nf4', JSON.stringify({ quant_type: 'nf4', shape }))
    return (await found([codes, state]))['net.fc.weight']?.shape
  }

  it.each([[[64, 128]], [[8192]], [[64, 32, 2, 2]], [[8191]]])('%j is that of 4096 bytes', async (shape) => {
    expect(await stated(shape)).toEqual(shape)
  })

  it.each([
    [[]],
    [[64, 127]],
    [[8193]],
    [[64, 0]],
    [[-64, -128]],
    [[64.5, 128]],
    [['64', 128]],
    ['8192'],
    [undefined],
  ])('%j is not', async (shape) => {
    expect(await stated(shape)).toBeUndefined()
  })
})

it.each<[string, QuantisedId]>([
  ['scaled_fp8', 'fp8-scale-weight'],
  ['fc.scale_weight', 'fp8-scale-weight'],
  ['fc.scale_input', 'fp8-scale-weight'],
  ['fc.weight_scale', 'fp8-tensor-scale'],
  ['fc.input_scale', 'fp8-tensor-scale'],
  ['fc.weight_scale_2', 'comfy-other'],
  ['fc.comfy_quant', 'comfy-other'],
  ['fc.weight.absmax', 'unknown'],
  ['fc.weight.nested_quant_map', 'unknown'],
  ['fc.weight.quant_state.bitsandbytes__nf4', 'bnb-nf4'],
  ['fc.SCB', 'bnb-int8'],
  ['fc.wscales', 'svdquant'],
  ['fc.g_idx', 'gptq'],
])('%s without codes is a table all the same', async (name, format) => {
  const tensors = [patterned(name, 'F32', [2]), patterned('other.weight', 'F16', [2, 2])]
  expect(await found(tensors)).toEqual({ [name]: { format, role: 'table' } })
})
