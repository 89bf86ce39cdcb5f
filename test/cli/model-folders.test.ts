import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { stateDict, storageOf, tensor, torchBytes } from '../../fixtures/torch-writer.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

let weights: Buffer

beforeAll(async () => {
  weights = await torchBytes(stateDict({ weight: tensor(storageOf('F32', Float32Array.of(1, 2)), [2]) }))
})

/** A ComfyUI folder with a checkpoint and a LoRA of the same name. */
function comfyFolder(): string {
  const folder = tempFolder()
  for (const place of ['models/checkpoints', 'models/loras']) {
    mkdirSync(join(folder, place), { recursive: true })
    writeFileSync(join(folder, place, 'one.pt'), weights)
  }
  writeFileSync(join(folder, 'models/loras/two.pt'), weights)
  return folder
}

const signal = new AbortController().signal

describe('a name without its ending', () => {
  it('is the model beside it, without any folders; the safetensors of two', async () => {
    const stem = join(tempFolder(), 'one')
    writeFileSync(`${stem}.pt`, weights)
    const { code, stdout } = await runCli(['convert', stem])
    expect([code, stdout]).toEqual([0, expect.stringContaining(`wrote ${stem}.safetensors`)])
    const both = await runCli(['inspect', stem, '--brief'])
    expect(both.stderr).toBe(`sdtool: ${stem}: using ${stem}.safetensors instead of one.pt next to it\n`)
    expect(both.stdout).toContain(`${stem}.safetensors  `)
  })
})

describe('bare names on the command line', () => {
  it('are looked up in --models, and what is made of a file stands beside it', async () => {
    const folder = comfyFolder()
    const { code, stdout } = await runCli(['convert', 'two', '--models', folder])
    expect(code).toBe(0)
    expect(stdout).toContain(`wrote ${join(folder, 'models/loras/two.safetensors')}`)
    expect(readdirSync(join(folder, 'models/loras')).sort()).toEqual(['one.pt', 'two.pt', 'two.safetensors'])
  })

  it('are looked up in SDTOOL_MODELS; prune means a checkpoint', async () => {
    const folder = comfyFolder()
    const env = { SDTOOL_MODELS: folder }
    const pruned = await runCli(['prune', 'one', '--dtype', 'fp16', '--dry-run'], signal, env)
    expect(pruned.stdout).toContain(`would write ${join(folder, 'models/checkpoints/one-fp16.safetensors')}`)
    const inspected = await runCli(['inspect', 'one', '--brief'], signal, env)
    const paths = ['models/checkpoints', 'models/loras'].map((place) => join(folder, place, 'one.pt'))
    expect(inspected).toEqual({
      code: 2,
      stdout: 'one  refused (NAME_AMBIGUOUS)\n',
      stderr:
        `sdtool: one is ambiguous: it could be ${paths.join(', ')}\n` +
        '  Give the path, or more of it: its folder or its ending.\n',
    })
  })

  it('that lead nowhere do not stop the others', async () => {
    const folder = comfyFolder()
    const { code, stdout, stderr } = await runCli(['convert', 'twoo', 'loras/one', '--models', folder])
    expect(code).toBe(1)
    expect(stderr).toBe(
      `sdtool: twoo does not exist, and there is no model of that name in ${folder}\n  Similar names: two.\n`,
    )
    expect(stdout).toContain(`wrote ${join(folder, 'models/loras/one.safetensors')}`)
    expect(stdout).toContain('2 files: 1 written, 1 failed')
  })
})
