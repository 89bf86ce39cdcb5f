import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { scanFolder } from '../../src/library/scan.ts'
import { runCli } from '../cli/run.ts'
import { tempFolder } from '../temp-folder.ts'

const MODEL = join(import.meta.dirname, '../../fixtures/tiny-sd/sd-postcard.safetensors')
const isPosix = process.platform !== 'win32'

function place(path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  copyFileSync(MODEL, path)
}

/** A folder with all that a walk can meet. */
function treeOf(): string {
  const root = tempFolder()
  for (const name of [
    'lib/b',
    'lib/sub/c',
    'lib/venv/d',
    'lib/.trash/e',
    'elsewhere/a',
    'lib/1/2/3/4/5/6/7/8/9/10/f',
  ])
    place(join(root, `${name}.safetensors`))
  symlinkSync('../elsewhere', join(root, 'lib/linked'))
  symlinkSync('..', join(root, 'lib/up'))
  symlinkSync('/', join(root, 'lib/disk'))
  symlinkSync('../sub', join(root, 'lib/sub/twice'))
  if (isPosix) execFileSync('mkfifo', [join(root, 'lib/pipe.safetensors')])
  return root
}

/** What a command prints of each file: below the folder it was given. */
const SEEN = ['b.safetensors', 'linked/a.safetensors', 'sub/c.safetensors']

/** Every command that takes a folder of model files. */
const WALKERS: readonly (readonly string[])[] = [
  ['list'],
  ['inspect', '--brief'],
  ['verify'],
  ['convert', '--to', 'safetensors', '--dry-run'],
  ['prune', '--dry-run'],
]

describe('all commands that take a folder', () => {
  it.each(WALKERS)('%s: looks at the same files and says what it left out', async (...command) => {
    const folder = join(treeOf(), 'lib')
    const world = { SDTOOL_CACHE: tempFolder() }
    const { stdout, stderr } = await runCli([...command, folder], undefined, world)
    const text = (stdout + stderr).replaceAll(`${folder}/`, '')
    const named = text.match(/[\w/]*\w\.safetensors/g) ?? []
    expect([...new Set(named)].filter((name) => !name.startsWith('/')).sort()).toEqual(SEEN)
    expect(stderr).toContain(`(a program keeps its own files there): ${folder}/venv`)
    expect(stderr).toContain(`(leads back to a parent folder): ${folder}/disk, ${folder}/up`)
    expect(stderr).toContain(`(more than 10 folders deep): ${folder}/1/2/3/4/5/6/7/8/9/10`)
  })
})

describe('a walk', () => {
  it.runIf(process.platform === 'linux')('does not go into the folders of the system', async () => {
    const { files, skipped } = await scanFolder('/proc', new AbortController().signal)
    expect(files).toEqual([])
    expect(skipped).toEqual([{ path: '/proc', why: 'system' }])
  })

  it.runIf(isPosix && process.getuid?.() !== 0)('goes on beside a folder that may not be read', async () => {
    const root = tempFolder()
    place(join(root, 'a.safetensors'))
    mkdirSync(join(root, 'locked'))
    chmodSync(join(root, 'locked'), 0)
    const { files, skipped } = await scanFolder(root, new AbortController().signal)
    chmodSync(join(root, 'locked'), 0o700)
    expect(files.map(({ name }) => name)).toEqual(['a.safetensors'])
    expect(skipped).toEqual([{ path: join(root, 'locked'), why: 'locked' }])
  })
})

/** Names that sdtool reads beside a model. */
const BESIDE = [
  'm.yaml',
  'm.json',
  'm.civitai.info',
  'm.sha256',
  'm.safetensors.sha256',
  'adapter_config.json',
]

describe.runIf(isPosix)('pipes in the place of files', () => {
  it.each(['inspect', 'verify', 'list', 'convert', 'prune', 'replay'])(
    '%s of a pipe is refused, it does not wait for a writer',
    async (command) => {
      const pipe = join(tempFolder(), 'pipe.safetensors')
      execFileSync('mkfifo', [pipe])
      const { code, stderr } = await runCli([command, pipe])
      expect([code, stderr]).toEqual([3, expect.stringMatching(/is not a regular file|is not a folder/)])
    },
  )

  it.each(['inspect', 'verify', 'list'])('%s goes past pipes beside a model', async (command) => {
    const folder = tempFolder()
    place(join(folder, 'm.safetensors'))
    for (const name of BESIDE) execFileSync('mkfifo', [join(folder, name)])
    const target = command === 'list' ? folder : join(folder, 'm.safetensors')
    const { code } = await runCli([command, target], undefined, { SDTOOL_CACHE: tempFolder() })
    expect(code).toBe(0)
  })

  it('a picture that is a pipe is refused', async () => {
    const pipe = join(tempFolder(), 'pipe.png')
    execFileSync('mkfifo', [pipe])
    expect((await runCli(['inspect', pipe])).code).toBe(3)
  })
})
