import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { TINY_SD1, trainingCheckpoint } from '../../fixtures/checkpoint.ts'
import { dict, stateDict, storageOf, tensor, torchBytes } from '../../fixtures/torch-writer.ts'
import { openFileSource } from '../../src/system/bytes.ts'
import { openModel } from '../../src/tensor/formats/open.ts'
import { elementCount } from '../../src/tensor/values/dtype.ts'
import { evaluateInto, newEvaluation, tensorBytes } from '../../src/tensor/values/expr.ts'
import { openInputs } from '../../src/tensor/write/jobs.ts'
import { tempFolder } from '../temp-folder.ts'
import { type CliResult, runCli } from './run.ts'

let checkpoint: Buffer

beforeAll(async () => {
  checkpoint = await torchBytes(trainingCheckpoint({ size: TINY_SD1, dtype: 'F16', ema: true }))
})

function folderWithCheckpoint(name = 'model.ckpt'): string {
  const folder = tempFolder()
  writeFileSync(join(folder, name), checkpoint)
  return folder
}

/** The folder's name taken out of what was printed, so that it can be compared. */
function without(folder: string, { code, stdout, stderr }: CliResult): CliResult {
  const clean = (text: string) => text.replaceAll(folder, 'DIR').replace(/, \d+\.\d s$/gm, ', T s')
  return { code, stdout: clean(stdout), stderr: clean(stderr) }
}

/** Every tensor of a file: type, shape and SHA-256 of its bytes. */
async function contents(path: string): Promise<Map<string, string>> {
  const source = await openFileSource(path)
  const inputs = openInputs()
  const model = await openModel(source)
  const all = new Map<string, string>()
  for (const tensor of model.tensors.values()) {
    const bytes = Buffer.alloc(tensorBytes(tensor))
    await evaluateInto(tensor, 0, elementCount(tensor.shape), bytes, newEvaluation(inputs.read))
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    all.set(tensor.name, `${tensor.dtype} [${tensor.shape}] ${sha256}`)
  }
  await inputs.close()
  await source.close()
  return all
}

