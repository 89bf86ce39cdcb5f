/** LoRAs that are asked for by the name in their metadata. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { modelFolders } from '../../src/commands/shared/model-folders.ts'
import { resolveCheckpoint, resolveLora } from '../../src/library/lora-aliases.ts'
import { writeModel } from '../model-files.ts'
import { QUIET_WORLD } from '../quiet-world.ts'
import { floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'

type Resolve = typeof resolveLora

async function resolved(name: string, resolve: Resolve = resolveLora): Promise<string> {
  const root = tempFolder()
  const folder = join(root, 'models', 'Lora')
  mkdirSync(join(folder, 'styles'), { recursive: true })
  const write = (file: string, own: string) =>
    writeModel(join(folder, file), tableOf([floatTensor('x', [1], [1])], { ss_output_name: own }))
  await write('styles/ink.safetensors', 'my-ink_v3')
  await write('plain.safetensors', 'ink')
  await write('one.safetensors', 'twice')
  await write('two.safetensors', 'twice')
  writeFileSync(join(folder, 'damaged.safetensors'), 'no model')
  const folders = modelFolders({ models: [root] }, QUIET_WORLD)
  return (await resolve(name, folders, QUIET_WORLD)).replace(`${folder}/`, '')
}

it.each([
  ['my-ink_v3', 'styles/ink.safetensors'],
  ['plain', 'plain.safetensors'],
  // the name of a file comes before what another is called
  ['ink', 'styles/ink.safetensors'],
])('%s is %s', async (name, path) => {
  expect(await resolved(name)).toBe(path)
})

it.each([
  ['twice', 'NAME_AMBIGUOUS'],
  ['my-ink', 'MODEL_NOT_FOUND'],
])('%s is refused: %s', async (name, code) => {
  await expect(resolved(name)).rejects.toMatchObject({ code })
})

it('one that is named as a checkpoint is found, too, to be told what it is', async () => {
  expect(await resolved('my-ink_v3', resolveCheckpoint)).toBe('styles/ink.safetensors')
  await expect(resolved('my-ink', resolveCheckpoint)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
})
