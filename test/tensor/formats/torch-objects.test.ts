import { describe, expect, it } from 'vitest'
import * as asm from '../../../fixtures/pickle-assembler.ts'
import * as torch from '../../../fixtures/torch-writer.ts'
import { memorySource } from '../../../src/system/bytes.ts'
import { listAllTensors, openModel } from '../../../src/tensor/formats/open.ts'
import type { ModelFile } from '../../../src/tensor/values/table.ts'
import { DTYPE_OF, fromBase64, pythonPickles } from './python-pickles.ts'
import { describeTensors } from './values.ts'

async function open(root: torch.Saved): Promise<ModelFile> {
  return openModel(memorySource('model.ckpt', await torch.torchBytes(root)))
}

function floats(...values: readonly number[]): torch.SavedStorage {
  return torch.storageOf('F32', Float32Array.from(values))
}

function vector(...values: readonly number[]): torch.SavedTensor {
  return torch.tensor(floats(...values), [values.length])
}

describe('files torch wrote', () => {
  it.each(pythonPickles.torch)('$name (legacy: $legacy)', async ({ file, tensors }) => {
    const bytes = fromBase64(file)
    const all = await listAllTensors(memorySource('model.ckpt', bytes))
    const expected = Object.entries(tensors).map(([name, tensor]) => [
      name,
      { ...tensor, dtype: DTYPE_OF[tensor.dtype] },
    ])
    expect(await describeTensors(all, bytes)).toEqual(Object.fromEntries(expected))
  })

  it('row-major views are plain stored bytes, others keep their strides', async () => {
    const sources = async (name: string) => {
      const { file } = pythonPickles.torch.find((row) => row.name === name && !row.legacy)!
      const { tensors } = await openModel(memorySource('model.ckpt', fromBase64(file)))
      return tensors.get('w')!.source
    }
    expect(await sources('row slice')).not.toHaveProperty('strides')
    expect(await sources('transposed')).toMatchObject({ strides: [1, 6] })
    expect(await sources('expanded')).toMatchObject({ strides: [0, 1], nbytes: 8 })
  })
})

