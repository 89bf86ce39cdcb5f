import { describe, expect, it } from 'vitest'
import type { RgbImage } from '../../../../src/image/image.ts'
import { decodePixels, openPng } from '../../../../src/image/png/decode.ts'
import { fitted } from '../../../../src/image/resize.ts'
import { PROTOCOLS, protocolFor, showPreview } from '../../../../src/report/terminal/preview/preview.ts'
import type { Env } from '../../../../src/report/terminal/preview/protocol.ts'

const terminal = { isTTY: true, columns: 40, write: () => {} }
const protocol = (env: Env, stdout = terminal): string | undefined => protocolFor({ stdout, env })?.id

/** [red, green, blue] of pixels, row by row. */
function image(width: number, ...pixels: readonly (readonly number[])[]): RgbImage {
  return { width, height: pixels.length / width, data: Uint8Array.from(pixels.flat()) }
}

const RED = [255, 0, 0]
const BLUE = [0, 0, 255]
const BLACK = [0, 0, 0]

function shown(id: string, picture: RgbImage, env: Env = {}, columns = 40): string {
  const text = PROTOCOLS.find((candidate) => candidate.id === id)!.show(picture, columns, env)
  return text.replaceAll('\u001b', 'ESC').replaceAll('\u0007', 'BEL')
}

describe('the protocol of a terminal', () => {
  it.each([
    ['kitty', { TERM: 'xterm-kitty' }],
    ['kitty', { TERM: 'xterm-256color', KITTY_WINDOW_ID: '1' }],
    ['kitty', { TERM: 'xterm-ghostty' }],
    ['kitty', { TERM: 'xterm-256color', KONSOLE_VERSION: '230804' }],
    ['blocks', { TERM: 'xterm-256color', KONSOLE_VERSION: '211200' }],
    ['iterm2', { TERM_PROGRAM: 'iTerm.app' }],
    ['iterm2', { TERM_PROGRAM: 'WezTerm' }],
    ['iterm2', { LC_TERMINAL: 'iTerm2' }],
    ['sixel', { TERM: 'foot' }],
    ['sixel', { TERM: 'foot-extra' }],
    ['sixel', { TERM: 'mlterm' }],
    ['blocks', { TERM: 'xterm-256color', WT_SESSION: 'x' }],
    ['blocks', { TERM: 'tmux-256color', TERM_PROGRAM: 'iTerm.app' }],
    ['blocks', { TERM: 'xterm-kitty', TMUX: '/tmp/tmux,1,0' }],
    [undefined, { TERM: 'dumb' }],
    [undefined, { TERM: 'xterm-kitty', NO_COLOR: '1' }],
  ])('is %s for %j', (id, env) => {
    expect(protocol(env as Env)).toBe(id)
  })

  it('is none where the output goes to a file or a program', () => {
    const stdout = { write: () => expect.fail('nothing may be written') }
    expect(showPreview(image(1, RED), { stdout, env: { TERM: 'xterm-kitty' } })).toBe(false)
  })
})

describe('kitty', () => {
  it('has the PNG in pieces of 4096 letters, the last one marked, and asks for no answer', () => {
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => Math.imul(i * i, 2654435761) >>> 24)
    const picture = { width: 64, height: 64, data: noise }
    const text = shown('kitty', picture)
    const pieces = [...text.matchAll(/ESC_G([^;]*);(.*?)ESC\\/g)]
    expect(pieces.map(([whole]) => whole).join('')).toBe(text)
    expect(pieces.length).toBeGreaterThan(2)
    expect(pieces[0]![1]).toBe('f=100,a=T,q=2,c=8,m=1')
    expect(pieces.slice(1).map(([, head]) => head)).toEqual([...pieces.slice(2).map(() => 'm=1'), 'm=0'])
    expect(Math.max(...pieces.map(([, , data]) => data!.length))).toBe(4096)
    const png = Buffer.from(pieces.map(([, , data]) => data).join(''), 'base64')
    expect(decodePixels(openPng(png))).toEqual(picture)
  })

  it('is no wider than the terminal', () => {
    expect(shown('kitty', { width: 4000, height: 1, data: new Uint8Array(12000) }, {}, 100)).toContain(
      ',c=100,',
    )
  })
})

