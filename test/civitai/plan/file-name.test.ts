import { describe, expect, it } from 'vitest'
import { checkSameClass, deliveredName, safeName } from '../../../src/civitai/plan/file-name.ts'
import { fc } from '../../properties.ts'

const STORAGE = 'https://x.r2.cloudflarestorage.com/a?X-Amz-Expires=86400'

/** Any, and often one of the first: controls, separators, punctuation. */
const codePoint = fc.oneof(fc.nat(0x7f), fc.nat(0x10ffff))

describe('a safe name', () => {
  it('is a single harmless part of a path, whatever it is made from', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(codePoint, { maxLength: 12 }).map((points) => String.fromCodePoint(...points)),
          fc.string({ unit: fc.constantFrom(...'../\\:con nul.*?\0\u202e"~-') }),
        ),
        (text) => {
          const name = safeName(text)
          if (name === undefined) return
          expect(name).not.toMatch(/[<>:"/\\|?*\p{Cc}\p{Cf}]/u)
          expect(name).not.toMatch(/^[\s.~-]|[\s.]$/)
          expect(name).not.toMatch(/^(con|nul)(\.|$)/i)
          expect(name).not.toBe('')
          expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('keeps its ending however long it is, and whole characters', () => {
    const name = safeName(`${'ミ'.repeat(200)}.safetensors`)!
    expect(name.endsWith('ミ.safetensors')).toBe(true)
    // 255 less room for .part.json and the like, in characters of three bytes
    expect(Buffer.byteLength(name)).toBe(3 * 73 + 12)
  })
})

describe('a text of a megabyte', () => {
  it.each([
    `a${' '.repeat(1e6)}x.safetensors`,
    `a${' .'.repeat(5e5)}x.safetensors`,
    `${'../'.repeat(3e5)}x.safetensors`,
  ])('is no more work than any other (%#)', (text) => {
    const name = safeName(text)!
    expect(name.endsWith('.safetensors')).toBe(true)
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255)
  })
})

describe('the name a server sends', () => {
  it.each([
    ['attachment; filename="Name.safetensors"', 'Name.safetensors'],
    ['attachment; filename=Name.safetensors', 'Name.safetensors'],
    ["attachment; filename=plain.zip; filename*=UTF-8''%E5%B8%83%20a.safetensors", '布 a.safetensors'],
    ['attachment; filename="a=b; c.safetensors"', 'a=b; c.safetensors'],
    ['attachment; filename="a \\"b\\".safetensors"', 'a "b".safetensors'],
    // "ミ" in UTF-8, seen as Latin-1
    ['attachment; filename="\u00e3\u0083\u009f.pt"', 'ミ.pt'],
    ['attachment; filename="caf\u00e9.pt"', 'café.pt'],
    ['attachment; filename*=UTF-8\'\'%ZZ; filename="x.pt"', 'x.pt'],
  ])('%s', (header, name) => {
    expect(deliveredName(header, new URL(STORAGE))).toBe(name)
  })

  it('may stand in the address of the storage', () => {
    const r2 = new URL(
      `${STORAGE}&response-content-disposition=attachment%3B%20filename%3D%22Name.safetensors%22`,
    )
    expect(deliveredName(undefined, r2)).toBe('Name.safetensors')
    const b2 = new URL(
      'https://b2.civitai.com/f/a?b2ContentDisposition=attachment%3B%20filename%3D%22N.pt%22',
    )
    expect(deliveredName(undefined, b2)).toBe('N.pt')
    expect(deliveredName('inline', new URL(STORAGE))).toBeUndefined()
  })

  it('must be of the same class as the planned one', () => {
    expect(() => checkSameClass('a.safetensors', 'b.zip')).toThrow(/a different kind of file/)
    expect(() => checkSameClass('a.safetensors', 'b.ckpt')).toThrow(/a different kind of file/)
    for (const [
      one,
      two,
    ] of [['a.pt', 'b.bin'], ['a.safetensors', 'b.sft'], ['a.safetensors', 'file'], ['a', 'b.zip']]) // biome-ignore format: a table
      expect(() => checkSameClass(one!, two)).not.toThrow()
  })
})