describe('where the weights are', () => {
  it('under state_dict, with plain values kept and training state named with its bytes', async () => {
    const shared = floats(1, 2, 3, 4)
    const model = await open(
      torch.dict({
        epoch: 3,
        global_step: 470000,
        state_dict: torch.stateDict({ 'a.weight': torch.tensor(shared, [4]), note: 'text' }),
        optimizer_states: [torch.dict({ exp_avg: vector(1, 2, 3), same: torch.tensor(shared, [2]) })],
        callbacks: torch.dict([
          [
            torch.classObject('pytorch_lightning.callbacks.model_checkpoint', 'ModelCheckpoint'),
            torch.dict({ best_model_score: torch.float(0.5) }),
          ],
        ]),
      }),
    )
    expect([...model.tensors.keys()]).toEqual(['a.weight'])
    expect(model.weightsAt).toBe('state_dict')
    expect(model.extras).toEqual({ epoch: 3, global_step: 470000, note: 'text' })
    expect(model.leftovers).toEqual([
      // 12 bytes of its own; the shared storage is a weight
      { path: 'optimizer_states', what: 'list', bytes: 12 },
      { path: 'callbacks', what: 'dict', bytes: 0 },
    ])
    expect(model.security).toMatchObject({ safe: true })
  })

  it.each([
    ['model', 'module'],
    ['model', 'state_dict'],
    ['state_dict', 'state_dict'],
  ])('through %s/%s', async (outer, inner) => {
    const model = await open(torch.dict({ [outer]: torch.dict({ [inner]: torch.dict({ w: vector(1) }) }) }))
    expect([...model.tensors.keys()]).toEqual(['w'])
    expect(model.weightsAt).toBe(`${outer}/${inner}`)
  })

  it('in params_ema rather than params, as the loaders of ESRGAN prefer it', async () => {
    const model = await open(
      torch.dict({ params: torch.dict({ w: vector(1) }), params_ema: torch.dict({ w: vector(2) }) }),
    )
    expect(model.weightsAt).toBe('params_ema')
    expect(model.leftovers).toEqual([{ path: 'params', what: 'dict', bytes: 4 }])
  })

  it('at the top of an embedding, by path', async () => {
    const model = await open(
      torch.dict({
        string_to_token: torch.dict({ '*': 265 }),
        string_to_param: torch.dict({ '*': torch.tensor(floats(1, 2), [1, 2], { parameter: true }) }),
        name: 'x',
      }),
    )
    expect([...model.tensors.keys()]).toEqual(['string_to_param/*'])
    expect(model.extras).toEqual({ string_to_token: { '*': 265 }, name: 'x' })
    expect(model.weightsAt).toBeUndefined()
  })

  it('in a list, in a dict with integer keys (hypernetworks), and as a bare tensor', async () => {
    expect([...(await open([vector(1), vector(2)])).tensors.keys()]).toEqual(['[0]', '[1]'])
    const hypernetwork = await open(torch.dict([[768, [torch.dict({ 'linear.0.weight': vector(1) })]]]))
    expect([...hypernetwork.tensors.keys()]).toEqual(['768[0]/linear.0.weight'])
    expect([...(await open(vector(1))).tensors.keys()]).toEqual(['tensor'])
  })

  it('training state beside several parts is left over, but a file of nothing else keeps it', async () => {
    const optimizer = torch.dict({ state: torch.dict({ m: vector(1, 2) }) })
    const mixed = await open(torch.dict({ unet: torch.dict({ w: vector(1) }), optimizer }))
    expect([...mixed.tensors.keys()]).toEqual(['unet/w'])
    expect(mixed.leftovers).toEqual([{ path: 'optimizer', what: 'dict', bytes: 8 }])
    expect([...(await open(torch.dict({ optimizer }))).tensors.keys()]).toEqual(['optimizer/state/m'])
  })

  it('nowhere: an empty table that says so', async () => {
    const model = await open(torch.dict({ lr: torch.float(0.5), steps: 3 }))
    expect(model.tensors.size).toBe(0)
    expect(model.findings).toMatchObject([{ code: 'no-tensors', severity: 'error' }])
    expect(model.extras).toEqual({ lr: 0.5, steps: 3 })
  })

  it('a key named __proto__ stays an ordinary key', async () => {
    const model = await open(
      torch.dict({ ['__proto__']: 1, state_dict: torch.dict({ ['__proto__']: vector(1) }) }),
    )
    expect(model.tensors.has('__proto__')).toBe(true)
    expect(Object.keys(model.extras)).toEqual(['__proto__'])
  })
})

describe('bfloat16 that torch sent through numpy', () => {
  it('is rounded from its float32', async () => {
    // _rebuild_device_tensor_from_numpy(array of f4, torch.bfloat16, 'xla:0', False) around the array numpy wrote
    const numpy = fromBase64(
      pythonPickles.arrays.find((row) => row.name === 'f4' && row.protocol === 2)!.pickle,
    )
    const bytes = asm.pickle(
      asm.proto(2),
      asm.EMPTY_DICT,
      asm.unicode('w'),
      asm.global('torch._utils', '_rebuild_device_tensor_from_numpy'),
      asm.MARK,
      ...arrayPieces(numpy),
      asm.global('torch', 'bfloat16'),
      asm.unicode('xla:0'),
      asm.FALSE,
      asm.TUPLE,
      asm.REDUCE,
      asm.SETITEM,
      asm.STOP,
    )
    const model = await openModel(memorySource('model.ckpt', bytes))
    expect(model.format).toBe('pickle')
    // 0 to 5 in bfloat16: the upper halves of 0.0, 1.0 (3f80), 2.0 (4000), 3.0 (4040), 4.0 (4080), 5.0 (40a0)
    expect(await describeTensors(model.tensors, bytes)).toEqual({
      w: { dtype: 'BF16', shape: [2, 3], hex: '0000803f004040408040a040' },
    })
  })
})

/** The array without PROTO, dict, key, SETITEM and STOP around it. */
function arrayPieces(pickled: Buffer): Buffer[] {
  const start = pickled.indexOf('cnumpy')
  return [pickled.subarray(start, pickled.length - 2)]
}