describe('iTerm2', () => {
  it('has the PNG with its size', () => {
    const text = shown('iterm2', image(1, RED))
    const [, size, data] = /^ESC\]1337;File=inline=1;size=(\d+);width=1;preserveAspectRatio=1:(.*)BEL$/.exec(
      text,
    )!
    const png = Buffer.from(data!, 'base64')
    expect(png.length).toBe(Number(size))
    expect(decodePixels(openPng(png)).data).toEqual(Uint8Array.from(RED))
  })
})

describe('sixel', () => {
  it('paints bands of six rows, a colour at a time', () => {
    const rows = [RED, RED, RED, BLUE, BLUE, BLACK, RED]
    const text = shown('sixel', image(5, ...rows.flatMap((row) => Array.from({ length: 5 }, () => row))))
    // by hand: rows 0 to 2 are bits 1 + 2 + 4 = 7, letter 63 + 7 = F; rows 3 and 4 are 24, W; row 5 is 32, _
    expect(text).toBe('ESCP0;1q"1;1;5;7#0;2;0;0;0#5;2;0;0;100#210;2;100;0;0#210!5F$#5!5W$#0!5_-#210!5@ESC\\')
  })

  it('keeps the mean of a colour it does not have', () => {
    const text = shown('sixel', { width: 24, height: 24, data: new Uint8Array(24 * 24 * 3).fill(128) })
    const palette = new Map(
      [...text.matchAll(/#(\d+);2;(\d+);\d+;\d+/g)].map(([, index, red]) => [index, Number(red)]),
    )
    const body = text.slice(text.lastIndexOf(';2;'), -'ESC\\'.length).replace(/^[\d;]+/, '')
    let [sum, pixels] = [0, 0]
    for (const [, colour, line] of body.matchAll(/#(\d+)([?-~!\d]*)/g)) {
      const masks = line!.replace(/!(\d+)(.)/g, (_, count, letter: string) => letter.repeat(Number(count)))
      for (const letter of masks) {
        const bits = (letter.charCodeAt(0) - 63).toString(2).replaceAll('0', '').length
        sum += bits * palette.get(colour)!
        pixels += bits
      }
    }
    expect(pixels).toBe(24 * 24)
    expect(sum / pixels).toBeCloseTo((100 * 128) / 255, 0)
  })
})

describe('half blocks', () => {
  it('are two pixels each, in true colours or in those of the cube', () => {
    const picture = image(2, RED, RED, BLUE, BLUE, BLACK, RED)
    expect(shown('blocks', picture, { COLORTERM: 'truecolor' })).toBe(
      'ESC[38;2;255;0;0;48;2;0;0;255m▀▀ESC[0m\nESC[49;38;2;0;0;0m▀ESC[49;38;2;255;0;0m▀ESC[0m',
    )
    expect(shown('blocks', picture).split('\n')[0]).toBe('ESC[38;5;196;48;5;21m▀▀ESC[0m')
  })

  it('fit into the terminal', () => {
    const lines = shown('blocks', { width: 400, height: 300, data: new Uint8Array(360_000) }).split('\n')
    expect(lines.length).toBe(15)
    expect(lines[0]!.split('▀').length - 1).toBe(40)
  })
})

describe('a smaller image', () => {
  it('has the means of what its pixels cover', () => {
    const picture = image(4, RED, RED, BLUE, BLACK, RED, BLUE, BLUE, BLACK)
    expect(fitted(picture, 2, 9)).toEqual(image(2, [191, 0, 64], [0, 0, 128]))
    expect(fitted(picture, 9, 9)).toBe(picture)
  })
})
