/** Diffusion transformers and their folders of diffusers, on the narrow models that diffusers made in both layouts. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DIFFUSERS_FAMILIES } from '../../src/model/layouts/diffusers-families.ts'
import { provenArchitecture } from '../../src/model/networks/architectures/proof.ts'
import type { Tensor } from '../../src/tensor/values/table.ts'
import { familyGolden, goldenModel } from '../family-goldens.ts'
import { GOLDEN_FAMILIES, GOLDEN_FORMS } from '../golden-forms.ts'
import { contentsOf, writeModel } from '../model-files.ts'
import { floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const FAMILIES = GOLDEN_FAMILIES.filter((family) => {
  const { tensors } = goldenModel(family, 'native')
  const proven = provenArchitecture((name) => tensors.get(name)?.shape)
  return Object.hasOwn(DIFFUSERS_FAMILIES, proven!.architecture.id)
})

async function expectFile(path: string, expected: ReadonlyMap<string, Tensor>): Promise<void> {
  const { model, bytes } = await contentsOf(path)
  expect([...model.tensors.keys()].toSorted()).toEqual([...expected.keys()].toSorted())
  for (const [name, { shape, source }] of expected) {
    expect(model.tensors.get(name)!.shape, name).toEqual(shape)
    expect(
      Buffer.compare(bytes.get(name)!, source.kind === 'bytes' ? source.data : Buffer.alloc(0)),
      name,
    ).toBe(0)
  }
}

async function converted(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(['convert', ...args])
  expect([code, stderr]).toEqual([0, ''])
  return stdout
}

describe.each(FAMILIES)('%s', (family) => {
  const native = goldenModel(family, 'native').tensors
  const diffusers = goldenModel(family, 'diffusers').tensors

  it('becomes the folder that diffusers would write, and the file again', async () => {
    const folder = tempFolder()
    const [path, pipe, back] = ['m.safetensors', 'pipe', 'back.safetensors'].map((name) =>
      join(folder, name),
    ) as [string, string, string]
    await writeModel(path, { tensors: native, metadata: {} })
    await converted(path, '--to', 'diffusers', '-o', pipe)
    await expectFile(join(pipe, 'transformer/diffusion_pytorch_model.safetensors'), diffusers)
    const json = (name: string) => JSON.parse(readFileSync(join(pipe, name), 'utf8'))
    expect(json('transformer/config.json')._class_name).toBe(familyGolden(family).class)
    expect(json('model_index.json').transformer).toEqual(['diffusers', familyGolden(family).class])
    expect(json('model_index.json').vae).toEqual([null, null])
    expect(json('scheduler/scheduler_config.json')._class_name).toBe('FlowMatchEulerDiscreteScheduler')
    await converted(pipe, '-o', back)
    await expectFile(back, native)
  })
})

const VAE = 'vae.decoder.conv_in.weight'

describe('a folder of diffusers with a transformer', () => {
  async function pipeOf(form: keyof typeof GOLDEN_FORMS) {
    const folder = tempFolder()
    const path = join(folder, 'm.safetensors')
    await writeModel(path, { tensors: GOLDEN_FORMS[form]('flux'), metadata: {} })
    const pipe = join(folder, 'pipe')
    await converted(path, '--to', 'diffusers', '-o', pipe)
    return { folder, pipe, path }
  }

  it.each(['authors', 'ComfyUI, alone', 'ComfyUI, in a checkpoint', 'diffusers'] as const)(
    'is the same from a file that %s writes',
    async (form) => {
      const { pipe } = await pipeOf(form)
      await expectFile(
        join(pipe, 'transformer/diffusion_pytorch_model.safetensors'),
        goldenModel('flux', 'diffusers').tensors,
      )
    },
  )

  it('says that a second transformer is not in the file', async () => {
    const { pipe, folder } = await pipeOf('authors')
    cpSync(join(pipe, 'transformer'), join(pipe, 'transformer_2'), { recursive: true })
    const text = await converted(pipe, '-o', join(folder, 'b.safetensors'))
    expect(text).toContain('transformer_2 is not in it')
    expect(text).not.toContain('image_encoder')
  })

  it('lists what it has no place for', async () => {
    const folder = tempFolder()
    const path = join(folder, 'm.safetensors')
    const more = floatTensor('__marker__', [1], [0])
    await writeModel(path, tableOf([...goldenModel('flux', 'native').tensors.values(), more]))
    const text = await converted(path, '--to', 'diffusers', '-o', join(folder, 'pipe'))
    expect(text).toContain('1 tensor ("__marker__") left out: the other layout has no place for them')
  })

  it('gives one of its networks alone', async () => {
    const { path, folder } = await pipeOf('authors')
    const out = join(folder, 't.safetensors')
    await converted(path, '--to', 'diffusers', '--part', 'transformer', '-o', out)
    await expectFile(out, goldenModel('flux', 'diffusers').tensors)
    const { code, stderr } = await runCli(['convert', path, '--to', 'diffusers', '--part', 'vae', '-o', out])
    expect([code, stderr]).toEqual([3, expect.stringContaining('the model has no vae')])
  })

  it('is replayed from the recipe of its files', async () => {
    const { pipe, folder } = await pipeOf('authors')
    const file = join(pipe, 'transformer/diffusion_pytorch_model.safetensors')
    const again = join(folder, 'again.safetensors')
    const { code, stderr } = await runCli(['replay', file, '--models', folder, '-o', again])
    expect([code, stderr]).toEqual([0, ''])
    expect(readFileSync(again).equals(readFileSync(file))).toBe(true)
  })
})

it('a transformer of diffusers is cut out of a model under the names of its authors', async () => {
  const folder = tempFolder()
  const [path, out] = [join(folder, 'm.safetensors'), join(folder, 'n.safetensors')]
  await writeModel(path, { tensors: GOLDEN_FORMS.diffusers('z_image'), metadata: {} })
  const { code, stderr } = await runCli(['extract', 'unet', path, '-o', out])
  expect([code, stderr]).toEqual([0, ''])
  await expectFile(out, goldenModel('z_image', 'native').tensors)
})

describe('a transformer in a file of its own', () => {
  const FORMS = ['authors', 'ComfyUI, alone', 'diffusers'] as const

  async function expectAlreadyNamed(path: string, to: string, out: string): Promise<void> {
    const { code, stdout } = await runCli(['convert', path, '--to', to, '-o', out])
    expect([code, existsSync(out)]).toEqual([4, false])
    expect(stdout).toContain('its transformer has these names already')
  }

  it.each(FORMS)('that %s writes gets the names of its authors', async (form) => {
    const folder = tempFolder()
    const [path, out] = [join(folder, 'm.safetensors'), join(folder, 'n.safetensors')]
    await writeModel(path, { tensors: GOLDEN_FORMS[form]('flux'), metadata: {} })
    if (form === 'authors') {
      return expectAlreadyNamed(path, 'native', out)
    }
    await converted(path, '--to', 'native', '-o', out)
    await expectFile(out, goldenModel('flux', 'native').tensors)
  })

  it.each(FORMS)('that %s writes gets the names that ComfyUI saves', async (form) => {
    const folder = tempFolder()
    const [path, out] = [join(folder, 'm.safetensors'), join(folder, 'n.safetensors')]
    await writeModel(path, { tensors: GOLDEN_FORMS[form]('flux'), metadata: {} })
    if (form === 'ComfyUI, alone') {
      return expectAlreadyNamed(path, 'comfyui', out)
    }
    await converted(path, '--to', 'comfyui', '-o', out)
    await expectFile(out, GOLDEN_FORMS['ComfyUI, alone']('flux'))
  })

  it('keeps its prefix and what is beside it', async () => {
    const folder = tempFolder()
    const [path, out] = [join(folder, 'm.safetensors'), join(folder, 'n.safetensors')]
    const beside = floatTensor(VAE, [512, 16, 3, 3], Array(512 * 16 * 9).fill(0.5))
    const tensors = new Map(GOLDEN_FORMS['ComfyUI, in a checkpoint']('flux')).set(VAE, beside)
    await writeModel(path, { tensors, metadata: {} })
    await converted(path, '--to', 'native', '-o', out)
    const expected = [...goldenModel('flux', 'native').tensors].map(
      ([name, tensor]) => [`model.diffusion_model.${name}`, tensor] as const,
    )
    await expectFile(out, new Map([...expected, [VAE, beside] as const]))
  })

  it('of shards, as diffusers writes them, becomes one file', async () => {
    const folder = tempFolder()
    const shards = join(folder, 'transformer')
    mkdirSync(shards)
    const tensors = [...goldenModel('flux', 'diffusers').tensors.values()]
    const names = [1, 2].map((n) => `diffusion_pytorch_model-0000${n}-of-00002.safetensors`)
    const halves = [tensors.slice(0, 40), tensors.slice(40)]
    for (const [i, half] of halves.entries()) await writeModel(join(shards, names[i]!), tableOf(half))
    const map = halves.flatMap((half, i) => half.map(({ name }) => [name, names[i]!]))
    const index = { metadata: {}, weight_map: Object.fromEntries(map) }
    writeFileSync(join(shards, 'diffusion_pytorch_model.safetensors.index.json'), JSON.stringify(index))
    const out = join(folder, 'n.safetensors')
    await converted(shards, '--to', 'native', '-o', out)
    await expectFile(out, goldenModel('flux', 'native').tensors)
  })

  it('of a family without names in both layouts is refused', async () => {
    const folder = tempFolder()
    const path = join(folder, 'm.safetensors')
    await writeModel(path, tableOf([floatTensor('some.weight', [2], [1, 2])]))
    const { code, stderr } = await runCli([
      'convert',
      path,
      '--to',
      'native',
      '-o',
      join(folder, 'n.safetensors'),
    ])
    expect(code).toBe(3)
    expect(stderr).toContain('has no diffusion transformer whose names sdtool knows')
    expect(existsSync(join(folder, 'n.safetensors'))).toBe(false)
  })
})
