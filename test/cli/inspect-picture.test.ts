/** Pictures: how they were made. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { encodePng } from '../../src/image/png/encode.ts'
import type { ImageText } from '../../src/image/texts/image-text.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli, runOnTerminal } from './run.ts'

interface GoldenRow {
  readonly name: string
  readonly file: string
  readonly texts: Readonly<Record<string, string>>
  readonly signature: string
}

/** fixtures/goldens/picture_texts.py */
const golden: { pictures: readonly GoldenRow[]; stealth: readonly GoldenRow[] } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/goldens/picture-texts.json'), 'utf8'),
)

const PARAMETERS = `a cat, <lora:style:0.7>
second line
Negative prompt: blurry
Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 42, Lora hashes: "style: 0123456789ab"`

function picture(...texts: readonly ImageText[]): string {
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

  it.each(
    golden.pictures.filter(({ name }) => name.startsWith('ComfyUI')).map((row) => [row.name, row] as const),
  )('%s: has its graphs under their names', async (_, { file, texts }) => {
    const path = join(tempFolder(), 'picture')
    writeFileSync(path, Buffer.from(file, 'base64'))
    for (const keyword of ['prompt', 'workflow']) {
      expect((await runCli(['inspect', path, `--metadata=${keyword}`])).stdout).toBe(`${texts[keyword]}\n`)
    }
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

  it('that is cut has no preview, and the next one is still shown', async () => {
    const [cut, whole] = [picture({ keyword: 'parameters', text: PARAMETERS }), picture()]
    writeFileSync(cut, readFileSync(cut).subarray(0, -20))
    const args = ['inspect', cut, whole, '--preview']
    const { code, stdout, stderr } = await runCli(args, undefined, {}, { isTTY: true, columns: 80 })
    expect(code).toBe(3)
    expect(stderr).toContain(`${cut}: the PNG is damaged`)
    expect(stdout).toContain('\u001b[38;5;16;48;5;16m▀▀▀\u001b[0m\n')
  })

  it('has hashes', async () => {
    const args = ['inspect', picture(), '--hashes', '--json']
    const [{ hashes }] = JSON.parse((await runCli(args)).stdout).results
    expect(Object.keys(hashes).sort()).toEqual(['blake3', 'crc32', 'sha256'])
  })

  it('says what is wrong with one that is cut behind its text, and still tells the text', async () => {
    const path = picture({ keyword: 'parameters', text: PARAMETERS })
    const whole = readFileSync(path)
    // in the pixels, in the checksum of the last chunk, and without the last chunk
    for (const end of [whole.length - 20, whole.length - 1, whole.length - 12]) {
      writeFileSync(path, whole.subarray(0, end))
      const { code, stdout, stderr } = await runCli(['inspect', path])
      expect([code, stderr]).toEqual([0, ''])
      expect(stdout).toContain('    a cat, <lora:style:0.7>\n')
      expect(stdout).toMatch(/ {2}Findings\n {4}! the PNG is damaged: /)
      const [{ findings }] = JSON.parse((await runCli(['inspect', path, '--json'])).stdout).results
      expect(findings).toMatchObject([{ code: 'picture-damaged', severity: 'warning' }])
      expect((await runCli(['inspect', path, '--brief'])).stdout).toMatch(/ bytes {2}1 warning\n$/)
    }
  })

  it('tells the texts that are hidden in its pixels, and that they are', async () => {
    for (const { file, signature, texts } of golden.stealth.slice(0, 5)) {
      const path = join(tempFolder(), 'hidden')
      writeFileSync(path, Buffer.from(file, 'base64'))
      const [document] = JSON.parse((await runCli(['inspect', path, '--json'])).stdout).results
      expect(document.metadata).toEqual(texts)
      expect(document.parameters.settings.Steps).toMatch(/^\d+$/)
      expect(document.findings).toMatchObject([
        { code: 'text-in-pixels', message: expect.stringContaining(signature) },
      ])
    }
  })
})

describe('inspect of a picture with an embedding', () => {
  /** fixtures/goldens/embedding_cards.py */
  const card = (name: string) => join(import.meta.dirname, '../../fixtures/goldens', name)

  it.each(['card-text.png', 'card-pixels.png', 'card-pixels.webp'])('%s says which', async (name) => {
    const { code, stdout } = await runCli(['inspect', card(name)])
    expect(code).toBe(0)
    expect(stdout).toContain(', with the embedding sd-card (2 x 4)\n')
    expect(stdout).toMatch(/ {2}Embedding\n {4}vectors +2 x 4\n {4}name +sd-card\n/)
    const [document] = JSON.parse((await runCli(['inspect', card(name), '--json'])).stdout).results
    expect(document).toMatchObject({ kind: 'picture', embedding: { name: 'sd-card', vectors: 2 } })
  })

  it.each(['card-lossy.webp', 'card-damaged.png'])('%s has none that could be read', async (name) => {
    const [document] = JSON.parse((await runCli(['inspect', card(name), '--json'])).stdout).results
    expect(document).toMatchObject({ embedding: null, error: null })
  })

  it('says where its text is damaged', async () => {
    const path = picture({ keyword: 'sd-ti-embedding', text: 'bm90IGpzb24=' })
    const { code, stdout } = await runCli(['inspect', path])
    expect(code).toBe(0)
    expect(stdout).toContain('! the embedding in the picture is damaged: its data is not a JSON object')
  })
})

describe('inspect of a folder', () => {
  it('lists pictures of every format beside models', async () => {
    const folder = tempFolder()
    const rows = ['A1111, AVIF', 'A1111, GIF', 'Draw Things, JPEG', 'NovelAI, WebP', 'Draw Things, PNG']
    const endings = ['.avif', '.GIF', '.jpeg', '.webp', '.png']
    rows.forEach((name, i) => {
      const { file } = golden.pictures.find((row) => row.name === name)!
      writeFileSync(join(folder, `${i}${endings[i]}`), Buffer.from(file, 'base64'))
    })
    writeFileSync(join(folder, 'notes.txt'), 'x')
    const { code, stdout } = await runCli(['inspect', folder])
    expect(code).toBe(0)
    expect(
      stdout
        .split('\n')
        .map((line) => line.replace(`${folder}/`, '').replace(/, \d[\d.]* .?B|, \d+ bytes/, '')),
    ).toEqual([
      '0.avif  AVIF, 48 x 40 pixels',
      '1.GIF  GIF, 48 x 40 pixels',
      '2.jpeg  JPEG, 48 x 40 pixels, made by Draw Things',
      '3.webp  WebP, lossless, 48 x 40 pixels, made by NovelAI',
      '4.png  PNG, 8-bit RGB, 48 x 40 pixels, made by Draw Things',
      '',
    ])
  })
})
