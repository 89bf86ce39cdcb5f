import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { modelFolders } from '../../../src/commands/shared/model-folders.ts'
import { LAYOUTS } from '../../../src/library/layouts.ts'
import { type ModelKind, resolveModel } from '../../../src/library/resolve.ts'
import { scanFolder } from '../../../src/library/scan.ts'
import type { World } from '../../../src/system/world.ts'
import { tempFolder } from '../../temp-folder.ts'

interface FakeFolders {
  readonly root: string
  readonly notes: string[]
  find(name: string, kind?: ModelKind, roots?: readonly string[]): Promise<string>
}

/** A folder with empty files at these places. */
function foldersOf(...files: string[]): FakeFolders {
  const root = tempFolder()
  const notes: string[] = []
  for (const file of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), '')
  }
  const clean = (text: string) => text.replaceAll(root, 'DIR')
  const world = {
    env: {},
    signal: new AbortController().signal,
    stderr: { write: (text: string) => notes.push(clean(text)) },
  } as unknown as World
  return {
    root,
    notes,
    async find(name, kind = 'any', roots = [root]) {
      try {
        return clean(await resolveModel(name, kind, modelFolders({ models: [...roots] }, world)))
      } catch (error) {
        const { code, message, hint } = error as { code: string; message: string; hint?: string }
        return clean([code, message, hint].join('\n'))
      }
    },
  }
}

