import { createHash } from 'node:crypto'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { writeModel } from '../model-files.ts'
import { CLIP } from '../operations/merge-lora/small.ts'
import { bytesTensor, floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

async function small(
  change: (values: number[], name: string) => number[] = (values) => values,
): Promise<string> {
  const path = join(tempFolder(), 'model.safetensors')
  const tensors = [...CLIP.tensors.values()].map(({ name, shape, source }) => {
    const values = source.kind === 'bytes' ? [...new Float32Array(source.data.slice().buffer)] : []
    return floatTensor(name, [...shape], change(values, name))
  })
  await writeModel(path, tableOf(tensors))
  return path
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

describe('sdtool verify', () => {
  it('a sound file passes, with what it was compared with', async () => {
    const path = await small()
    writeFileSync(`${path}.sha256`, `${sha256(path)}  model.safetensors\n`)
    const { code, stdout, stderr } = await runCli(['verify', path])
    expect([code, stderr]).toEqual([0, ''])
    const count = [...CLIP.tensors.values()].reduce(
      (sum, { shape }) => sum + shape.reduce((n, m) => n * m, 1),
      0,
    )
    expect(stdout.split('\n').slice(1)).toEqual([
      '  check      result   what',
      expect.stringMatching(
        /^ {2}structure {2}ok {7}safetensors, 20 tensors, [\d.]+ kB; complete: CLIP-L text encoder$/,
      ),
      `  values     ok       ${count} values, all of them finite`,
      '  hash       ok       sha256 matches model.safetensors.sha256',
      '  recipe     unknown  it has none',
      '',
    ])
  })

  it('fails, exit 4, with NaN, with another hash, and with missing tensors', async () => {
    const path = await small((values, name) =>
      name.endsWith('mlp.fc1.bias') ? values.fill(Number.NaN, 0, 2) : values,
    )
    writeFileSync(
      path.replace('.safetensors', '.civitai.info'),
      JSON.stringify({ files: [{ hashes: { AutoV2: '0123456789' } }] }),
    )
    const { code, stdout } = await runCli(['verify', path, '--json'])
    expect(code).toBe(4)
    const [{ ok, checks }] = JSON.parse(stdout).results
    expect(ok).toBe(false)
    expect(checks.filter(({ result }: { result: string }) => result === 'failed')).toEqual([
      { check: 'values', result: 'failed', detail: expect.stringContaining('2 NaN values in 1 tensor') },
      {
        check: 'hash',
        result: 'failed',
        detail: `autoV2 is ${sha256(path).slice(0, 10)}, but model.civitai.info says 0123456789`,
      },
    ])
  })

  it('says of a recipe what the file says, and that nobody has checked it', async () => {
    const path = await small()
    const made = path.replace('model', 'made')
    await runCli(['convert', path, '--dtype', 'fp16', '-o', made])
    const { code, stdout } = await runCli(['verify', made, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout).results[0].checks.at(-1)).toEqual({
      check: 'recipe',
      result: 'unchecked',
      detail:
        'the file says: convert of model.safetensors by sdtool 9.9.9; --deep compares its tensors with the result of that',
    })
  })

  it('does not call sound what it did not check', async () => {
    const path = join(tempFolder(), 'odd.safetensors')
    await writeModel(path, tableOf([bytesTensor('numbers', 'I32', [1], new Uint8Array(4))]))
    const { stdout } = await runCli(['verify', path, '--json'])
    expect(JSON.parse(stdout).results[0].checks.slice(0, 2)).toEqual([
      {
        check: 'structure',
        result: 'ok',
        detail: expect.stringContaining('no known model to compare its names and shapes with'),
      },
      { check: 'values', result: 'unknown', detail: 'not checked: 1 tensor of I32' },
    ])
  })

  it('a file that is cut off is refused, exit 3; the next one is still looked at', async () => {
    const path = await small()
    const cut = path.replace('model', 'cut')
    writeFileSync(cut, readFileSync(path).subarray(0, -8))
    const good = path.replace('model', 'good')
    copyFileSync(path, good)
    const { code, stdout, stderr } = await runCli(['verify', cut, good])
    expect(code).toBe(3)
    expect(stderr).toContain('cut.safetensors')
    expect(stdout).toContain('good.safetensors')
  })
})
