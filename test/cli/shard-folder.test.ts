/** A folder with one model in several files is taken as that model, everywhere. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { torchZip } from '../../src/tensor/formats/torch-zip-write.ts'
import type { Tensor } from '../../src/tensor/values/table.ts'
import { writeModelFile } from '../../src/tensor/write/write.ts'
import { contentsOf, writeModel } from '../model-files.ts'
import { tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const TINY = join(import.meta.dirname, '../../fixtures/tiny-sd')
const [WHOLE, OTHER, STRIPES, VIVID] = [
  'tiny-sd-b.safetensors',
  'tiny-sd.ckpt',
  'tiny-stripes.safetensors',
  'vivid.vae.safetensors',
].map((name) => join(TINY, name)) as [string, string, string, string]

/** `WHOLE` in shards, as huggingface_hub `split_torch_state_dict_into_shards` names and lists them. */
async function sharded(
  root: string,
  ending: 'safetensors' | 'bin' = 'safetensors',
  count = 3,
): Promise<string> {
  const folder = join(root, 'tiny.v1')
  mkdirSync(folder, { recursive: true })
  const { model, bytes } = await contentsOf(WHOLE)
  const stem = ending === 'bin' ? 'pytorch_model' : 'diffusion_pytorch_model'
  const nameOf = (i: number) => `${stem}-0000${i + 1}-of-0000${count}.${ending}`
  const shards: Tensor[][] = Array.from({ length: count }, () => [])
  const map: Record<string, string> = {}
  for (const [i, tensor] of [...model.tensors.values()].entries()) {
    shards[i % count]!.push({ ...tensor, source: { kind: 'bytes', data: bytes.get(tensor.name)! } })
    map[tensor.name] = nameOf(i % count)
  }
  for (const [i, tensors] of shards.entries()) {
    const path = join(folder, nameOf(i))
    if (ending === 'bin') await writeModelFile(tableOf(tensors), path, torchZip(), { threads: 0 })
    else await writeModel(path, tableOf(tensors))
  }
  writeFileSync(
    join(folder, `${stem}.${ending}.index.json`),
    JSON.stringify({ metadata: {}, weight_map: map }),
  )
  writeFileSync(join(folder, 'config.json'), '{}')
  return folder
}

async function expectSame(a: string, b: string): Promise<void> {
  const [one, two] = [await contentsOf(a), await contentsOf(b)]
  expect([...one.bytes.keys()].sort()).toEqual([...two.bytes.keys()].sort())
  for (const [name, data] of one.bytes) expect(Buffer.compare(data, two.bytes.get(name)!), name).toBe(0)
}

describe('what makes a model of it', () => {
  it.each<[string, (model: string) => string[]]>([
    ['convert', (model) => ['convert', model, '--dtype', 'bf16']],
    ['prune', (model) => ['prune', model, '--dtype', 'fp32']],
    ['merge, as the first', (model) => ['merge', model, OTHER, '--alpha', '0.3']],
    ['merge, as the second', (model) => ['merge', OTHER, model, '--alpha', '0.3']],
    ['merge-lora', (model) => ['merge-lora', model, STRIPES]],
    ['bake-vae', (model) => ['bake-vae', model, VIVID]],
    ['extract', (model) => ['extract', 'vae', model]],
    ['extract lora', (model) => ['extract', 'lora', model, OTHER, '--rank', '2']],
  ])('%s: the same tensors as of one file, and replay finds the folder again', async (_, args) => {
    const root = tempFolder()
    const folder = await sharded(root)
    const [one, two] = [join(root, 'one.safetensors'), join(root, 'two.safetensors')]
    for (const [model, out] of [
      [WHOLE, one],
      [folder, two],
    ] as const) {
      const { code, stderr } = await runCli([...args(model), '-o', out, '-q'])
      expect([code, stderr]).toEqual([0, ''])
    }
    await expectSame(two, one)
    const replayed = await runCli(['replay', two, '--models', TINY, '--json'])
    expect(JSON.parse(replayed.stdout).results[0]).toMatchObject({ identical: true })
  })

  it('names the output by the folder, next to it', async () => {
    const root = tempFolder()
    const folder = await sharded(root, 'bin')
    const { stdout } = await runCli(['convert', folder, '--dtype', 'bf16', '--json'])
    const [result] = JSON.parse(stdout).results
    expect(result.output).toBe(join(root, 'tiny.v1-bf16.safetensors'))
  })
})