describe('a bare name', () => {
  it.each([
    ['checkpoint', 'models/Stable-diffusion/x.ckpt'],
    ['lora', 'models/Lora/x.safetensors'],
    ['lora', 'models/LyCORIS/x.safetensors'],
    ['vae', 'models/VAE/x.vae.pt'],
    ['embedding', 'embeddings/x.pt'],
    ['checkpoint', 'models/checkpoints/x.safetensors'],
    ['checkpoint', 'models/diffusion_models/x.safetensors'],
    ['checkpoint', 'models/unet/x.gguf'],
    ['lora', 'models/loras/x.safetensors'],
    ['vae', 'models/vae/x.safetensors'],
    ['embedding', 'models/embeddings/x.bin'],
    ['any', 'models/ControlNet/x.pth'],
    ['any', 'models/text_encoders/x.safetensors'],
    ['any', 'models/hypernetworks/x.pt'],
  ] as const)('of a %s is found in %s, whatever else has it', async (kind, file) => {
    const name = file.includes('.vae.') ? 'x.vae' : 'x'
    const other = kind === 'any' ? [] : [`other/x${file.includes('.vae.') ? '.vae' : ''}.safetensors`]
    const world = foldersOf(file, ...other)
    expect(await world.find(name, kind)).toBe(`DIR/${file}`)
  })

  it('is searched in the models folder of a program, too, and in one of its folders', async () => {
    const world = foldersOf('models/Lora/x.safetensors', 'models/VAE/x.safetensors')
    const roots = [join(world.root, 'models')]
    expect(await world.find('x', 'lora', roots)).toBe('DIR/models/Lora/x.safetensors')
    const single = [join(world.root, 'models/VAE'), join(world.root, 'models/Lora')]
    expect(await world.find('x', 'lora', single)).toBe('DIR/models/Lora/x.safetensors')
    expect(await world.find('x', 'vae', single)).toBe('DIR/models/VAE/x.safetensors')
  })

  it('is found in a folder without layout, and where nobody would look', async () => {
    const world = foldersOf('x.safetensors', 'deep/er/y.ckpt', 'models/VAE/z.safetensors')
    expect(await world.find('x', 'lora')).toBe('DIR/x.safetensors')
    expect(await world.find('y', 'checkpoint')).toBe('DIR/deep/er/y.ckpt')
    expect(await world.find('z', 'lora')).toBe('DIR/models/VAE/z.safetensors')
  })

  it('may carry its ending or the folder it is in', async () => {
    const world = foldersOf(
      'models/Lora/styles/x.safetensors',
      'models/Lora/people/x.safetensors',
      'y.v1.5.pt',
    )
    expect(await world.find('styles/x')).toBe('DIR/models/Lora/styles/x.safetensors')
    expect(await world.find('people/x.safetensors')).toBe('DIR/models/Lora/people/x.safetensors')
    expect(await world.find('les/x')).toMatch(/^MODEL_NOT_FOUND/)
    expect(await world.find('y.v1.5')).toBe('DIR/y.v1.5.pt')
  })

  it('is taken in its own case before any other', async () => {
    const world = foldersOf('a/Foo.safetensors', 'b/foo.safetensors')
    expect(await world.find('foo')).toBe('DIR/b/foo.safetensors')
    expect(await world.find('Foo')).toBe('DIR/a/Foo.safetensors')
    expect(await world.find('FOO.SAFETENSORS')).toMatch(/^NAME_AMBIGUOUS/)
    expect(await foldersOf('a/Foo.safetensors').find('foO')).toBe('DIR/a/Foo.safetensors')
  })

  it('prefers what has the whole name to what has it before its ending', async () => {
    const world = foldersOf('x.pt', 'x.pt.safetensors')
    expect(await world.find('x.pt')).toBe('DIR/x.pt')
  })

  it('is refused where it could be several files, with all of them', async () => {
    const world = foldersOf('models/Lora/a/x.safetensors', 'models/loras/x.safetensors', 'x.safetensors')
    expect(await world.find('x', 'lora')).toBe(
      'NAME_AMBIGUOUS\n' +
        'x is ambiguous: it could be DIR/models/Lora/a/x.safetensors, DIR/models/loras/x.safetensors\n' +
        'Give the path, or more of it: its folder or its ending.',
    )
  })

  it('takes safetensors before a pickle of the same name, only in the same folder, and says so', async () => {
    const world = foldersOf('x.ckpt', 'x.safetensors')
    expect(await world.find('x')).toBe('DIR/x.safetensors')
    expect(world.notes).toEqual(['sdtool: x: using DIR/x.safetensors instead of x.ckpt next to it\n'])
    expect(await foldersOf('a/x.ckpt', 'b/x.safetensors').find('x')).toMatch(/^NAME_AMBIGUOUS/)
    expect(await foldersOf('x.ckpt', 'x.pt').find('x')).toMatch(/^NAME_AMBIGUOUS/)
  })

  it('names where it looked and the nearest names when there is no such model', async () => {
    const world = foldersOf(
      'models/Lora/detail_v2.safetensors',
      'models/Lora/add_detail.safetensors',
      'other.pt',
    )
    expect(await world.find('detial_v2', 'lora', [world.root, join(world.root, 'gone')])).toBe(
      'MODEL_NOT_FOUND\n' +
        'detial_v2 does not exist, and there is no model of that name in DIR, DIR/gone (does not exist)\n' +
        'Similar names: detail_v2.',
    )
    expect(await world.find('detail')).toMatch(/Similar names: add_detail, detail_v2\.$/)
    expect(await world.find('zzz')).toMatch(/None of the 3 model files there has a similar name\.$/)
  })

  it('is not found among files that are no models, hidden folders and those of programs', async () => {
    const world = foldersOf('x.txt', '.cache/x.safetensors', 'venv/lib/x.pt')
    expect(await world.find('x')).toMatch(/^MODEL_NOT_FOUND.*\n.*\nThere are no model files/)
  })

  it('says what is missing where no folder was named', async () => {
    const world = foldersOf()
    expect(await world.find('base', 'checkpoint', [])).toBe(
      'ENOENT\nbase does not exist\n' +
        'Bare names are looked up in the folders of --models or SDTOOL_MODELS, and neither is set.',
    )
  })
})