// 682 + 240 + 197 tensors: counted from the same topology in torch; 684 of EMA, 2 of the schedule
describe('inspect', () => {
  it('says what a training checkpoint is and what could go', async () => {
    const folder = folderWithCheckpoint()
    const { code, stdout, stderr } = without(folder, await runCli(['inspect', join(folder, 'model.ckpt')]))
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.split('\n').slice(0, 2)).toEqual([
      'DIR/model.ckpt',
      '  Stable Diffusion 1.x checkpoint of non-standard width, 7.09 MB, torch zip, 1805 tensors',
    ])
    expect(stdout).toMatch(/pickle +safe, nothing was run; 1 foreign class not loaded/)
    expect(stdout).toMatch(/UNet +682 +1\.1 M +F16 +2\.13 MB +model\.diffusion_model\.\*/)
    expect(stdout).toContain('the weights are in the file twice, live and as an EMA copy')
  })

  it('gives programs one JSON document with the promised keys', async () => {
    const folder = folderWithCheckpoint()
    const { stdout } = await runCli(['inspect', join(folder, 'model.ckpt'), '--json', '--keys', '*betas'])
    const [document] = JSON.parse(stdout).results
    expect(document).toMatchObject({
      path: join(folder, 'model.ckpt'),
      bytes: checkpoint.byteLength,
      format: 'torch-zip',
      kind: 'checkpoint',
      architecture: { id: 'stable-diffusion-v1', prediction: 'epsilon', evidence: expect.any(Array) },
      tensors: [{ name: 'betas', dtype: 'F32', shape: [1000] }],
      metadata: {},
      hashes: {},
    })
    const unet = document.components.find(({ name }: { name: string }) => name === 'unet')
    expect(unet).toMatchObject({ tensors: 682, dtypes: { F16: 682 }, bytes: expect.any(Number) })
    expect(document.findings).toContainEqual(
      expect.objectContaining({ code: expect.any(String), severity: 'info' }),
    )
  })

  it('walks folders, one line a file, and goes on after a bad one', async () => {
    const folder = folderWithCheckpoint('b.ckpt')
    writeFileSync(join(folder, 'a.safetensors'), '<html><title>404</title></html>')
    writeFileSync(join(folder, 'readme.txt'), 'not a model')
    const { code, stdout } = without(folder, await runCli(['inspect', folder]))
    expect(code).toBe(3)
    expect(stdout.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^DIR\/a\.safetensors {2}refused \(\w+\)$/),
      expect.stringMatching(
        /^DIR\/b\.ckpt {2}Stable Diffusion 1\.x checkpoint of non-standard width {2}7\.09 MB/,
      ),
    ])
  })

  it('prints one metadata value as it is', async () => {
    const folder = folderWithCheckpoint()
    await runCli(['convert', join(folder, 'model.ckpt')])
    const model = join(folder, 'model.safetensors')
    expect((await runCli(['inspect', model, '--metadata', 'format'])).stdout).toBe('pt\n')
    const missing = without(folder, await runCli(['inspect', model, '--metadata', 'nope']))
    expect([missing.code, missing.stderr]).toEqual([
      4,
      'sdtool: DIR/model.safetensors has no metadata key nope\n  See all keys with --metadata.\n',
    ])
  })

  it('takes a name that starts with a dash behind --, and asks for something a list cannot show', async () => {
    const folder = folderWithCheckpoint()
    expect((await runCli(['inspect', '--brief', '--', join(folder, 'model.ckpt')])).code).toBe(0)
    const both = await runCli(['inspect', folder, '--brief', '--hashes'])
    expect([both.code, both.stderr]).toEqual([
      2,
      'sdtool: --brief cannot be combined with --keys, --metadata, --hashes or --scan\n',
    ])
    const keys = await runCli(['inspect', folder, '--keys', 'betas'])
    expect(keys.stdout).toContain('betas  F32    [1000]')
    const none = without(folder, await runCli(['inspect', folder, '--keys', 'nope*']))
    expect([none.code, none.stderr.split('\n')[0]]).toEqual([4, 'sdtool: DIR/model.ckpt has no tensor nope*'])
  })

  it('finds NaN and what fp16 cannot hold when it scans', async () => {
    const folder = tempFolder()
    const values = Float32Array.of(1, Number.NaN, 1e5, 2)
    const bytes = await torchBytes(stateDict({ weight: tensor(storageOf('F32', values), [4]) }))
    writeFileSync(join(folder, 'x.pt'), bytes)
    const { code, stdout } = await runCli(['inspect', join(folder, 'x.pt'), '--scan', '--json'])
    expect(code).toBe(0) // what is found is the result, not a failure
    const codes = JSON.parse(stdout).results[0].findings.map(({ code }: { code: string }) => code)
    expect(codes).toEqual(expect.arrayContaining(['not-finite', 'fp16-overflow']))
  })
})

