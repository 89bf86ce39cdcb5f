import type { Shape } from './match.ts'

/** A topology while it is being put together. */
export type Keys = Map<string, Shape>

/** Linear layer: weight [out, in], bias [out]. */
export function linear(keys: Keys, name: string, out: number, input: number): void {
  keys.set(`${name}.weight`, [out, input])
  keys.set(`${name}.bias`, [out])
}

/** 2-D convolution: weight [out, in, side, side], bias [out]. */
export function conv(keys: Keys, name: string, out: number, input: number, side: number): void {
  keys.set(`${name}.weight`, [out, input, side, side])
  keys.set(`${name}.bias`, [out])
}

/** Group or layer norm: weight [channels], bias [channels]. */
export function norm(keys: Keys, name: string, channels: number): void {
  keys.set(`${name}.weight`, [channels])
  keys.set(`${name}.bias`, [channels])
}
