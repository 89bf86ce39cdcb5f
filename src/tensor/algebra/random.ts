/** Reproducible random numbers for algorithms that sample. Not for secrets. */

/** Uniform numbers in [0, 1), from 32 bits of state. Source: mulberry32 (Tommy Ettinger, public domain). */
export function uniformNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Fills an array with numbers of the standard normal distribution (Box and Muller 1958). */
export function fillNormal(out: Float32Array, seed: number): void {
  const uniform = uniformNumbers(seed)
  for (let i = 0; i < out.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()))
    const angle = 2 * Math.PI * uniform()
    out[i] = radius * Math.cos(angle)
    if (i + 1 < out.length) out[i + 1] = radius * Math.sin(angle)
  }
}

/** A seed of its own for each of many tasks: FNV-1a over the characters of its name. */
export function seedFor(name: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0
  return hash
}
