/**
 * Large pictures are decoded in tiles that overlap. In the overlap both are mixed, each with a weight that falls to
 * its edge, so that no seam is seen. A tile has its own statistics in the norms: tones differ a little from a picture
 * decoded as a whole, which is why small ones are not cut.
 */

/** Places of one axis, in latent pixels. */
export interface Span {
  readonly begin: number
  readonly end: number
}

/** Spans of at most `tile` that cover [0, size), each overlapping the next by at least `overlap`. */
export function spans(size: number, tile: number, overlap: number): Span[] {
  if (size <= tile) return [{ begin: 0, end: size }]
  const count = Math.ceil((size - overlap) / (tile - overlap))
  return Array.from({ length: count }, (_, i) => {
    const begin = Math.round((i * (size - tile)) / (count - 1))
    return { begin, end: begin + tile }
  })
}

/** Planes of one picture, [channels, height, width]. */
export interface Planes {
  readonly data: Float32Array
  readonly channels: number
  readonly height: number
  readonly width: number
}

/** Rows and columns [y, x] of a larger picture. */
export function cut(planes: Planes, y: Span, x: Span): Planes {
  const { channels, height, width } = planes
  const [rows, columns] = [y.end - y.begin, x.end - x.begin]
  const data = new Float32Array(channels * rows * columns)
  for (let c = 0; c < channels; c++) {
    for (let row = 0; row < rows; row++) {
      const from = (c * height + y.begin + row) * width + x.begin
      data.set(planes.data.subarray(from, from + columns), (c * rows + row) * columns)
    }
  }
  return { data, channels, height: rows, width: columns }
}

/** Adds weighted tiles to a picture; `picture` divides by what was added. */
export interface Mosaic {
  /** `y` and `x` are places in the picture; `overlap` is how far the weight rises from the edges of the tile. */
  add(tile: Planes, y: Span, x: Span, overlap: number): void
  picture(): Float32Array
}

/** For a picture [channels, height, width] of zeros; every place of it needs a tile before `picture` is called. */
export function mosaic(channels: number, height: number, width: number): Mosaic {
  const sums = new Float32Array(channels * height * width)
  const weights = new Float32Array(height * width)
  return {
    add(tile, y, x, overlap) {
      const [down, across] = [ramp(y, height, overlap), ramp(x, width, overlap)]
      for (let row = 0; row < tile.height; row++) {
        for (let column = 0; column < tile.width; column++) {
          const weight = down[row]! * across[column]!
          const at = (y.begin + row) * width + x.begin + column
          weights[at]! += weight
          for (let c = 0; c < channels; c++) {
            sums[c * height * width + at]! +=
              weight * tile.data[(c * tile.height + row) * tile.width + column]!
          }
        }
      }
    },
    picture: () => sums.map((sum, i) => sum / weights[i % weights.length]!),
  }
}

/** 1 in the middle, falling towards the edges that other tiles lie beyond; never 0. */
function ramp({ begin, end }: Span, size: number, overlap: number): Float32Array {
  return Float32Array.from({ length: end - begin }, (_, i) => {
    const before = begin === 0 ? 1 : (i + 0.5) / overlap
    const after = end === size ? 1 : (end - begin - i - 0.5) / overlap
    return Math.min(1, before, after)
  })
}
