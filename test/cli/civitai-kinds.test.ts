/** What `download` keeps, and under which names; and what it leaves when it keeps nothing. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FILE_KINDS } from '../../src/civitai/plan/file-kinds.ts'
import { answer, type Double, sha256, startDouble } from '../civitai/double.ts'
import { loraFile } from '../civitai/files.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const LORA = loraFile()
const PROGRAM = Buffer.from('MZ\x90\0\x03\0\0\0', 'latin1')

interface Setup {
  readonly double: Double
  readonly folder: string
  download(...args: string[]): ReturnType<typeof runCli>
}

/** A version 31 with one file of this name. */
async function setup(name: string, bytes: Buffer, facts: object = {}): Promise<Setup> {
  const double = await startDouble()
  const file = { id: 8, name, bytes, facts: { metadata: { format: 'Other' }, ...facts } }
  double.publish({ id: 31, modelId: 11, files: [file] })
  const folder = join(tempFolder(), 'out')
  mkdirSync(folder)
  const env = { SDTOOL_CIVITAI_URL: double.base.href, HOME: join(folder, '../home') }
  const line = ['download', 'version:31', '--file', '8', '--sidecars', 'none']
  const download: Setup['download'] = (...args) => {
    const place = args.includes('-o') ? [] : ['-o', folder]
    return runCli([...line, ...place, ...args], undefined, env)
  }
  return { double, folder, download }
}

const UNKNOWN = ['run.exe', 'run.sh', 'run.bat', 'run.py', 'run.dll', 'run.lnk', 'run.desktop', 'page.html', 'a.onnx', 'x.safetensors.part', 'x.ps1'] // biome-ignore format: a list

describe('sdtool download', () => {
  it.each(UNKNOWN)('does not fetch %s unless it is told to', async (name) => {
    const { double, folder, download } = await setup(name, PROGRAM)
    const { code, stderr } = await download()
    expect([code, stderr]).toEqual([
      3,
      `sdtool: "${name}": sdtool does not know this kind of file and could not check it\n  With --any it is downloaded and kept unchecked.\n`,
    ])
    expect(readdirSync(folder)).toEqual([])
    expect(double.requests.some(({ url }) => url.includes('/download/'))).toBe(false)
  })

  it.each(UNKNOWN)('keeps %s as it is with --any, and says that nobody looked into it', async (name) => {
    const { folder, download } = await setup(name, PROGRAM)
    const { code, stdout } = await download('--any')
    expect([code, stdout]).toEqual([0, expect.stringContaining('its content was not inspected')])
    expect(readdirSync(folder)).toEqual([name])
    expect(readFileSync(join(folder, name)).equals(PROGRAM)).toBe(true)
    expect(statSync(join(folder, name)).mode & 0o111).toBe(0)
  })

  it.each(FILE_KINDS.flatMap(({ endings }) => endings))('keeps a program called x%s away', async (ending) => {
    const { folder, download } = await setup(`x${ending}`, PROGRAM)
    expect((await download()).code).toBe(3)
    expect(readdirSync(folder)).toEqual([`x${ending}.broken`])
  })

  it.each([
    ['x.json', 'not json'],
    ['x.json', ''],
    ['x.txt', '#!/bin/sh\nid'],
    ['x.yaml', '#!/usr/bin/env python3'],
    ['x.csv', '\x7fELF\0\0'],
  ])('keeps %s away that holds %j', async (name, text) => {
    const { folder, download } = await setup(name, Buffer.from(text, 'latin1'))
    const { code, stderr } = await download()
    expect([code, stderr]).toEqual([3, expect.stringContaining(', as its name says; it was kept as')])
    expect(readdirSync(folder)).toEqual([`${name}.broken`])
  })

  it.each([
    ['x.zip', Buffer.from('PK\x05\x06'.padEnd(22, '\0'), 'latin1')],
    ['x.txt', Buffer.from('\ufeffw\u00f6rter', 'utf16le')],
    ['x.yaml', Buffer.from('model: {}')],
    ['x.json', Buffer.from('\ufeff{"nodes":[]}')],
    ['x.png', Buffer.from('89504e470d0a1a0a', 'hex')],
    ['x.safetensors', LORA],
  ])('keeps a sound %s', async (name, bytes) => {
    const { folder, download } = await setup(name, bytes)
    expect((await download()).code).toBe(0)
    expect(readdirSync(folder)).toEqual([name])
  })

  it.each([
    ['my.lora.v1.5', 'my.lora.v1.5.safetensors'],
    ['my.lora.v1', 'my.lora.v1.safetensors'],
    ['my.lora.final', 'my.lora.final.safetensors'],
    ['mine.fp16', 'mine.fp16.safetensors'],
    ['%E3%83%9F%E3%82%AF-000008.safetensors', 'ミク-000008.safetensors'],
    ['%2e%2e%2f%E3%83%9F.safetensors', 'ミ.safetensors'],
    ['100%.safetensors', '100%.safetensors'],
    ['%E3%8.safetensors', '%E3%8.safetensors'],
    ['a\u009b31m\u2066b\u202e.safetensors', 'a_31m_b_.safetensors'],
    ['e\u0301.safetensors', '\u00e9.safetensors'],
    ['a.safetensors. . ', 'a.safetensors'],
    ['LPT1 .vae.safetensors', '_LPT1 .vae.safetensors'],
    ['\ud800x.safetensors', '_x.safetensors'],
  ])('writes a LoRA called %j as %j', async (name, written) => {
    const { folder, download } = await setup(name, LORA, { metadata: { format: 'SafeTensor' } })
    expect((await download()).code).toBe(0)
    expect(readdirSync(folder)).toEqual([written])
  })
})

