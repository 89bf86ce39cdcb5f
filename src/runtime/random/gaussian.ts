/**
 * Normally distributed numbers of one seed: each call gives the next `count`. Different sources give different
 * pictures for the same seed, so which one was used belongs to the settings of a picture.
 */
export type Gaussian = (count: number) => Float32Array

/** Seeds are unsigned integers of up to 64 bits. */
export type Seed = bigint

const MAX_UINT32 = 0xffffffffn

export function lowWord(seed: Seed): number {
  return Number(seed & MAX_UINT32)
}

export function highWord(seed: Seed): number {
  return Number((seed >> 32n) & MAX_UINT32)
}