describe('what looks at it', () => {
  it.each(['safetensors', 'bin'] as const)(
    'inspect, list, verify and diff see one model: %s',
    async (ending) => {
      const root = tempFolder()
      const folder = await sharded(root, ending)
      const [whole, own] = await Promise.all(
        [WHOLE, folder].map(
          async (path) => JSON.parse((await runCli(['inspect', path, '--json'])).stdout).results,
        ),
      )
      expect(own).toHaveLength(1)
      const { kind, title, tensors, components, architecture } = whole[0]
      expect(own[0]).toMatchObject({ path: folder, kind, title, tensors, components, architecture })
      for (const named of [root, folder]) {
        const inspected = await runCli(['inspect', named, '--brief', '--json'])
        expect(JSON.parse(inspected.stdout).results).toMatchObject([{ path: folder, kind, title }])
        const list = await runCli(['list', named, '--json'], undefined, { SDTOOL_CACHE: tempFolder() })
        expect(JSON.parse(list.stdout).results).toMatchObject([{ path: folder, kind, title }])
        const verified = await runCli(['verify', named, '--json'])
        expect(JSON.parse(verified.stdout).results).toMatchObject([{ path: folder }])
        expect(verified.code).toBe(0)
      }
      expect((await runCli(['diff', folder, WHOLE])).code).toBe(0)
      const check = await runCli(['lora', 'check', STRIPES, '--base', folder])
      expect([check.code, check.stderr]).toEqual([0, ''])
    },
  )

  it('a folder that has another model, too, is a folder of files', async () => {
    const folder = await sharded(tempFolder())
    await writeModel(join(folder, 'other.safetensors'), {
      tensors: (await contentsOf(STRIPES)).model.tensors,
      metadata: {},
    })
    const { stdout } = await runCli(['inspect', folder, '--json'])
    expect(JSON.parse(stdout).results).toHaveLength(4)
  })
})

it('its hash is that of its files one behind the other, and another one when a file has changed', async () => {
  const folder = await sharded(tempFolder())
  const names = [1, 2, 3].map((i) => join(folder, `diffusion_pytorch_model-0000${i}-of-00003.safetensors`))
  const sums: string[] = []
  for (const value of [0, 1]) {
    const last = readFileSync(names[2]!)
    last[last.length - 1] = value
    writeFileSync(names[2]!, last)
    const joined = Buffer.concat(names.map((name) => readFileSync(name)))
    const { stdout } = await runCli(['inspect', folder, '--hashes', '--json'])
    const { hashes } = JSON.parse(stdout).results[0]
    expect(hashes.sha256).toBe(createHash('sha256').update(joined).digest('hex'))
    sums.push(hashes.sha256)
  }
  expect(sums[0]).not.toBe(sums[1])
})

describe('what is wrong with it is said', () => {
  const INDEX = 'diffusion_pytorch_model.safetensors.index.json'

  function change(folder: string, edit: (map: Record<string, unknown>) => void): void {
    const path = join(folder, INDEX)
    const json = JSON.parse(readFileSync(path, 'utf8'))
    edit(json.weight_map)
    writeFileSync(path, JSON.stringify(json))
  }

  it.each<[string, string, (folder: string) => void]>([
    [
      'a shard that is not there',
      'SHARDS_MISSING',
      (folder) => rmSync(join(folder, 'diffusion_pytorch_model-00002-of-00003.safetensors')),
    ],
    [
      'a tensor that is in none',
      'SHARDS_INCOMPLETE',
      (folder) =>
        change(folder, (map) => {
          map['one.more'] = 'diffusion_pytorch_model-00002-of-00003.safetensors'
        }),
    ],
    [
      'a shard in another folder',
      'SHARDS_INCOMPLETE',
      (folder) =>
        change(folder, (map) => {
          map['one.more'] = '../x-00002-of-00003.safetensors'
        }),
    ],
    ['a list of nothing', 'SHARDS_INCOMPLETE', (folder) => writeFileSync(join(folder, INDEX), '{}')],
    ['a list that is no JSON', 'SHARDS_INCOMPLETE', (folder) => writeFileSync(join(folder, INDEX), '<html>')],
    [
      'a shard that is cut',
      'SAFETENSORS_TRUNCATED',
      (folder) => {
        const path = join(folder, 'diffusion_pytorch_model-00003-of-00003.safetensors')
        writeFileSync(path, readFileSync(path).subarray(0, 500_000))
      },
    ],
  ])('%s', async (_, code, damage) => {
    const folder = await sharded(tempFolder())
    damage(folder)
    const { stdout } = await runCli(['inspect', folder, '--json'])
    expect(JSON.parse(stdout).results[0].error).toMatchObject({ code })
  })
})