describe('a download that fails before a byte came', () => {
  const sums = { hashes: { SHA256: sha256(Buffer.from('other')) } }
  const scripts: readonly (readonly [why: string, script: (double: Double) => void])[] = [
    ['the site knows no such file', (double) => double.onLink.push(...all(answer(404, '{}')))],
    [
      'the site wants a login',
      (double) => {
        double.loginRequired = true
      },
    ],
    ['the storage refuses', (double) => double.onStorage.push(...all(answer(503, 'busy')))],
    ['a page comes', (double) => double.onStorage.push(...all(answer(200, '<html>', HTML)))],
    ['another file comes', () => {}],
    ['the file has another length', (double) => double.onStorage.push(...all(answer(200, '', LONG)))],
  ]
  it.each(scripts)('because %s leaves nothing, no folder either', async (_why, script) => {
    const { double, folder, download } = await setup('x.safetensors', LORA, sums)
    script(double)
    const { code } = await download('-o', join(folder, 'deep/down/'))
    expect(code).toBeGreaterThan(0)
    expect(readdirSync(folder)).toEqual([])
  })

  it('leaves what was there', async () => {
    const { double, folder, download } = await setup('x.safetensors', LORA)
    writeFileSync(join(folder, 'x.safetensors'), 'old')
    double.onStorage.push(...all(answer(503, 'busy')))
    expect((await download('--force')).code).toBe(5)
    expect(readdirSync(folder)).toEqual(['x.safetensors'])
    expect(readFileSync(join(folder, 'x.safetensors'), 'utf8')).toBe('old')
  })
})

const HTML = { 'content-type': 'text/html' }
const LONG = { 'content-length': '99999999' }

function all<T>(behaviour: T): T[] {
  return Array.from({ length: 20 }, () => behaviour)
}

it('a note whose part is gone goes with the next run', async () => {
  const { folder, download } = await setup('x.safetensors', LORA)
  writeFileSync(join(folder, 'x.safetensors'), LORA)
  writeFileSync(join(folder, 'x.safetensors.part.json'), '{"version":1,"versionId":31,"remote":{}}')
  expect((await download()).code).toBe(0)
  expect(readdirSync(folder)).toEqual(['x.safetensors'])
})
