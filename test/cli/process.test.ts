/** The built command as a process of its own: threads, signals, full disks, exit codes. */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openFileSource } from '../../src/system/bytes.ts'
import { safetensorsFormat } from '../../src/tensor/formats/safetensors.ts'
import { writeSafetensors } from '../../src/tensor/write/write.ts'
import { built } from '../built.ts'
import { bytesTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'

const cli = built('cli.js')

function sdtool(args: readonly string[]) {
  return spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' })
}

/** A model of `count` F32 values 0, 1/8, 2/8 ... in tensors of a million. */
async function modelOf(path: string, millions: number): Promise<void> {
  const data = new Uint8Array(Float32Array.from({ length: 1_000_000 }, (_, i) => (i % 4096) / 8).buffer)
  const tensors = Array.from({ length: millions }, (_, i) => bytesTensor(`t${i}`, 'F32', [1000, 1000], data))
  await writeSafetensors(tableOf(tensors), path, { threads: 0 })
}

/** Of the bytes 02 00 00 00 00 00 00 00 7b 7d, by sha256sum, Python's zlib and blake3; no data follows the header. */
const HASHES = {
  sha256: '411a485216e432ece6b9af94fa32154cf79a2a56d4f81266baa50063f45092bd',
  autoV2: '411a485216',
  autoV1: 'e3b0c442',
  autoV3: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  crc32: '050015f7',
  blake3: 'b8b38d1cb0675f6b3512a37c75287375d8a17f9992e59155c409a35837560cf9',
}

describe('sdtool as a process', () => {
  it('prints its version', () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))
    const { status, stdout, stderr } = sdtool(['--version'])
    expect([status, stdout, stderr]).toEqual([0, `${version}\n`, ''])
  })

  it('has all hashes in the bundle', async () => {
    const folder = tempFolder()
    writeFileSync(join(folder, 'x.safetensors'), Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d]))
    const { stdout } = sdtool(['inspect', join(folder, 'x.safetensors'), '--hashes', '--json'])
    expect(JSON.parse(stdout).results[0].hashes).toEqual(HASHES)
  })

  it('casts in worker threads, to the same bytes as in one thread', async () => {
    const folder = tempFolder()
    const input = join(folder, 'model.safetensors')
    await modelOf(input, 12)
    const { status, stderr } = sdtool(['convert', input, '--dtype', 'fp16', '--verify'])
    expect([status, stderr]).toEqual([0, ''])
    const source = await openFileSource(join(folder, 'model-fp16.safetensors'))
    const model = await safetensorsFormat.open(source)
    const last = model.tensors.get('t11')!
    if (last.source.kind !== 'stored') throw new Error('not stored')
    const bytes = await source.read(last.source.offset, last.source.nbytes)
    await source.close()
    const halves = new Uint16Array(bytes.buffer)
    // 0, 1/8, 1, 511.75 in half precision, and 511.875, which is a tie and goes to the even 512
    expect([halves[0], halves[1], halves[8], halves[4094], halves[4095]]).toEqual([
      0x0000, 0x3000, 0x3c00, 0x5fff, 0x6000,
    ])
  })

  it('leaves the old file whole after kill -9 in the middle of a write', async () => {
    const folder = tempFolder()
    const input = join(folder, 'in.safetensors')
    const output = join(folder, 'out.safetensors')
    await modelOf(input, 40)
    writeFileSync(output, 'old and precious')
    const child = spawn(process.execPath, [cli, 'convert', input, '--dtype', 'fp16', '-o', output, '--force'])
    const exited = new Promise((resolve) => child.once('exit', resolve))
    const partial = await appears(folder, /^\.out.*\.part$/)
    child.kill('SIGKILL')
    await exited
    expect(partial).toBeDefined()
    expect(readFileSync(output, 'utf8')).toBe('old and precious')
    // what is left has a name no program takes for a model, and goes with the next run
    expect(readdirSync(folder)).toContain(partial)
    const again = sdtool(['convert', input, '--dtype', 'fp16', '-o', output, '--force', '--verify'])
    expect([again.status, again.stderr]).toEqual([0, ''])
    expect(readdirSync(folder).toSorted()).toEqual(['in.safetensors', 'out.safetensors'])
  })

  it('stops at Ctrl-C at once, with exit code 130 and no partial file', async () => {
    const folder = tempFolder()
    const input = join(folder, 'in.safetensors')
    await modelOf(input, 40)
    const args = ['convert', input, '--dtype', 'fp16', '-o', join(folder, 'out.safetensors')]
    const child = spawn(process.execPath, [cli, ...args])
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    const exited = new Promise((resolve) => child.once('exit', resolve))
    await appears(folder, /^\.out.*\.part$/)
    child.kill('SIGINT')
    const code = await exited
    expect([code, stderr]).toEqual([130, 'sdtool: interrupted; no partial files were left behind\n'])
    expect(readdirSync(folder)).toEqual(['in.safetensors'])
  })

  it('says so when a folder may not be written', async () => {
    const folder = tempFolder()
    const input = join(folder, 'in.safetensors')
    await modelOf(input, 1)
    // a file where the folder should be is refused for every user, root included
    writeFileSync(join(folder, 'file'), '')
    const blocked = sdtool([
      'convert',
      input,
      '--dtype',
      'fp16',
      '-o',
      join(folder, 'file', 'out.safetensors'),
    ])
    expect(blocked.status).toBe(1)
    expect(blocked.stderr).toMatch(
      /^sdtool: .*out\.safetensors cannot be written \((ENOTDIR|EEXIST)\)\n {2}Name a writable location/,
    )
    mkdirSync(join(folder, 'locked'))
    chmodSync(join(folder, 'locked'), 0o555)
    if (process.getuid?.() === 0) return // root may write everywhere
    const locked = sdtool([
      'convert',
      input,
      '--dtype',
      'fp16',
      '-o',
      join(folder, 'locked', 'out.safetensors'),
    ])
    expect([locked.status, locked.stderr.includes('EACCES')]).toEqual([1, true])
  })

  it('ends quietly when the reader of its output goes away', async () => {
    const folder = tempFolder()
    await modelOf(join(folder, 'in.safetensors'), 1)
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', `"${process.execPath}" "${cli}" inspect "${folder}/in.safetensors" --keys= | head -1; true`],
      { encoding: 'utf8' },
    )
    expect([status, stderr]).toEqual([0, ''])
  })
})

/** Waits until a file of that name is in the folder and has some size. */
async function appears(folder: string, name: RegExp): Promise<string | undefined> {
  for (let i = 0; i < 2000; i++) {
    const found = readdirSync(folder).find((entry) => name.test(entry))
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return undefined
}
