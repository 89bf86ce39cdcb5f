import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { environmentFor, packageVersion } from '../../src/api/environment.ts'
import { inspect, listModels, openModel, operations, render, run, SdtoolError } from '../../src/index.ts'
import { OPERATIONS } from '../../src/operations/registry.ts'
import { tempFolder } from '../temp-folder.ts'

const TINY = join(import.meta.dirname, '../../fixtures/tiny-sd')
const BASE = join(TINY, 'tiny-sd-b.safetensors')
const CKPT = join(TINY, 'tiny-sd.ckpt')
const LORA = join(TINY, 'tiny-stripes.safetensors')
const RATIO = { unet: 0.7, text: 0.7 }

async function refused(work: Promise<unknown>): Promise<SdtoolError> {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(SdtoolError)
  return error as SdtoolError
}

describe('openModel', () => {
  it('reads values of a safetensors file, bit for bit', async () => {
    const model = await openModel(BASE)
    const [name, tensor] = [...model.file.tensors].find(
      ([, { dtype }]) => dtype === 'F32' || dtype === 'F16',
    )!
    const bytes = readFileSync(BASE)
    const header = Number(bytes.readBigUInt64LE(0))
    const { data_offsets } = JSON.parse(bytes.subarray(8, 8 + header).toString())[name] as {
      data_offsets: [number, number]
    }
    const data = bytes.subarray(8 + header + data_offsets[0], 8 + header + data_offsets[1])
    const values = await model.read(name)
    expect(values).toHaveLength(tensor.shape.reduce((product, side) => product * side, 1))
    const first = tensor.dtype === 'F32' ? data.readFloatLE(0) : half(data.readUInt16LE(0))
    expect(values[0]).toBe(first)
    await model.close()
    await model.close()
  })

  it('refuses a tensor that is not there', async () => {
    const model = await openModel(BASE)
    expect((await refused(model.read('nothing'))).code).toBe('TENSOR_NOT_FOUND')
    await model.close()
  })
})

