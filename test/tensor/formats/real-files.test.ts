import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { type ByteSource, openFileSource } from '../../../src/system/bytes.ts'
import { SdtoolError } from '../../../src/system/errors.ts'
import { listAllTensors, openModel } from '../../../src/tensor/formats/open.ts'
import { UnsafePickleError } from '../../../src/tensor/formats/security.ts'
import type { ModelFile, Tensor } from '../../../src/tensor/values/table.ts'
import { describeReal, type OracleTensor, realFile, realIndex } from '../../real-files.ts'
import { hexOf } from './values.ts'

/** Files of index.json with tensors in their oracle, and files of the scanners' corpora. */
const ORACLES = 40
const CORPUS = 116

/** What torch calls the types in the oracle. */
const TORCH_NAMES: Partial<Record<Tensor['dtype'], string>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  I64: 'int64',
  BOOL: 'bool',
  U8: 'uint8',
}

/**
 * Harmless controls of the corpora, from their own notes ("benign0_* and *pytorch_model.bin are benign") and content:
 * lists of letters, a state dict of DistilBERT in both torch containers.
 */
const HARMLESS: Record<string, number> = {
  'mmaitre314__picklescan__tests__data__benign0_v0.pkl': 0,
  'mmaitre314__picklescan__tests__data__benign0_v3.pkl': 0,
  'mmaitre314__picklescan__tests__data__benign0_v4.pkl': 0,
  'mmaitre314__picklescan__tests__data__new_pytorch_model.bin': 1,
  'mmaitre314__picklescan__tests__data__pytorch_model.bin': 38,
}

/** Refused for what they are, before any pickle in them is looked at: other archives, arrays, pictures, text. */
const NO_MODELS: readonly RegExp[] = [/\.(7z|zip|npy|npz)$/, /bad_pytorch\.pt$/, /not_a_pickle\.bin$/]

async function withSource<T>(file: string, use: (source: ByteSource) => Promise<T>): Promise<T> {
  const source = await openFileSource(realFile(file)!)
  try {
    return await use(source)
  } finally {
    await source.close()
  }
}

async function sha256(tensor: Tensor, source: ByteSource): Promise<string> {
  return createHash('sha256')
    .update(Buffer.from(await hexOf(tensor, source), 'hex'))
    .digest('hex')
}

function observed(file: string): Promise<Record<string, OracleTensor>> {
  return withSource(file, async (source) => {
    const found: Record<string, OracleTensor> = {}
    for (const [name, tensor] of await listAllTensors(source)) {
      const dtype = file.endsWith('.safetensors') ? tensor.dtype : (TORCH_NAMES[tensor.dtype] ?? tensor.dtype)
      found[name] = { dtype, shape: tensor.shape, sha256: await sha256(tensor, source) }
    }
    return found
  })
}

function withoutStride({ dtype, shape, sha256: digest }: OracleTensor): OracleTensor {
  return { dtype, shape, sha256: digest }
}

function outcome(file: string): Promise<ModelFile | SdtoolError> {
  return withSource(file, async (source) => {
    try {
      return await openModel(source)
    } catch (error) {
      if (error instanceof SdtoolError) return error
      throw error
    }
  })
}

describeReal('real files with an oracle', () => {
  const rows = realIndex().filter(({ oracle }) => oracle?.tensors !== undefined)

  it('are all there', () => {
    expect(rows.length).toBe(ORACLES)
  })

  it.each(rows)('$file gives the names, types, shapes and values torch gives', async ({ file, oracle }) => {
    const expected = Object.entries(oracle!.tensors as Record<string, OracleTensor>)
    expect(await observed(file)).toEqual(
      Object.fromEntries(expected.map(([name, tensor]) => [name, withoutStride(tensor)])),
    )
  })
})

