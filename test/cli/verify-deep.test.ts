/** `verify --deep`: files that are what their recipe makes, and files that were changed afterwards. */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Tensor } from '../../src/tensor/values/table.ts'
import { contentsOf, writeModel } from '../model-files.ts'
import { bytesTensor } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { ALL_MAKERS, writeInputs } from './model-makers.ts'
import { runCli } from './run.ts'

/** The same file with another last bit in the first value of its last tensor, and nothing else. */
async function tamper(path: string): Promise<string> {
  const { model, bytes } = await contentsOf(path)
  const last = [...model.tensors.keys()].at(-1)!
  const tensors = [...model.tensors.values()].map(({ name, dtype, shape }): Tensor => {
    const data = bytes.get(name)!
    if (name === last) data[0] = data[0]! ^ 1
    return bytesTensor(name, dtype, [...shape], data)
  })
  rmSync(path)
  await writeModel(path, {
    tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    metadata: model.metadata,
  })
  return last
}

async function recipeCheck(path: string, ...args: string[]) {
  const { code, stdout } = await runCli(['verify', path, '--json', ...args])
  return { code, check: JSON.parse(stdout).results[0].checks.at(-1) }
}

describe('sdtool verify --deep', () => {
  it.each(ALL_MAKERS)('%s: is true of the file, and not of one that was changed', async (_, { args }) => {
    const folder = tempFolder()
    const out = join(folder, 'made.safetensors')
    expect((await runCli(args(await writeInputs(folder), out))).code).toBe(0)
    const files = readdirSync(folder)
    const sound = await recipeCheck(out, '--deep')
    expect(sound).toMatchObject({
      code: 0,
      check: { result: 'ok', detail: expect.stringMatching(/^(?:all \d+ tensors|the tensor) match/) },
    })
    const name = await tamper(out)
    expect((await recipeCheck(out)).check.result).toBe('unchecked')
    const changed = await recipeCheck(out, '--deep')
    expect(changed.code).toBe(4)
    expect(changed.check.result).toBe('failed')
    expect(changed.check.detail).toMatch(/^1 tensor \(".*"\) of \d+ is not what the recipe makes: /)
    expect(changed.check.detail).toContain(JSON.stringify(name))
    expect(readdirSync(folder)).toEqual(files)
  })

  it('is not passed, exit 4, where an input is gone', async () => {
    const folder = tempFolder()
    const path = await writeInputs(folder)
    const out = join(folder, 'made.safetensors')
    await runCli(['convert', path('base'), '--dtype', 'fp16', '-o', out])
    rmSync(path('base'))
    const { code, check } = await recipeCheck(out, '--deep')
    expect([code, check.result]).toEqual([4, 'unchecked'])
    expect(check.detail).toContain('it cannot be repeated: ')
  })
})