describe('a path', () => {
  it('that exists is that file, even if a model of the same name could be found', async () => {
    const world = foldersOf('here/x.safetensors', 'x.safetensors')
    const path = join(world.root, 'here/x.safetensors')
    expect(await world.find(path)).toBe('DIR/here/x.safetensors')
    expect(await world.find('package.json')).toBe('package.json')
  })

  it('may be without its ending, as names are', async () => {
    const world = foldersOf('here/x.ckpt', 'here/y.pt', 'here/y.ckpt', 'x.safetensors')
    expect(await world.find(join(world.root, 'here/x'))).toBe('DIR/here/x.ckpt')
    expect(await world.find(join(world.root, 'here/y'))).toMatch(/^NAME_AMBIGUOUS/)
  })

  it.each(['./x', '../x', '/x', '~/x', 'a//x', 'a/../x'])('like %s is not looked up', async (path) => {
    const world = foldersOf('x.safetensors', 'a/x.safetensors')
    expect(await world.find(path)).toBe(path)
  })
})

describe('linked folders', () => {
  it('are followed once, without going round in circles', async () => {
    const world = foldersOf('store/x.safetensors')
    mkdirSync(join(world.root, 'models'))
    symlinkSync(join(world.root, 'store'), join(world.root, 'models/loras'))
    symlinkSync(world.root, join(world.root, 'store/round'))
    symlinkSync('nowhere', join(world.root, 'models/vae'))
    expect(await world.find('x', 'lora')).toBe('DIR/models/loras/x.safetensors')
    expect(await world.find('x', 'vae')).toBe('DIR/models/loras/x.safetensors')
  })

  it('make one file of several names', async () => {
    const world = foldersOf('models/Lora/x.safetensors')
    mkdirSync(join(world.root, 'models/loras'))
    symlinkSync(join(world.root, 'models/Lora/x.safetensors'), join(world.root, 'models/loras/x.safetensors'))
    expect(await world.find('x', 'lora')).toBe('DIR/models/Lora/x.safetensors')
  })

  it('are not followed deeper than people nest their folders', async () => {
    const deep = 'a/b/c/d/e/f/g/h/i'
    const world = foldersOf(`${deep}/x.safetensors`, `${deep}/j/y.safetensors`)
    expect(await world.find('x')).toBe(`DIR/${deep}/x.safetensors`)
    expect(await world.find('y')).toMatch(/^MODEL_NOT_FOUND/)
  })
})

describe('a folder with too much in it', () => {
  it('is refused, not searched for minutes', async () => {
    const { root } = foldersOf('a/x.pt', 'b/y.pt')
    const { signal } = new AbortController()
    expect((await scanFolder(root, signal, 4)).files).toHaveLength(2) // two folders, two files
    await expect(scanFolder(root, signal, 3)).rejects.toMatchObject({ code: 'MODEL_FOLDER_TOO_LARGE' })
  })

  it('is left at Ctrl-C', async () => {
    const abort = new AbortController()
    abort.abort()
    await expect(scanFolder(tempFolder(), abort.signal)).rejects.toMatchObject({ name: 'AbortError' })
  })
})

describe('the model folders', () => {
  it('come from SDTOOL_MODELS, a list like PATH, unless the command line names some', () => {
    const world = { env: { SDTOOL_MODELS: `/a${delimiter}${delimiter}/b` } } as unknown as World
    expect(modelFolders({}, world).roots).toEqual(['/a', '/b'])
    expect(modelFolders({ models: '/c' }, world).roots).toEqual(['/c'])
    expect(modelFolders({ models: ['/c', '/d,e'] }, world).roots).toEqual(['/c', '/d,e'])
    expect(() => modelFolders({ models: '' }, world)).toThrow('--models needs a value')
  })

  it('have a place for every kind in every layout', () => {
    // SwarmUI has no list of its own for these
    const WITHOUT: Readonly<Record<string, readonly string[]>> = {
      swarmui: ['hypernetwork', 'motion-module'],
    }
    for (const { id, folders } of LAYOUTS) {
      const empty = Object.entries(folders).flatMap(([kind, places]) => (places.length === 0 ? [kind] : []))
      expect([id, empty]).toEqual([id, WITHOUT[id] ?? []])
    }
  })
})
