/** Lossless WebP, as Pillow writes it (fixtures/goldens/embedding_cards.py). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openImage } from '../../src/image/open.ts'

const card = (ending: string) =>
  readFileSync(join(import.meta.dirname, '../../fixtures/goldens', `card-${ending}`))

/** The card with other bytes at a place of the VP8L data, behind its 5 bytes of header at byte 20. */
function changed(at: number, ...bytes: number[]): Buffer {
  const copy = Buffer.from(card('pixels.webp'))
  copy.set(bytes, at)
  return copy
}

describe('a lossless WebP picture', () => {
  it('has the pixels of the PNG it was made from', async () => {
    const [webp, png] = [openImage(card('pixels.webp')), openImage(card('pixels.png'))]
    expect([webp.title, webp.width, webp.height]).toEqual(['WebP, lossless', png.width, png.height])
    const [own, theirs] = [await webp.pixels!(), await png.pixels!()]
    expect(Buffer.from(own.data).equals(Buffer.from(theirs.data))).toBe(true)
  })

  it('is opened by its header alone, whatever its pixels are', () => {
    expect(openImage(card('pixels.webp').subarray(0)).texts).toEqual([])
  })

  it('of a lossy one no pixels are given: they are not those that were saved', () => {
    expect(openImage(card('lossy.webp')).pixels).toBeUndefined()
  })

  it('is refused where its data are damaged, and the next one is read all the same', async () => {
    for (let at = 25; at < 60; at += 7) {
      const damaged = openImage(changed(at, 0xff, 0xff, 0xff, 0xff, 0xff))
      const outcome = await Promise.resolve(damaged.pixels!()).then(
        (image) => image.data.length,
        (error: { code: string }) => error.code,
      )
      // other bytes may be another picture of the same size
      expect(['PICTURE_DAMAGED', 3 * damaged.width * damaged.height]).toContain(outcome)
    }
    const cut = changed(20)
    cut.fill(0, 60)
    await expect(openImage(cut).pixels!()).rejects.toMatchObject({ code: 'PICTURE_DAMAGED', exitCode: 3 })
    expect((await openImage(card('pixels.webp')).pixels!()).width).toBe(34)
  })

  it('is refused before it is decoded where its header says that it is enormous', async () => {
    // 14 bits of width - 1, 14 bits of height - 1
    const vast = openImage(changed(21, 0xff, 0xff, 0xff, 0x0f))
    expect([vast.width, vast.height]).toEqual([16384, 16384])
    await expect(vast.pixels!()).rejects.toMatchObject({ code: 'PICTURE_TOO_LARGE' })
  })
})