describeReal('real files without an oracle', () => {
  const torchScript = realIndex().filter(({ file }) => file.includes('ocaml-torch'))

  it.each(torchScript)('$file is refused as TorchScript', async ({ file }) => {
    expect(await outcome(file)).toMatchObject({ code: 'TORCHSCRIPT', exitCode: 3 })
  })

  it('a GGUF file shows its metadata and shapes in the order of torch', async () => {
    const model = (await outcome('vae/leejet__stable-diffusion.cpp__taesd-decoder.gguf')) as ModelFile
    expect(model.tensors.size).toBe(67)
    expect(Object.keys(model.metadata)).toHaveLength(2)
    const shapes = [...model.tensors.values()].map(({ shape }) => shape.join('x'))
    // TAESD's decoder starts with a convolution from 4 to 64 channels, kernel 3
    expect(shapes).toContain('64x4x3x3')
  })

  it('an unknown class is refused by name', async () => {
    const error = await outcome('torch/invoke-ai__InvokeAI__tests__assets__gguf_qbias.pt')
    expect(error).toBeInstanceOf(UnsafePickleError)
    expect(error).toMatchObject({ code: 'PICKLE_UNKNOWN_GLOBAL', exitCode: 3 })
  })

  it('TrainingArguments are opaque, and numpy arrays of a RNG state are tensors', async () => {
    const folder = 'torch/huggingface__peft__outputs__peft_mrpc_40_fixed__checkpoint-230__'
    const args = (await outcome(`${folder}training_args.bin`)) as ModelFile
    expect(args.security?.safe).toBe(true)
    expect(args.security?.globals.map(({ verdict }) => verdict)).toContain('opaque')
    expect(args.findings).toMatchObject([{ code: 'no-tensors' }])
    const rng = (await outcome(`${folder}rng_state.pth`)) as ModelFile
    const arrays = [...rng.tensors.values()].filter(({ source }) => source.kind === 'bytes')
    // MT19937 keeps 624 words
    expect(arrays.map(({ dtype, shape }) => [dtype, shape])).toEqual([['U32', [624]]])
  })
})

describeReal('corpora of pickle scanners', () => {
  const rows = realIndex()
    .filter(({ file }) => file.startsWith('malicious/'))
    .map(({ file }) => ({ file, name: file.slice('malicious/'.length) }))

  it('are all there', () => {
    expect(rows.length).toBe(CORPUS)
  })

  it.each(rows.filter(({ name }) => name in HARMLESS))(
    '$name is harmless and opens',
    async ({ file, name }) => {
      const model = (await outcome(file)) as ModelFile
      expect(model).not.toBeInstanceOf(Error)
      expect(model.tensors.size).toBe(HARMLESS[name])
      expect(model.security?.safe).toBe(true)
    },
  )

  const others = rows.filter(({ name }) => !(name in HARMLESS))

  it.each(others.filter(({ name }) => NO_MODELS.some((pattern) => pattern.test(name))))(
    '$name is no model',
    async ({ file }) => {
      const error = (await outcome(file)) as SdtoolError
      expect(['NOT_A_MODEL', 'ZIP_ENCRYPTED', 'UNKNOWN_FORMAT']).toContain(error.code)
      expect(error.exitCode).toBe(3)
    },
  )

  it.each(others.filter(({ name }) => !NO_MODELS.some((pattern) => pattern.test(name))))(
    '$name is refused with a report that names what is bad and where',
    async ({ file }) => {
      const error = await outcome(file)
      expect(error).toBeInstanceOf(UnsafePickleError)
      const { report, code, exitCode } = error as UnsafePickleError
      expect(exitCode).toBe(3)
      const bad = report.globals.filter(({ verdict }) => verdict === 'dangerous' || verdict === 'unknown')
      expect(bad.length).toBeGreaterThan(0)
      expect(code).toBe(
        bad.some(({ verdict }) => verdict === 'dangerous') ? 'PICKLE_UNSAFE' : 'PICKLE_UNKNOWN_GLOBAL',
      )
    },
  )
})
