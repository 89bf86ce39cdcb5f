/**
 * Named block weights, as numbers of BASE, IN00 to IN11, M00, OUT00 to OUT11. Source: mbwpresets.txt of supermerger and
 * of bbc-mc/sdweb-merge-block-weighted-gui, whose curves are written down here as what they are: functions of the place
 * of a block, from 0 (IN00) to 1 (OUT11).
 */
const BLOCKS = 25

type Curve = (place: number) => number

function curve(of: Curve): number[] {
  return Array.from({ length: BLOCKS }, (_, i) => of(i / (BLOCKS - 1)))
}

const smoothstep: Curve = (x) => 3 * x ** 2 - 2 * x ** 3
const cosine: Curve = (x) => (1 + Math.cos(Math.PI * x)) / 2
/** Up to 1, down to 0, and so on. */
const folded: Curve = (x) => 1 - Math.abs(1 - (x % 2))
const trueHermite: Curve = (x) =>
  x === 0 ? 0 : (77 / 12) * x ** 3 - (77 / 8) * x ** 2 + (25 / 6) * x + 1 / 24
const fakeHermite: Curve = (x) => (19 / 3) * x ** 3 - (19 / 2) * x ** 2 + (25 / 6) * x

function reversed(of: Curve): Curve {
  return (x) => 1 - of(x)
}

/** `value` in the blocks [from, to], counted from IN00, and in those mirrored at the middle. */
function ring(from: number, to: number, value = 1): number[] {
  return Array.from({ length: BLOCKS }, (_, i) => {
    const block = Math.min(i, BLOCKS - 1 - i)
    return block >= from && block <= to ? value : 0
  })
}

/** From the block `from` on; itself, if it is not a whole one, by a half. */
function from(start: number): number[] {
  return Array.from({ length: BLOCKS }, (_, i) => Math.min(1, Math.max(0, i + 1 - start)))
}

const SOFT_RING = [0, 0, 0, 0, 0, 0.5, 1, 1, 1, 0.5, 0, 0, 0, 0, 0, 0.5, 1, 1, 1, 0.5, 0, 0, 0, 0, 0]
const SHIFTED_RING = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
const NARROW_RING = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]

const IN_UNET: Readonly<Record<string, readonly number[]>> = {
  GRAD_V: curve((x) => Math.abs(1 - 2 * x)),
  GRAD_A: curve((x) => 1 - Math.abs(1 - 2 * x)),
  FLAT_25: curve(() => 0.25),
  FLAT_75: curve(() => 0.75),
  WRAP08: ring(0, 3),
  WRAP12: ring(0, 5),
  WRAP14: ring(0, 6),
  WRAP16: ring(0, 7),
  MID12_50: ring(5, 12, 0.5).map((value, i) => (i === 5 || i <= 18 ? value : 0)),
  OUT07: from(18.0),
  OUT12: from(13.0),
  OUT12_5: from(12.5),
  RING08_SOFT: SOFT_RING,
  RING08_5: SHIFTED_RING,
  RING10_5: ring(5, 9),
  RING10_3: NARROW_RING,
  SMOOTHSTEP: curve(smoothstep),
  'REVERSE-SMOOTHSTEP': curve(reversed(smoothstep)),
  ...Object.fromEntries(
    [2, 3, 4].flatMap((n) => {
      const [times, over]: Curve[] = [(x) => folded(n * smoothstep(x)), (x) => smoothstep(folded(n * x))]
      return [
        [`SMOOTHSTEP*${n}`, curve(times!)],
        [`R_SMOOTHSTEP*${n}`, curve(reversed(times!))],
        [`SMOOTHSTEP/${n}`, curve(over!)],
        [`R_SMOOTHSTEP/${n}`, curve(reversed(over!))],
      ]
    }),
  ),
  COSINE: curve(cosine),
  REVERSE_COSINE: curve(reversed(cosine)),
  TRUE_CUBIC_HERMITE: curve(trueHermite),
  TRUE_REVERSE_CUBIC_HERMITE: curve(reversed(trueHermite)),
  FAKE_CUBIC_HERMITE: curve(fakeHermite),
  FAKE_REVERSE_CUBIC_HERMITE: curve(reversed(fakeHermite)),
  ALL_A: curve(() => 0),
}

/** 26 numbers each. All but the last leave the text encoders as they are. */
export const BLOCK_PRESETS: Readonly<Record<string, readonly number[]>> = {
  ...Object.fromEntries(Object.entries(IN_UNET).map(([name, values]) => [name, [0, ...values]])),
  ALL_B: Array.from({ length: BLOCKS + 1 }, () => 1),
}
