import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { versionOf } from '../../src/civitai/api/shapes.ts'
import { userMetadata } from '../../src/civitai/plan/a1111-notes.ts'
import { nameFor } from '../../src/civitai/plan/file-name.ts'
import { statedHashes } from '../../src/model/metadata/sidecar-hashes.ts'
import { unetNameInDiffusers } from '../../src/model/networks/topology/diffusers.ts'
import { WEIGHTS_KEYS } from '../../src/tensor/formats/torch-objects.ts'
import { torchZip } from '../../src/tensor/formats/torch-zip-write.ts'
import { writeSafetensors } from '../../src/tensor/write/write.ts'
import { contentsOf, floatsOf } from '../model-files.ts'
import { floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

/** Keys that mean something to programs that read checkpoints, and those that every object of JavaScript has. */
const KEYS = [
  ...WEIGHTS_KEYS,
  'string_to_param',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'ss_tag',
]

/** An object that has this key itself, whatever it is. */
function own(key: string, value: string): Record<string, string> {
  return Object.fromEntries([[key, value]])
}

describe('metadata from a file, written beside the weights of a checkpoint', () => {
  it.each(KEYS)('%s takes the place of nothing, and is not lost', async (key) => {
    const folder = tempFolder()
    const [from, ckpt, back] = ['a.safetensors', 'a.ckpt', 'b.safetensors'].map((name) => join(folder, name))
    const tensors = [floatTensor('model.w', [2], [1.5, -2]), floatTensor('model.b', [1], [3])]
    await writeSafetensors(tableOf(tensors, own(key, 'from outside')), from!, { threads: 0 })
    for (const args of [
      ['convert', from!, '--to', 'ckpt', '-o', ckpt!, '--verify'],
      ['convert', ckpt!, '-o', back!, '--verify'],
    ]) {
      expect(await runCli(args)).toMatchObject({ code: 0 })
    }
    for (const path of [ckpt!, back!]) {
      const contents = await contentsOf(path)
      expect([...contents.model.tensors.keys()].sort()).toEqual(['model.b', 'model.w'])
      expect([...floatsOf(contents, 'model.w')]).toEqual([1.5, -2])
    }
    const { metadata } = (await contentsOf(back!)).model
    expect(Object.entries(metadata).filter(([name]) => name.endsWith(key))).toMatchObject([
      [expect.anything(), 'from outside'],
    ])
  })

  it.each([...WEIGHTS_KEYS, 'string_to_param'])('%s is refused by the writer itself', (key) => {
    const table = tableOf([floatTensor('w', [1], [1])], own(key, 'evil'))
    expect(() => torchZip().frame(table)).toThrow(expect.objectContaining({ code: 'NAME_NOT_WRITABLE' }))
  })
})

describe('halves of surrogate pairs, which UTF-8 has no bytes for', () => {
  const half = '\ud800'
  it.each([
    ['the name of a tensor of a torch file', () => torchZip().frame(tableOf([floatTensor(half, [1], [1])]))],
    ['a text of a torch file', () => torchZip().frame(tableOf([floatTensor('w', [1], [1])], own(half, 'x')))],
  ])('%s is refused', (_, frame) => {
    expect(frame).toThrow(expect.objectContaining({ code: 'NAME_NOT_WRITABLE' }))
  })

  it.each([
    ['the name of a tensor', tableOf([floatTensor(half, [1], [1])])],
    ['a key', tableOf([floatTensor('w', [1], [1])], own(half, 'x'))],
    ['a value', tableOf([floatTensor('w', [1], [1])], own('x', half))],
  ])('%s of a safetensors file is refused', async (_, table) => {
    const path = join(tempFolder(), 'a.safetensors')
    await expect(writeSafetensors(table, path, { threads: 0 })).rejects.toMatchObject({
      code: 'NAME_NOT_WRITABLE',
    })
    expect(() => readFileSync(path)).toThrow()
  })
})

describe('names from outside that every object has, in tables of known names', () => {
  it.each([
    ['hashes of a sidecar', () => statedHashes('{"constructor":"abcd"}', 'a'), []],
    ['modules of a UNet', () => unetNameInDiffusers('constructor.weight', 2), 'constructor.weight'],
    [
      'modules of a block',
      () => unetNameInDiffusers('input_blocks.1.0.toString.weight', 2),
      'down_blocks.0.resnets.0.toString.weight',
    ],
    ['entities of a description', () => description('a &constructor; b &amp; c'), 'a &constructor; b & c'],
    ['formats of a download', () => fileName('constructor'), 'm_v.bin'],
  ])('%s', (_, result, expected) => expect(result()).toEqual(expected))
})

function description(text: string): unknown {
  return userMetadata({ version: version({ description: text }) }).description
}

function fileName(format: string): string {
  const file = { id: 1, name: '', type: 'Model', sizeKB: 1, metadata: { format }, downloadUrl: 'https://x/1' }
  const found = version({ files: [file], name: 'v', model: { name: 'm', type: 'LORA' } })
  return nameFor(found.files[0]!, found)
}

function version(facts: object): NonNullable<ReturnType<typeof versionOf>> {
  return versionOf({ id: 3, modelId: 2, ...facts } as never, new Date(0))!
}
