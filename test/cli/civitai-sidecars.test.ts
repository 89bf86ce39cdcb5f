/** What is written beside a model never is the model, nor any other file somebody has. */
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Double, startDouble } from '../civitai/double.ts'
import { legacyFile, loraFile } from '../civitai/files.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const PNG = Buffer.from('89504e470d0a1a0a0000', 'hex')
const WORKFLOW = Buffer.from('{"nodes":[],"links":[]}')
const LORA = loraFile()

interface Setup {
  readonly double: Double
  readonly folder: string
  sdtool(...args: string[]): ReturnType<typeof runCli>
}

async function setup(): Promise<Setup> {
  const double = await startDouble()
  double.onPicture = PNG
  const folder = join(tempFolder(), 'out')
  mkdirSync(folder)
  const env = { SDTOOL_CIVITAI_URL: double.base.href, HOME: join(folder, '../home') }
  return { double, folder, sdtool: (...args) => runCli(args, undefined, env) }
}

/** A version with one file, and a picture. */
function publish({ double }: Setup, id: number, name: string, bytes: Buffer, facts: object = {}): void {
  const images = [{ type: 'image', url: `${double.base.origin}/img/${id}.jpeg` }]
  const file = { id: 1000 + id, name, bytes, facts: { metadata: { format: 'Other' }, ...facts } }
  double.publish({ id, modelId: id, modelName: `Model ${id}`, files: [file], facts: { images } })
}

const ALL_SIDECARS = ['--sidecars', 'info,preview,a1111']
const read = (folder: string, name: string): Buffer => readFileSync(join(folder, name))

/** Files whose names are those of sidecars, in all their kinds. */
const NAMES: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['flow.json', WORKFLOW],
  ['flow.JSON', WORKFLOW],
  ['flow.civitai.info', WORKFLOW],
  ['flow.preview.png', PNG],
  ['flow.png', PNG],
  ['flow.webp', Buffer.from('RIFF....WEBP')],
  ['flow.txt', Buffer.from('words')],
  ['flow.yaml', Buffer.from('a: 1')],
  ['flow.json.json', WORKFLOW],
]

describe('sidecars', () => {
  it.each(NAMES)('leave %s as it was verified', async (name, bytes) => {
    const here = await setup()
    publish(here, 31, name, bytes, { type: 'Workflow' })
    const args = ['version:31', '--file', '1031', '-o', here.folder, '--any', ...ALL_SIDECARS]
    for (const round of ['new', 'there already']) {
      const { code, stderr } = await here.sdtool('download', ...args)
      expect([round, code, stderr]).toEqual([round, 0, ''])
      expect(read(here.folder, name).toString()).toBe(bytes.toString())
    }
    // and of a file that was there before, by name
    const { code } = await here.sdtool('identify', join(here.folder, name), ...ALL_SIDECARS)
    expect(code).toBe(0)
    expect(read(here.folder, name).toString()).toBe(bytes.toString())
  })

  it.each(NAMES)('leave %s of the same run as it is, whichever comes first', async (name, bytes) => {
    for (const order of [
      ['version:31', 'version:32'],
      ['version:32', 'version:31'],
    ]) {
      const here = await setup()
      publish(here, 31, name, bytes, { type: 'Workflow' })
      publish(here, 32, 'flow.safetensors', LORA)
      const args = ['--file', 'flow*', '-o', here.folder, '--any', '--jobs', '1', ...ALL_SIDECARS]
      const { code, stderr } = await here.sdtool('download', ...order, ...args)
      expect([code, stderr]).toEqual([0, ''])
      const contents = readdirSync(here.folder).map((file) => read(here.folder, file).toString('latin1'))
      expect(contents).toContain(bytes.toString('latin1'))
      expect(contents).toContain(LORA.toString('latin1'))
    }
  })

  it.each([
    ['a workflow', WORKFLOW.toString()],
    ['a list', '[1]'],
    ['no JSON', 'x'],
    ['notes of another version', '{"activation text":"mine","modelVersionId":7}'],
    ['notes of another file', '{"activation text":"mine","sha256":"AB"}'],
  ])('do not become part of %s that was there before', async (_what, text) => {
    const here = await setup()
    publish(here, 32, 'flow.safetensors', LORA)
    writeFileSync(join(here.folder, 'flow.json'), text)
    const { code, stdout } = await here.sdtool('download', 'version:32', '-o', here.folder, ...ALL_SIDECARS)
    expect(code).toBe(0)
    expect(read(here.folder, 'flow.json').toString()).toBe(text)
    expect(stdout).toContain('flow.json')
    expect(stdout).toContain('it was left unchanged')
  })

  it('are not the model under another name of it, either', async () => {
    for (const link of [linkSync, symlinkSync]) {
      const here = await setup()
      publish(here, 31, 'model.json', WORKFLOW, { type: 'Workflow' })
      const named = join(here.folder, 'other.bin')
      writeFileSync(join(here.folder, 'model.json'), WORKFLOW)
      link(join(here.folder, 'model.json'), named)
      link(join(here.folder, 'model.json'), join(here.folder, 'other.json'))
      await here.sdtool('identify', named, ...ALL_SIDECARS)
      expect(read(here.folder, 'model.json').toString()).toBe(WORKFLOW.toString())
      expect(read(here.folder, 'other.json').toString()).toBe(WORKFLOW.toString())
    }
  })

  it('of two models that differ in their ending only say each what its own is', async () => {
    const here = await setup()
    publish(here, 31, 'm.safetensors', LORA)
    publish(here, 32, 'M.pt', legacyFile(1, 4))
    const { code } = await here.sdtool(
      'download',
      'version:31',
      'version:32',
      '-o',
      here.folder,
      ...ALL_SIDECARS,
    )
    expect(code).toBe(0)
    const infos = readdirSync(here.folder).filter((name) => name.endsWith('.info'))
    expect(infos.map((name) => [name, JSON.parse(read(here.folder, name).toString()).id])).toEqual([
      ['M_1032.civitai.info', 32],
      ['m.civitai.info', 31],
    ])
  })

  it('of an older version are not taken for those of a newer one that replaced it', async () => {
    const here = await setup()
    publish(here, 31, 'm.safetensors', LORA)
    publish(here, 32, 'm.safetensors', loraFile({ v: '2' }))
    const args = ['-o', here.folder, '--force', ...ALL_SIDECARS]
    expect((await here.sdtool('download', 'version:31', ...args)).code).toBe(0)
    const { code, stdout } = await here.sdtool('download', 'version:32', ...args)
    expect(code).toBe(0)
    expect(stdout).toContain('m.civitai.info belongs to version 31, not to version 32')
    expect(stdout).toContain('m.json belongs to version 31, not to version 32')
  })

  it('that a person keeps private or as a link stay so', async () => {
    const here = await setup()
    publish(here, 32, 'm.safetensors', LORA)
    const notes = join(here.folder, 'notes-elsewhere')
    writeFileSync(notes, '{"notes":"mine"}', { mode: 0o600 })
    symlinkSync('notes-elsewhere', join(here.folder, 'm.json'))
    expect((await here.sdtool('download', 'version:32', '-o', here.folder, ...ALL_SIDECARS)).code).toBe(0)
    expect(JSON.parse(readFileSync(notes, 'utf8'))).toMatchObject({ notes: 'mine', modelVersionId: 32 })
    expect((statSync(notes).mode & 0o777).toString(8)).toBe('600')
  })
})

