import type { RgbImage } from '../../image/image.ts'

/** A drawing of rectangles, text and images: what `svg.ts` writes and `raster.ts` paints. Lengths are pixels of the SVG. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly background: Colour
  readonly shapes: readonly DrawnShape[]
}

/** `#rrggbb`. */
export type Colour = `#${string}`

export type DrawnShape = Rectangle | Label | Photo

export interface Rectangle {
  readonly kind: 'rectangle'
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly fill: Colour
}

export interface Label {
  readonly kind: 'label'
  readonly text: string
  /** Where `anchor` of the text stands. */
  readonly x: number
  readonly anchor: 'start' | 'middle' | 'end'
  /** The line the letters stand on. */
  readonly y: number
  /** Height of a capital letter. */
  readonly size: number
  readonly fill: Colour
  readonly bold?: true
}

/** An image with its top left corner at `x`, `y`, `zoom` pixels of the drawing to each of its own. */
export interface Photo {
  readonly kind: 'photo'
  readonly x: number
  readonly y: number
  readonly image: RgbImage
  readonly zoom: number
}

export function rectangle(
  [x, y]: readonly [number, number],
  [width, height]: readonly [number, number],
  fill: Colour,
): Rectangle {
  return { kind: 'rectangle', x, y, width, height, fill }
}

/** Colours of all drawings. */
export const INK: Colour = '#1f2933'
export const FAINT: Colour = '#667380'
export const PAPER: Colour = '#ffffff'

export type LabelStyle = Partial<Pick<Label, 'fill' | 'anchor' | 'bold'>> & Pick<Label, 'size'>

export function label(text: string, [x, y]: readonly [number, number], style: LabelStyle): Label {
  return { kind: 'label', text, x, y, anchor: 'start', fill: INK, ...style }
}
