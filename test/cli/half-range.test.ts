/** A type in which a network cannot be run is written as asked, and said to be one. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { goldenModel } from '../family-goldens.ts'
import { writeModel } from '../model-files.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

async function findings(family: string, ...args: string[]): Promise<string[]> {
  const folder = tempFolder()
  const path = join(folder, 'm.safetensors')
  await writeModel(path, { tensors: goldenModel(family, 'native').tensors, metadata: {} })
  const { code, stdout } = await runCli([...args, path, '--json', '-o', join(folder, 'out.safetensors')])
  expect(code).toBe(0)
  return JSON.parse(stdout).results[0].findings.map(({ code: found }: { code: string }) => found)
}

describe.each(['convert', 'prune'])('%s', (verb) => {
  it('warns of fp16 where a network overflows in it', async () => {
    expect(await findings('lumina2', verb, '--dtype', 'fp16')).toContain('fp16-overflow')
    expect(await findings('qwen_image', verb, '--dtype', 'fp16')).toContain('fp16-overflow')
  })

  it('says nothing of bf16, nor of a network that fp16 holds', async () => {
    expect(await findings('lumina2', verb, '--dtype', 'bf16')).not.toContain('fp16-overflow')
    expect(await findings('chroma', verb, '--dtype', 'fp16')).not.toContain('fp16-overflow')
  })
})
