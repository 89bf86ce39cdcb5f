import { describe, expect, it } from 'vitest'
import { checkNumbers, checkOperation, isEncoded, isRefused } from '../../../src/tensor/quantised/check.ts'
import { QUANTISED_IDS, type QuantisedId } from '../../../src/tensor/quantised/formats.ts'
import { QUANTISED_OPERATIONS, type QuantisedOperation } from '../../../src/tensor/quantised/operations.ts'
import type { Tensor } from '../../../src/tensor/values/table.ts'
import { patterned } from '../../quantised-layers.ts'

/** What a person would say that cannot be done. */
const CANNOT: Readonly<Record<QuantisedOperation, string>> = {
  copy: 'be copied',
  cast: 'be cast to another type',
  relayout: 'be converted to another layout',
  replace: 'have their values replaced',
  diff: 'be compared with weights that are stored another way',
  'extract lora': 'be subtracted to extract a LoRA',
  merge: 'be merged',
  'merge-lora': 'have LoRAs merged into them',
  'bake-vae': 'be baked in as a VAE',
  lora: 'be used as factors of a LoRA',
  embeddings: 'be read as token vectors',
  render: 'be rendered',
}

const OPERATIONS: readonly QuantisedOperation[] = QUANTISED_OPERATIONS

function marked(name: string, format: QuantisedId, role: 'codes' | 'table'): Tensor {
  return { ...patterned(name, 'I8', [4]), quantised: { format, role } }
}

function refusal(run: () => void): { code: string; message: string; exitCode: number } | undefined {
  try {
    run()
  } catch (error) {
    return error as never
  }
  return undefined
}

describe('what may be done with quantised weights', () => {
  it.each(QUANTISED_IDS.filter((id) => id !== 'fp8'))('%s: nothing that looks at a value', (id) => {
    const tensor = marked('w', id, 'codes')
    const allowed = OPERATIONS.filter((operation) => !isRefused(tensor, operation))
    // no other container has the blocks of GGUF
    expect(allowed).toEqual(id === 'ggml' ? [] : ['copy'])
    expect(isEncoded(tensor)).toBe(true)
    for (const role of ['codes', 'table'] as const)
      expect(refusal(() => checkNumbers(marked('w', id, role)))).toMatchObject({
        code: id.startsWith('fp8-') ? 'SCALED_FP8' : 'QUANTISED',
        exitCode: 3,
        message: expect.stringContaining(role === 'codes' ? '"w" holds the codes' : '"w" is a table'),
      })
  })

  it('plain fp8, and what is not marked: everything', () => {
    for (const tensor of [marked('w', 'fp8', 'codes'), patterned('w', 'F16', [4])]) {
      expect(isEncoded(tensor)).toBe(false)
      expect(OPERATIONS.filter((operation) => isRefused(tensor, operation))).toEqual([])
      for (const operation of OPERATIONS) checkOperation(operation, [tensor], 'a.safetensors')
      checkNumbers(tensor)
    }
  })
})

describe('the refusal', () => {
  const codes = (name: string) => marked(name, 'int8', 'codes')
  const table = marked('a.weight_scale', 'int8', 'table')
  const plain = patterned('norm.weight', 'F16', [4])

  it.each<[string, Tensor[], string]>([
    [
      'one weight',
      [plain, table, codes('a.weight')],
      'a.safetensors has a weight in int8 with scales ("a.weight" is I8)',
    ],
    [
      'two weights',
      [codes('a.weight'), table, codes('b.weight')],
      'a.safetensors has 2 weights in int8 with scales ("a.weight" is I8)',
    ],
    [
      'tables alone',
      [plain, table],
      'a.safetensors has tables of weights in int8 with scales ("a.weight_scale" is I8)',
    ],
    [
      'two formats',
      [codes('a.weight'), marked('b.weight', 'gptq', 'codes')],
      'a.safetensors has 2 weights in int8 with scales and GPTQ ("a.weight" is I8)',
    ],
  ])('names %s', (_, tensors, what) => {
    for (const operation of OPERATIONS.filter((one) => one !== 'copy'))
      expect(refusal(() => checkOperation(operation, tensors, 'a.safetensors'))).toMatchObject({
        code: 'QUANTISED',
        exitCode: 3,
        message: `${what}, which cannot ${CANNOT[operation]} before they are decoded`,
      })
  })

  it('has a code of its own for scaled fp8, and for what no container can hold', () => {
    const of = (id: QuantisedId, operation: QuantisedOperation) =>
      refusal(() => checkOperation(operation, [marked('w', id, 'codes')], 'x'))?.code
    expect(of('fp8-row-scale', 'merge')).toBe('SCALED_FP8')
    expect(of('nvfp4', 'merge')).toBe('QUANTISED')
    expect(of('ggml', 'copy')).toBe('TENSOR_NOT_CONVERTIBLE')
    expect(of('nvfp4', 'copy')).toBeUndefined()
  })
})