describe('the names of one run', () => {
  it('are none that another download writes on its way', async () => {
    const here = await setup()
    const names = ['x.safetensors', 'X.SAFETENSORS', 'x.safetensors.part', 'x.safetensors.part.json', 'x.safetensors.unsafe', 'x.safetensors.broken'] // biome-ignore format: a list
    const files = names.map((name, i) => ({
      name,
      bytes: /^x\.safetensors$/i.test(name) ? loraFile({ i: String(i) }) : Buffer.from(`{"i":${i}}`),
    }))
    for (const [i, { name, bytes }] of files.entries()) publish(here, 31 + i, name, bytes)
    const references = files.map((_, i) => `version:${31 + i}`)
    const flags = ['--any', '--file', '*', '--sidecars', 'none', '--jobs', '6', '-o', here.folder]
    const { code, stderr } = await here.sdtool('download', ...references, ...flags)
    expect([code, stderr]).toEqual([0, ''])
    const written = readdirSync(here.folder)
    expect(new Set(written.map((name) => name.toLowerCase())).size).toBe(files.length)
    const contents = written.map((name) => read(here.folder, name).toString('latin1'))
    expect(contents.sort()).toEqual(files.map(({ bytes }) => bytes.toString('latin1')).sort())
  })

  it('are not taken from a file of the person', async () => {
    for (const name of ['m.safetensors.part', 'm.safetensors.part.json']) {
      const here = await setup()
      publish(here, 31, 'm.safetensors', LORA)
      writeFileSync(join(here.folder, name), '{"mine":1}')
      const { code, stderr } = await here.sdtool('download', 'version:31', '-o', here.folder)
      expect([code, stderr]).toEqual([2, expect.stringContaining('already exists, and is not from sdtool')])
      expect(readdirSync(here.folder)).toEqual([name])
      expect(read(here.folder, name).toString()).toBe('{"mine":1}')
    }
  })
})

describe('identify --rename', () => {
  it.each(NAMES)('renames %s once, and takes along what is beside it', async (name, bytes) => {
    const here = await setup()
    publish(here, 31, name, bytes, { type: 'Workflow' })
    writeFileSync(join(here.folder, name), bytes)
    const { code, stderr } = await here.sdtool('identify', join(here.folder, name), '--rename')
    expect([code, stderr]).toEqual([0, ''])
    const ending = name.slice(name.lastIndexOf('.'))
    expect(readdirSync(here.folder)).toEqual([`Model_31_v1.0${ending}`])
    expect(read(here.folder, `Model_31_v1.0${ending}`).toString()).toBe(bytes.toString())
  })

  it('does not take from another model what lies beside both', async () => {
    const here = await setup()
    publish(here, 31, 'm.safetensors', LORA)
    for (const name of ['m.safetensors', 'm.ckpt']) writeFileSync(join(here.folder, name), LORA)
    writeFileSync(join(here.folder, 'm.yaml'), 'model: {}')
    const { stderr } = await here.sdtool('identify', join(here.folder, 'm.safetensors'), '--rename')
    expect(stderr).toContain('m.yaml, and the other files next to it, belong to m.ckpt as well')
    expect(readdirSync(here.folder).sort()).toEqual(['m.ckpt', 'm.safetensors', 'm.yaml'])
    expect(existsSync(join(here.folder, 'm.safetensors'))).toBe(true)
  })
})