/** IEEE 754 binary16, normal numbers and zero. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

describe('inspect and listModels', () => {
  it('say what a file is; its tensors only where they are asked for', async () => {
    const plain = await inspect(CKPT)
    expect([plain.kind, plain.format, plain.tensors]).toEqual(['checkpoint', 'torch-zip', null])
    const whole = await inspect(LORA, { tensors: true, hashes: true })
    expect(whole.tensors!.length).toBeGreaterThan(0)
    expect(whole.hashes.sha256).toMatch(/^[0-9a-f]{64}$/)
  })

  it('throw what is wrong with a file; a list goes on', async () => {
    const folder = tempFolder()
    writeFileSync(join(folder, 'cut.safetensors'), 'short')
    copyFileSync(LORA, join(folder, 'lora.safetensors'))
    const { exitCode } = await refused(inspect(join(folder, 'cut.safetensors')))
    expect(exitCode).toBe(3)
    const files = await listModels(folder, { env: { SDTOOL_CACHE: join(folder, 'cache') } })
    expect(files.map(({ name, facts, error }) => [name, facts?.kind, error === undefined])).toEqual([
      ['cut.safetensors', undefined, false],
      ['lora.safetensors', 'lora', true],
    ])
    expect((await refused(listModels(join(folder, 'lora.safetensors')))).code).toBe('NOT_A_FOLDER')
  })
})

describe('run', () => {
  it('has a verb for every operation', () => {
    const verbs = Object.values(operations).map(({ verb }) => verb)
    expect(verbs.toSorted()).toEqual(OPERATIONS.map(({ verb }) => verb).toSorted())
  })

  it('writes what the command would, shows how far it is, and prints nothing', async () => {
    const folder = tempFolder()
    const output = join(folder, 'baked.safetensors')
    const shown: string[] = []
    const result = await run(operations.mergeLora, {
      inputs: [BASE, LORA],
      options: { loras: [{ ratio: RATIO }] },
      output,
      threads: 0,
      onProgress: (label) => {
        shown.push(label)
        return { update() {}, end: () => shown.push('end') }
      },
    })
    expect([result.status, result.output, existsSync(output)]).toEqual(['written', output, true])
    expect(result.proof!.length).toBeGreaterThan(0)
    expect(shown).toEqual(expect.arrayContaining(['baked.safetensors', 'end']))
    expect((await inspect(output)).metadata['sdtool.recipe']).toContain(`"sdtool":"${packageVersion()}"`)
  })

  it.each([
    [
      'an option that the verb does not have',
      { inputs: [BASE], options: { emma: 'only' } },
      'option emma: prune has no such option',
    ],
    ['a value that it does not take', { inputs: [BASE], options: { ema: 'all' } }, 'option ema: '],
    ['no input', { inputs: [] }, 'prune: no input was named'],
  ])('refuses %s', async (_, request, message) => {
    const error = await refused(run(operations.prune, request as never))
    expect(error.code).toBe('USAGE')
    expect(error.message).toContain(message)
  })

  it('refuses what is not a verb', async () => {
    const error = await refused(run({ verb: 'explode' }, { inputs: [BASE] }))
    expect([error.code, error.message]).toEqual(['USAGE', 'there is no operation explode'])
  })

  it('throws what was not done, and leaves nothing behind', async () => {
    const folder = tempFolder()
    const output = join(folder, 'out.safetensors')
    const work = run(operations.mergeLora, {
      inputs: [BASE, BASE],
      options: { loras: [{ ratio: RATIO }] },
      output,
    })
    expect((await refused(work)).code).toBe('NOT_A_LORA')
    const gone = new AbortController()
    gone.abort(new Error('enough'))
    const aborted = run(operations.convert, { inputs: [CKPT], output, signal: gone.signal })
    await expect(aborted).rejects.toThrow('enough')
    expect(readdirSync(folder)).toEqual([])
  })

  it('runs side by side with itself', async () => {
    const folder = tempFolder()
    const outputs = [0.2, 0.8].map((ratio) => {
      const options = { loras: [{ ratio: { unet: ratio, text: ratio } }] }
      const output = join(folder, `baked-${ratio}.safetensors`)
      return run(operations.mergeLora, { inputs: [BASE, LORA], options, output, threads: 0 })
    })
    const [a, b] = await Promise.all(outputs)
    expect([a!.status, b!.status]).toEqual(['written', 'written'])
    expect(readFileSync(a!.output!).equals(readFileSync(b!.output!))).toBe(false)
  })
})

describe('render', () => {
  it.each([
    ['steps', { steps: 0 }],
    ['cfg', { cfg: Number.NaN }],
    ['seed', { seed: -1 }],
    ['seed', { seed: 0.5 }],
    ['count', { count: 1.5 }],
    ['sampler', { sampler: 'eulr' }],
    ['schedule', { schedule: 'none of them' }],
    ['size', { size: { width: 100, height: 128 } }],
    ['device', { device: 'toaster' }],
  ])('refuses %s that cannot be', async (name, options) => {
    const error = await refused(render(BASE, options))
    expect([error.code, error.message]).toEqual(['USAGE', expect.stringContaining(`option ${name}: `)])
  })

  it('draws what the tags of a prompt mean in A1111, and says what it leaves out', async () => {
    const size = { width: 64, height: 64 }
    const tags = `<lora:not there:0><lora:${LORA}:0.5:0.5:8:stop=3> <lora:${LORA}:0.3:lbw=MIDD>`
    const { notes } = await render(BASE, { prompt: `a red circle ${tags}`, steps: 1, size })
    expect(notes).toEqual([
      expect.stringContaining(': 8, stop=3 are ignored'),
      'not there has the ratio 0 and changes nothing',
      expect.stringContaining('the list of 17 block ratios has none for IN03, IN06'),
      `${LORA} is named more than once, and is applied each time`,
    ])
  })

  it('gives the picture, its text, and what a person should know', async () => {
    const options = { prompt: 'a red circle <hypernet:x:1>', steps: 1, loras: [{ path: LORA, ratio: 0.5 }] }
    const size = { width: 64, height: 64 }
    const { pictures, notes } = await render(BASE, { ...options, size, sampler: 'DPM++ 2M Karras' })
    const [picture] = pictures
    expect(picture!.rgb).toHaveLength(picture!.width * picture!.height * 3)
    expect(Buffer.from(picture!.png).toString('latin1')).toContain('<lora:tiny-stripes:0.5>')
    expect(Buffer.from(picture!.png).toString('latin1')).toContain('Sampler: DPM++ 2M, Schedule type: Karras')
    expect(notes).toEqual([expect.stringContaining('<hypernet:x:1>')])
  })
})

it('a call without options has an environment of its own', () => {
  const [a, b] = [environmentFor({}), environmentFor({})]
  expect(a.signal).not.toBe(b.signal)
  expect(a.progress).toBeUndefined()
})
