/** Pictures: how they were made. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { encodePng } from '../../src/image/png/encode.ts'
import type { PngText } from '../../src/image/png/text.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli, runOnTerminal } from './run.ts'

const PARAMETERS = `a cat, <lora:style:0.7>
second line
Negative prompt: blurry
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 42, Lora hashes: "style: 0123456789ab"`

function picture(...texts: readonly PngText[]): string {
  const path = join(tempFolder(), 'picture.png')
  writeFileSync(path, encodePng({ width: 3, height: 2, data: new Uint8Array(18) }, texts))
  return path
}

describe('inspect of a picture', () => {
  it('shows prompts and settings', async () => {
    const path = picture({ keyword: 'parameters', text: PARAMETERS })
    const { code, stdout, stderr } = await runCli(['inspect', path])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.split('\n')).toEqual([
      path,
      expect.stringMatching(/^ {2}PNG, 8-bit RGB, 3 x 2 pixels, \d+ bytes$/),
      '',
      '  Prompt',
      '    a cat, <lora:style:0.7>',
      '    second line',
      '',
      '  Negative prompt',
      '    blurry',
      '',
      '  Settings',
      '    Steps          20',
      '    Sampler        DPM++ 2M',
      '    Schedule type  Karras',
      '    CFG scale      7',
      '    Seed           42',
      '    Lora hashes    style: 0123456789ab',
      '',
    ])
  })

  it('gives programs the same', async () => {
    const path = picture({ keyword: 'parameters', text: PARAMETERS })
    const [document] = JSON.parse((await runCli(['inspect', path, '--json'])).stdout).results
    expect(document).toMatchObject({
      path,
      format: 'png',
      kind: 'picture',
      picture: { width: 3, height: 2 },
      parameters: {
        keyword: 'parameters',
        prompt: 'a cat, <lora:style:0.7>\nsecond line',
        negative: 'blurry',
        settings: { Steps: '20', Seed: '42', 'Lora hashes': 'style: 0123456789ab' },
      },
      metadata: { parameters: PARAMETERS },
    })
  })

  it('of ComfyUI has its workflow for --metadata', async () => {
    const workflow = JSON.stringify({ nodes: [1, 2] })
    const path = picture({ keyword: 'prompt', text: '{}' }, { keyword: 'workflow', text: workflow })
    const page = await runCli(['inspect', path])
    expect(page.stdout).toContain('made by ComfyUI')
    expect(page.stdout).toMatch(/workflow {2}\{"nodes":\[1,2\]\} {2}15 bytes/)
    expect((await runCli(['inspect', path, '--metadata=workflow'])).stdout).toBe(`${workflow}\n`)
    expect((await runCli(['inspect', path, '--metadata'])).stdout).toBe(`prompt: {}\nworkflow: ${workflow}\n`)
    expect(JSON.parse((await runCli(['inspect', path, '--json'])).stdout).results[0]).toMatchObject({
      program: 'ComfyUI',
      parameters: null,
    })
  })

  it('without text says so', async () => {
    expect((await runCli(['inspect', picture()])).stdout).toContain('It has no text')
  })

  it('lets no text act on the terminal', async () => {
    const path = picture({ keyword: 'parameters', text: `\u001b[2Jx\n${PARAMETERS}, Bad: \u202e\u0007` })
    const { stdout } = await runOnTerminal(['inspect', path], 80)
    expect(stdout).toContain('\\u001b[2Jx')
    expect(stdout).toContain('\\u202e\\u0007')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(stdout).not.toMatch(/[\u001b\u202e\u0007]/)
  })

  it('that is damaged is refused, and the next one is still shown', async () => {
    const bad = join(tempFolder(), 'bad.png')
    writeFileSync(bad, Buffer.from('\x89PNG\r\n\x1a\n....', 'latin1'))
    const { code, stdout, stderr } = await runCli(['inspect', bad, picture(), '--brief'])
    expect(code).toBe(3)
    expect(stderr).toContain(`${bad}: the PNG is damaged`)
    expect(stdout).toMatch(/bad\.png {2}refused \(PNG_DAMAGED\)\n.*picture\.png {2}PNG, 8-bit RGB/)
  })

  it('has no tensors, and no metadata it does not have', async () => {
    const path = picture()
    expect((await runCli(['inspect', path, '--keys=a*'])).code).toBe(4)
    const missing = await runCli(['inspect', path, '--metadata=parameters'])
    expect([missing.code, missing.stderr]).toEqual([
      4,
      expect.stringContaining('has no metadata key parameters'),
    ])
  })

  it('is shown in a terminal with colours, and nowhere else', async () => {
    const path = picture()
    const dull = await runCli(['inspect', path, '--preview'])
    expect(dull.stdout).not.toContain('▀')
    expect(dull.stderr).toBe('sdtool: no preview: the output is not a terminal with colours\n')
    const json = await runCli(['inspect', path, '--preview', '--json'])
    expect([json.stderr, JSON.parse(json.stdout).results[0].kind]).toEqual(['', 'picture'])
    const shown = await runCli(['inspect', path, '--preview'], undefined, {}, { isTTY: true, columns: 80 })
    expect(shown.stdout).toContain('\u001b[38;5;16;48;5;16m▀▀▀\u001b[0m\n')
  })

  it('has hashes', async () => {
    const args = ['inspect', picture(), '--hashes', '--json']
    const [{ hashes }] = JSON.parse((await runCli(args)).stdout).results
    expect(Object.keys(hashes).sort()).toEqual(['blake3', 'crc32', 'sha256'])
  })
})