describe('convert', () => {
  it('writes the same tensors as safetensors, beside the input', async () => {
    const folder = folderWithCheckpoint()
    const result = without(folder, await runCli(['convert', join(folder, 'model.ckpt'), '--verify']))
    expect([result.code, result.stderr]).toEqual([0, ''])
    expect(result.stdout.trimEnd().split('\n').at(-1)).toMatch(
      /^ {2}wrote DIR\/model\.safetensors: 7\.09 MB -> [\d.]+ MB, 1805 tensors, T s$/,
    )
    const before = await contents(join(folder, 'model.ckpt'))
    const after = await contents(join(folder, 'model.safetensors'))
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort())
    for (const [name, tensor] of before) expect(after.get(name)).toEqual(tensor)
  })

  it('records how it was made: the input by its hashes, the options', async () => {
    const folder = folderWithCheckpoint()
    await runCli(['convert', join(folder, 'model.ckpt'), '--dtype', 'bf16', '--dtype', 'vae=keep'])
    const { stdout } = await runCli([
      'inspect',
      join(folder, 'model-bf16.safetensors'),
      '--metadata',
      'sdtool.recipe',
    ])
    expect(JSON.parse(stdout)).toMatchObject({
      version: 2,
      sdtool: '9.9.9',
      operation: 'convert',
      produced: '2026-01-02T03:04:05.000Z',
      inputs: [
        {
          name: 'model.ckpt',
          bytes: checkpoint.byteLength,
          sha256: createHash('sha256').update(checkpoint).digest('hex'),
        },
      ],
      options: { dtype: { all: 'bf16', by: { vae: 'keep' } } },
    })
  })

  it('leaves an existing file alone unless it is told to replace it', async () => {
    const folder = folderWithCheckpoint()
    writeFileSync(join(folder, 'model.safetensors'), 'precious')
    const refused = without(folder, await runCli(['convert', join(folder, 'model.ckpt')]))
    expect(refused).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'sdtool: DIR/model.safetensors already exists\n  Use --force to replace it, or -o to name another file.\n',
    })
    expect(readFileSync(join(folder, 'model.safetensors'), 'utf8')).toBe('precious')
    expect((await runCli(['convert', join(folder, 'model.ckpt'), '--force'])).code).toBe(0)
  })

  it('converts a folder, goes on after a bad file, and sums up', async () => {
    const folder = folderWithCheckpoint('sub.ckpt')
    mkdirSync(join(folder, 'deep'))
    writeFileSync(join(folder, 'deep', 'model.ckpt'), checkpoint)
    writeFileSync(join(folder, 'bad.ckpt'), 'PK\u0003\u0004 cut off')
    const out = join(folder, 'out')
    const { code, stdout, stderr } = without(folder, await runCli(['convert', folder, '-o', out]))
    expect(code).toBe(3)
    expect(stderr).toContain('sdtool: DIR/bad.ckpt')
    expect(readdirSync(out, { recursive: true }).sort()).toEqual([
      'deep',
      'deep/model.safetensors',
      'sub.safetensors',
    ])
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(
      /^3 files: 2 written, 1 failed; 14\.2 MB -> [\d.]+ MB$/,
    )
  })

  it('does not let two inputs become one file', async () => {
    const folder = folderWithCheckpoint('model.ckpt')
    writeFileSync(join(folder, 'model.pt'), checkpoint)
    const args = ['convert', join(folder, 'model.ckpt'), join(folder, 'model.pt')]
    const { code, stderr } = without(folder, await runCli(args))
    expect(code).toBe(2)
    expect(stderr).toContain(
      'DIR/model.pt would be written to DIR/model.safetensors, like DIR/model.ckpt in this run',
    )
  })

  it('does not call it a success when there is nothing to convert', async () => {
    const folder = folderWithCheckpoint()
    await runCli(['convert', join(folder, 'model.ckpt')])
    const again = await runCli(['convert', join(folder, 'model.safetensors')])
    expect([again.code, again.stdout.includes('nothing written')]).toEqual([4, true])
  })

  it('refuses a pickle that could run code, and writes nothing', async () => {
    const folder = tempFolder()
    const evil = await torchBytes(
      dict({ state_dict: { kind: 'object', module: 'os', name: 'system', args: ['echo pwned'] } }),
    )
    writeFileSync(join(folder, 'evil.ckpt'), evil)
    const { code, stderr } = without(folder, await runCli(['convert', join(folder, 'evil.ckpt')]))
    expect(code).toBe(3)
    expect(stderr).toContain('"os.system", which could run code; nothing was run')
    expect(readdirSync(folder)).toEqual(['evil.ckpt'])
    const inspected = await runCli(['inspect', join(folder, 'evil.ckpt'), '--json'])
    expect(inspected.code).toBe(3)
    expect(JSON.parse(inspected.stdout).results[0]).toMatchObject({
      error: { code: 'PICKLE_UNSAFE' },
      security: {
        safe: false,
        globals: [expect.objectContaining({ module: 'os', name: 'system', verdict: 'dangerous' })],
      },
    })
  })

  it('does not write over another input of the run, not even with force', async () => {
    const folder = folderWithCheckpoint()
    await runCli([
      'convert',
      join(folder, 'model.ckpt'),
      '--dtype',
      'fp32',
      '-o',
      join(folder, 'model.safetensors'),
    ])
    const before = readFileSync(join(folder, 'model.safetensors'))
    const { code, stderr } = without(folder, await runCli(['convert', folder, '--force']))
    expect(code).toBe(2)
    expect(stderr).toContain(
      'DIR/model.ckpt would be written to DIR/model.safetensors, which is another input of this run',
    )
    expect(readFileSync(join(folder, 'model.safetensors')).equals(before)).toBe(true)
  })

  it('makes the same refusals in a dry run', async () => {
    const folder = folderWithCheckpoint()
    writeFileSync(join(folder, 'model.safetensors'), 'precious')
    const { code, stderr } = without(
      folder,
      await runCli(['convert', join(folder, 'model.ckpt'), '--dry-run']),
    )
    expect([code, stderr.split('\n')[0]]).toEqual([2, 'sdtool: DIR/model.safetensors already exists'])
  })

  it.each([
    [
      ['--dtype', 'fp17'],
      'sdtool: --dtype fp17: unknown type\n  Types are fp32, fp16, bf16, fp8_e4m3fn, fp8_e5m2, keep.\n',
    ],
    [
      ['--dtype', 'fp16,bf16'],
      'sdtool: --dtype gives two types for all components\n  Name the component: --dtype vae=fp32.\n',
    ],
    [
      ['-o', 'x.ckpt'],
      'sdtool: -o x.ckpt: sdtool writes safetensors, so the name must end in .safetensors\n  For a folder, end the name with a slash.\n',
    ],
  ])('explains wrong options %j', async (args, message) => {
    const folder = folderWithCheckpoint()
    const { code, stderr } = await runCli(['convert', join(folder, 'model.ckpt'), ...args])
    expect([code, stderr]).toEqual([2, message])
  })
})

