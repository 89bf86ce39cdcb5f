/** What pictures and sheets say of themselves. */
import { describe, expect, it } from 'vitest'
import type { RenderOptions } from '../../../src/commands/render/options.ts'
import { loraArgument, variantsOf } from '../../../src/commands/render/sweep-variants.ts'
import { parseInfotext } from '../../../src/image/infotext/parse.ts'
import { infotextOf } from '../../../src/image/infotext/write.ts'
import { loraSpecs, loraTag } from '../../../src/operations/merge-lora/lora-text.ts'
import { promptWithTags, type SheetSettings, sheetFacts } from '../../../src/operations/render/facts.ts'
import { imageRequests } from '../../../src/operations/render/requests.ts'
import { euler } from '../../../src/runtime/sampling/samplers/euler.ts'

const specsOf = (arg: string) => loraSpecs([arg], () => false)

function optionsOf(prompt: string, negative = ''): RenderOptions {
  return { prompt, negative, seed: 1n, count: 1 } as RenderOptions
}

describe('a LoRA of an option stands in the prompt as A1111 has it', () => {
  it.each([
    ['ink', '<lora:ink:1>'],
    ['ink:0.3', '<lora:ink:0.3>'],
    ['ink:0.7', '<lora:ink:0.7>'],
    // the text encoder first
    ['ink:0.7:0.5', '<lora:ink:0.5:0.7>'],
    ['styles/ink.safetensors:-1', '<lora:ink:-1>'],
    ['水墨画 墨心:0.5', '<lora:水墨画 墨心:0.5>'],
    ['<lora:ink:0.5:lbw=MIDD>', '<lora:ink:0.5:lbw=MIDD>'],
    ['C:\\loras\\a#b>c.pt:1', '<lora:C\\loras\\abc:1>'],
  ])('%s', (arg, tag) => {
    expect(promptWithTags('a fox ', specsOf(arg))).toBe(`a fox ${tag}`)
  })

  it('and is read again as it was', () => {
    for (const arg of ['ink:0.3', 'ink:0.7:0.5', 'ink:0:1', 'ink:1e-7']) {
      const [spec] = specsOf(arg)
      expect(specsOf(loraTag(spec!))).toEqual([spec])
    }
  })
})

describe('a prompt', () => {
  it.each([
    ['a fox <lora:ink:0.7>', 'a fox ', ['<lora:ink:0.7>'], []],
    ['a <hypernet:foo:0.6> fox', 'a  fox', [], ['<hypernet:foo:0.6>']],
    ['<Lora:a><lyco:b:1> x', ' x', ['<Lora:a>', '<lyco:b:1>'], []],
    ['<segment:yolo-0>a <é:1>', 'a ', [], ['<segment:yolo-0>', '<é:1>']],
    ['a # <lora:gone:1>\nfox', 'a \nfox', [], []],
    ['a <3 :> b <b c:d>', 'a <3 :> b <b c:d>', [], []],
  ])('%j: its text, its LoRAs, and what sdtool does not know', (prompt, text, tags, ignored) => {
    const found = imageRequests(optionsOf(prompt, 'blurry # not this'))
    expect(found.requests).toEqual([{ prompt: text, negative: 'blurry \n', seed: 1n }])
    expect([found.tags, found.ignored]).toEqual([tags, ignored])
  })

  it('that is negative has no tags', () => {
    for (const tag of ['<lora:a:1>', '<hypernet:a:1>', '<x:y>'])
      expect(() => imageRequests(optionsOf('a', `b ${tag}`))).toThrow('in the negative prompt does nothing')
    expect(imageRequests(optionsOf('a', 'b # <lora:a:1>')).requests[0]!.negative).toBe('b \n')
  })
})

describe('a sweep', () => {
  it.each([
    [['ink:0.7'], 'ink', ['ink:0.2:0.2']],
    [['ink:1.5e-1'], 'lora', ['ink:0.2:0.2']],
    [['<lora:a:1> <lora:b:0.5>'], 'lora', ['a:0.2:0.2', 'b:0.2:0.2']],
    [['<lora:a:1> <lora:b:0.5>'], 'b', ['a:1:1', 'b:0.2:0.2']],
    // ratios of blocks stay
    [['<lora:ink:0.7:lbw=MIDD>'], 'ink', ['<lora:ink:0.2:lbw=MIDD>']],
    [['a:0.5'], 'new', ['a:0.5:0.5', 'new:0.2:0.2']],
  ])('of %j over %s draws with %j', (args, name, expected) => {
    const plain = { loras: loraSpecs(args, () => false), settings: {} as RenderOptions['settings'] }
    const [variant] = variantsOf(plain, { name, values: [0.2] }, undefined)
    expect(variant!.loras.map(loraArgument)).toEqual(expected)
  })
})

describe('a sheet', () => {
  const settings = { sampler: euler, steps: 2, cfg: 7, width: 64, height: 64, rng: 'cpu' } as const
  const hashes = { model: { name: 'm', hash: '0123456789' }, loras: [], embeddings: [] }
  const making = { settings, options: { ema: false }, hashes, version: '1' }
  const request = (prompt: string, seed: bigint) => ({ prompt, negative: 'n', seed })

  it.each<SheetSettings>([
    { Sheet: 'verification prompts' },
    { Sheet: 'seeds' },
    { Sheet: 'compare', 'Compared with': 'b: 0123456789, c: 9876543210' },
    { Sheet: 'sweep', 'X Type': 'ink', 'X Values': '0, 0.5, 1', 'Y Type': 'CFG Scale', 'Y Values': '4, 7' },
    { Sheet: 'check', Recipe: 'merge-lora', Verdict: 'passed' },
  ])('%o can be read again, with all prompts and seeds', (shown) => {
    const requests = [request('a', 1n), request('b', 2n)]
    const facts = sheetFacts({ requests, prompts: ['a', 'b'] }, making, shown)
    const { prompt, negative, settings: said } = parseInfotext(infotextOf(facts))
    expect([prompt, negative]).toEqual(['a\nb', 'n'])
    expect(Object.fromEntries(said)).toMatchObject({ ...shown, Seed: '1', Seeds: '1, 2', Model: 'm' })
  })

  it('and a picture say what changes it: weights, prediction, schedule, precision', () => {
    const said = (more: object, options: object = {}) => {
      const own = { ...making, settings: { ...settings, ...more }, options: { ema: false, ...options } }
      const facts = sheetFacts({ requests: [request('a', 1n)], prompts: ['a'] }, own, { Sheet: 'x' })
      return parseInfotext(infotextOf(facts)).settings
    }
    const plain = JSON.stringify([...said({})])
    for (const [more, options] of [
      [{ prediction: 'v' }],
      [{ zeroTerminalSnr: true }],
      [{ zeroTerminalSnr: false }],
      [{ cfgRescale: 0.5 }],
      [{ clipSkip: 2 }],
      [{ rng: 'nv' }],
      [{}, { ema: true }],
      [{}, { precision: 'fp16' }],
    ] as const)
      expect(JSON.stringify([...said(more, options)])).not.toBe(plain)
  })
})
