import { describe, expect, it } from 'vitest'
import { versionOf } from '../../../src/civitai/api/shapes.ts'
import { activationText, userMetadata } from '../../../src/civitai/plan/a1111-notes.ts'

function notes(facts: Record<string, string | readonly string[]>) {
  return userMetadata({ version: versionOf({ id: 3, modelId: 2, ...facts }, new Date(0))!, sha256: 'ab' })
}

describe('the notes of A1111', () => {
  it('have the keys of its editor', () => {
    const description = '<p>Use <b>0.6</b> &amp; less</p><ul><li>clip skip 2</li></ul>'
    expect(notes({ baseModel: 'Illustrious', trainedWords: ['miku', 'twintails'], description })).toEqual({
      description: 'Use 0.6 & less\nclip skip 2',
      'sd version': 'SDXL',
      'activation text': 'miku, twintails',
      'preferred weight': 0,
      sha256: 'AB',
      modelId: 2,
      modelVersionId: 3,
    })
  })

  it.each([
    ['SD 1.5', 'SD1'],
    ['SD 2.1 768', 'SD2'],
    ['SDXL 1.0', 'SDXL'],
    ['Pony', 'SDXL'],
    ['Flux.1 D', 'Other'],
  ])('call %s %s', (baseModel, expected) => {
    expect(notes({ baseModel })['sd version']).toBe(expected)
  })

  it('keep whole prompts apart, without the tags of a LoRA and trailing commas', () => {
    expect(activationText(['a, b, ', '<lora:x:0.7> c ,'])).toBe('a, b || c')
    expect(activationText(['one', ' two '])).toBe('one, two')
    expect(activationText([])).toBe('')
  })

  it('take no time over what is no text', () => {
    const hostile = ['<'.repeat(1e6), '<a:'.repeat(3e5), `${', '.repeat(5e5)}x`]
    for (const text of hostile) expect(activationText([text]).length).toBeLessThanOrEqual(20_000)
    for (const text of [...hostile, '&'.repeat(1e6)])
      expect(String(notes({ description: text }).description).length).toBeLessThanOrEqual(20_000)
  })
})