describe('prune', () => {
  it('promotes the EMA weights, drops the rest, and names the file as the scene does', async () => {
    const folder = folderWithCheckpoint()
    const result = without(folder, await runCli(['prune', join(folder, 'model.ckpt')]))
    expect([result.code, result.stderr]).toEqual([0, ''])
    const before = await contents(join(folder, 'model.ckpt'))
    const after = await contents(join(folder, 'model-emaonly.safetensors'))
    const expected = [...before.keys()].filter((name) => !/^(model_ema\.|betas|alphas_cumprod)/.test(name))
    expect([...after.keys()].sort()).toEqual(expected.sort())
    // as LitEma names its copies: the dots of everything behind "model." are gone
    const ema = (name: string) => `model_ema.${name.slice('model.'.length).replaceAll('.', '')}`
    for (const [name, tensor] of after) {
      expect(tensor).toEqual(before.get(name.startsWith('model.') ? ema(name) : name))
    }
  })

  it('shows the same plan with --dry-run, and writes nothing', async () => {
    const folder = folderWithCheckpoint()
    const planned = without(
      folder,
      await runCli(['prune', join(folder, 'model.ckpt'), '--dry-run', '--dtype', 'fp32']),
    )
    expect(planned.code).toBe(0)
    expect(planned.stdout).toContain('would write DIR/model-emaonly-fp32.safetensors')
    expect(readdirSync(folder)).toEqual(['model.ckpt'])
    const written = without(folder, await runCli(['prune', join(folder, 'model.ckpt'), '--dtype', 'fp32']))
    const plan = (text: string) => text.split('\n').slice(0, -2)
    expect(plan(written.stdout)).toEqual(plan(planned.stdout))
  })

  it('keeps the live weights if asked', async () => {
    const folder = folderWithCheckpoint()
    await runCli([
      'prune',
      join(folder, 'model.ckpt'),
      '--ema',
      'drop',
      '-o',
      join(folder, 'live.safetensors'),
    ])
    const before = await contents(join(folder, 'model.ckpt'))
    const after = await contents(join(folder, 'live.safetensors'))
    for (const [name, tensor] of after) expect(tensor).toEqual(before.get(name))
  })

  it.each([
    [['--keep', 'unet,vae', '--drop', 'vae'], 'vae is both in --keep and in --drop'],
    [['--drop', 'schedule', '--keep-schedule'], 'schedule is both in --keep and in --drop'],
    [['--dtype', 'vae=fp16', '--drop', 'vae'], 'vae has a type in --dtype, but --drop leaves it out'],
    [['--dtype', 'vae=fp16', '--dtype', 'vae=fp32'], '--dtype gives two types for vae'],
    [['--keep', 'clip_g', '--drop', 'openclip_g'], 'openclip_g is both in --keep and in --drop'],
    [['--dtype', 'clip_g=fp16', '--dtype', 'openclip_g=fp32'], '--dtype gives two types for openclip_g'],
    [['--keep='], '--keep needs a value'],
    [['--drop', 'vae', '--drop', ''], '--drop needs a value'],
  ])('refuses options that contradict each other or say nothing: %j', async (args, message) => {
    const folder = folderWithCheckpoint()
    const { code, stderr } = await runCli(['prune', join(folder, 'model.ckpt'), ...args])
    expect([code, stderr.split('\n')[0]]).toEqual([2, `sdtool: ${message}`])
    expect(readdirSync(folder)).toEqual(['model.ckpt'])
  })

  it('names the file that a planner refuses', async () => {
    const folder = folderWithCheckpoint()
    await runCli(['prune', join(folder, 'model.ckpt')])
    const args = ['prune', join(folder, 'model-emaonly.safetensors'), '--ema', 'only']
    const { code, stderr } = without(folder, await runCli(args))
    expect([code, stderr.split('\n')[0]]).toEqual([
      4,
      'sdtool: DIR/model-emaonly.safetensors: the file has no EMA copy',
    ])
  })

  it('records what was done, not only what was asked', async () => {
    const folder = folderWithCheckpoint()
    await runCli(['prune', join(folder, 'model.ckpt')])
    const pruned = join(folder, 'model-emaonly.safetensors')
    const { stdout } = await runCli(['inspect', pruned, '--metadata', 'sdtool.recipe'])
    expect(JSON.parse(stdout).options).toEqual({ ema: 'only' })
    const facts = JSON.parse((await runCli(['inspect', pruned, '--json'])).stdout).results[0].metadata
    expect([facts['sdtool.source.epoch'], facts['sdtool.source.global_step']]).toEqual(['3', '12000'])
  })

  it('repairs position_ids under a name of its own', async () => {
    const folder = tempFolder()
    const weights = stateDict({
      'text_model.embeddings.position_ids': tensor(storageOf('I64', new BigInt64Array(77)), [1, 77]),
      'text_model.final_layer_norm.weight': tensor(storageOf('F32', new Float32Array(4)), [4]),
    })
    writeFileSync(join(folder, 'text.ckpt'), await torchBytes(weights))
    await runCli(['convert', join(folder, 'text.ckpt')])
    const { code, stdout, stderr } = without(
      folder,
      await runCli(['prune', join(folder, 'text.safetensors')]),
    )
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain('wrote DIR/text-pruned.safetensors')
  })

  it('says that there is nothing to prune, with an exit code that scripts see', async () => {
    const folder = folderWithCheckpoint()
    await runCli(['prune', join(folder, 'model.ckpt')])
    const again = await runCli(['prune', join(folder, 'model-emaonly.safetensors')])
    expect(again.code).toBe(4)
    expect(again.stdout).toContain('there is nothing to prune')
  })

  it('refuses a component the file does not have, naming those it has', async () => {
    const folder = folderWithCheckpoint()
    const { code, stderr } = await runCli(['prune', join(folder, 'model.ckpt'), '--drop', 'depth'])
    expect(code).toBe(4)
    expect(stderr).toMatch(/no component "depth"\n {2}It has: unet, clip_l, vae/)
  })

  it('reports all it did as JSON', async () => {
    const folder = folderWithCheckpoint()
    const { stdout } = await runCli(['prune', join(folder, 'model.ckpt'), '--json'])
    const { command, results } = JSON.parse(stdout)
    expect([command, results.length]).toEqual(['prune', 1])
    expect(results[0]).toMatchObject({ status: 'written', bytesBefore: checkpoint.byteLength })
    expect(results[0].steps).toContainEqual(expect.objectContaining({ action: 'promote', tensors: 682 }))
  })

  it('stops at Ctrl-C with exit code 130, leaving nothing behind', async () => {
    const folder = folderWithCheckpoint()
    const abort = new AbortController()
    abort.abort()
    const { code, stderr } = await runCli(['prune', join(folder, 'model.ckpt')], abort.signal)
    expect([code, stderr]).toEqual([130, 'sdtool: interrupted; no partial files were left behind\n'])
    expect(existsSync(join(folder, 'model-emaonly.safetensors'))).toBe(false)
    expect(readdirSync(folder)).toEqual(['model.ckpt'])
  })
})
