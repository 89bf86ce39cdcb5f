/** Files whose names promise something else than is in them. */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Contents, contentsOf, writeModel } from '../model-files.ts'
import { halves, narrowSd1 } from '../narrow-models.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const made = mkdtempSync(join(tmpdir(), 'sdtool-test-'))
const SAFE = join(made, 'safe.safetensors')
const PICKLE = join(made, 'pickle.ckpt')

beforeAll(async () => {
  await writeModel(SAFE, narrowSd1(halves))
  await runCli(['convert', SAFE, '--to', 'ckpt', '-o', PICKLE])
})

afterAll(() => rmSync(made, { recursive: true, force: true }))

function expectSame(a: Contents, b: Contents): void {
  expect([...b.bytes.keys()].toSorted()).toEqual([...a.bytes.keys()].toSorted())
  for (const [name, bytes] of a.bytes) expect(Buffer.compare(b.bytes.get(name)!, bytes), name).toBe(0)
}

describe('a model under the name of another format', () => {
  it.each([
    ['pickle', 'm.safetensors', 'm-converted.safetensors', '"\\.safetensors", but it is a pickle'],
    ['pickle', 'm.sft', 'm.safetensors', '"\\.sft", but it is a pickle'],
    ['pickle', 'm-fp16.SAFETENSORS', 'm-fp16-converted.safetensors', '"\\.safetensors", but it is a pickle'],
    ['pickle', 'm.gguf', 'm.safetensors', '"\\.gguf", but it is a pickle'],
    ['safetensors', 'm.ckpt', 'm.safetensors', '"\\.ckpt", but it is a safetensors file'],
    ['safetensors', 'm.pt', 'm.safetensors', '"\\.pt", but it is a safetensors file'],
    ['safetensors', 'm.bin', 'm.safetensors', '"\\.bin", but it is a safetensors file'],
    ['safetensors', 'm.gguf', 'm.safetensors', '"\\.gguf", but it is a safetensors file'],
  ])('is said, and %s called %s becomes %s', async (kind, name, output, message) => {
    const folder = tempFolder()
    const path = join(folder, name)
    copyFileSync(kind === 'pickle' ? PICKLE : SAFE, path)
    const before = readFileSync(path)
    const [inspected] = JSON.parse((await runCli(['inspect', path, '--json'])).stdout).results
    expect(inspected.findings[0]).toMatchObject({ code: 'misnamed', severity: 'warning' })
    expect(inspected.findings[0].message).toMatch(new RegExp(message))
    const { code, stderr } = await runCli(['convert', path])
    expect([code, stderr]).toEqual([0, ''])
    expect(readdirSync(folder).toSorted()).toEqual([name, output].toSorted())
    expect(readFileSync(path).equals(before)).toBe(true)
    const after = await contentsOf(join(folder, output))
    expect(after.model.format).toBe('safetensors')
    expectSame(await contentsOf(SAFE), after)
  })

  it.each([
    ['pickle', 'm.safetensors', 'm.ckpt'],
    ['safetensors', 'm.ckpt', 'm-converted.ckpt'],
  ])('becomes a torch zip of its own: %s called %s', async (kind, name, output) => {
    const folder = tempFolder()
    copyFileSync(kind === 'pickle' ? PICKLE : SAFE, join(folder, name))
    const { code, stderr } = await runCli(['convert', join(folder, name), '--to', 'ckpt'])
    expect([code, stderr]).toEqual([0, ''])
    const after = await contentsOf(join(folder, output))
    expect(after.model.format).toBe('torch-zip')
    expectSame(await contentsOf(SAFE), after)
  })

  it('is said by verify, and is no failure', async () => {
    const path = join(tempFolder(), 'm.safetensors')
    copyFileSync(PICKLE, path)
    const { code, stdout } = await runCli(['verify', path, '--json'])
    const { checks } = JSON.parse(stdout).results[0]
    expect(code).toBe(0)
    expect(checks).toContainEqual(expect.objectContaining({ check: 'structure', result: 'warning' }))
  })

  it('is no longer said of what was converted, and there is nothing to do again', async () => {
    const folder = tempFolder()
    copyFileSync(PICKLE, join(folder, 'm.safetensors'))
    await runCli(['convert', join(folder, 'm.safetensors')])
    const { stdout } = await runCli(['inspect', join(folder, 'm-converted.safetensors'), '--json'])
    expect(JSON.parse(stdout).results[0].findings.map(({ code }: { code: string }) => code)).not.toContain(
      'misnamed',
    )
    expect((await runCli(['convert', join(folder, 'm-converted.safetensors')])).code).toBe(4)
  })
})

/** A zip of one stored file. */
function zipOf(name: string, data: Buffer): Buffer {
  const entry = Buffer.alloc(26)
  entry.writeUInt16LE(20, 0)
  entry.writeUInt32LE(data.byteLength, 14)
  entry.writeUInt32LE(data.byteLength, 18)
  entry.writeUInt16LE(name.length, 22)
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), entry, Buffer.from(name), data])
  const central = Buffer.concat([
    Buffer.from('PK\x01\x02'),
    Buffer.of(20, 0),
    entry,
    Buffer.alloc(14),
    Buffer.from(name),
  ])
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(central.byteLength, 12)
  end.writeUInt32LE(local.byteLength, 16)
  return Buffer.concat([local, central, end])
}

describe('what is no model at all under the name of one', () => {
  const half = (path: string) => readFileSync(path).subarray(0, 500_000)
  const STRANGERS: Readonly<Record<string, readonly [() => Buffer, RegExp]>> = {
    'a login page': [
      () => Buffer.from('<!DOCTYPE html><html><title>Log in</title></html>'),
      /a web page \(HTML\)/,
    ],
    'an answer of an API': [() => Buffer.from('{"error":"Unauthorized"}'), /an error message \(JSON\)/],
    'a pointer of git-lfs': [
      () => Buffer.from('version https://git-lfs.github.com/spec/v1\n'),
      /a git-lfs pointer/,
    ],
    'a zip that holds a model': [
      () => zipOf('m.safetensors', Buffer.from('model')),
      /a zip archive, but not one of torch/,
    ],
    'half of a safetensors file': [
      () => half(SAFE),
      /500000 bytes, but the header describes [\s\S]*incomplete download/,
    ],
    'the first bytes of one': [
      () => half(SAFE).subarray(0, 60),
      /header of \d+ bytes, but the file has only 60[\s\S]*incomplete download/,
    ],
    'half of a torch zip': [() => half(PICKLE), /without its end[\s\S]*incomplete download/],
    'zeros of a download that was set up': [
      () => Buffer.alloc(4096),
      /starts with 512 zero bytes: an incomplete download/,
    ],
    nothing: [() => Buffer.alloc(0), /an empty file/],
    'a gzip file': [() => Buffer.of(0x1f, 0x8b, 8, 0), /a gzip file/],
  }
  for (const [what, [bytes, message]] of Object.entries(STRANGERS)) {
    it(`is called what it is, and nothing is written: ${what}`, async () => {
      for (const name of ['m.safetensors', 'm.ckpt']) {
        const folder = join(tempFolder(), 'in')
        mkdirSync(folder)
        writeFileSync(join(folder, name), bytes())
        for (const command of ['inspect', 'convert', 'verify', 'prune']) {
          const { code, stderr } = await runCli([command, join(folder, name)])
          expect([command, code, stderr]).toEqual([command, 3, expect.stringMatching(message)])
        }
        expect(readdirSync(folder)).toEqual([name])
      }
    })
  }
})
