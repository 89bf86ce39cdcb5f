import { type Algorithm, dim, kernelOf, type Parts, targetShape } from './algorithm.ts'

/**
 * Two generations with the same suffixes, told apart by where the rank stands.
 *
 * | version     | a1     | a2     | b1              | b2              | dW                                   |
 * | new LyCORIS | (I, r) | (r, I) | (O, r)          | (r, I, kh, kw)  | alpha/r * (b1 @ b2 + (W @ a1) @ a2)  |
 * | old LyCORIS | (r, I) | (I, r) | (r, I, kh, kw)  | (O, r)          | alpha/r * (b2 @ b1 + (W @ a2) @ a1)  |
 */
export const glora: Algorithm = {
  id: 'glora',
  title: 'GLoRA',
  spellings: ['a1', 'a2', 'b1', 'b2', 'bm'].map((role) => ({ suffix: `${role}.weight`, role })),
  required: [['a1', 'a2', 'b1', 'b2']],
  optional: ['bm', 'alpha', 'dora_scale'],
  rank(parts) {
    const version = gloraVersion(parts)
    return version === undefined ? undefined : dim(parts, version === 'new' ? 'a2' : 'a1', 0)
  },
  target(parts) {
    const old = gloraVersion(parts) === 'old'
    const kernel = kernelOf(parts, old ? 'b1' : 'b2')
    const inputs = dim(parts, old ? 'b1' : 'b2', 1)
    const columns = inputs === undefined || kernel === undefined ? undefined : inputs * kernel[0] * kernel[1]
    return targetShape(dim(parts, old ? 'b2' : 'b1', 0), columns, kernel)
  },
  misfit: (parts) =>
    gloraVersion(parts) === undefined ? 'the ranks of a1, a2, b1 and b2 differ' : undefined,
}

/**
 * The test ComfyUI uses. If both generations fit (all four square), it is the new one, unless the target weight
 * is square with the same side; that exception needs the checkpoint and is left to the bake.
 */
export function gloraVersion(parts: Parts): 'old' | 'new' | undefined {
  const isNew = allEqual(dim(parts, 'b2', 0), dim(parts, 'b1', 1), dim(parts, 'a1', 1), dim(parts, 'a2', 0))
  if (isNew) return 'new'
  const isOld = allEqual(dim(parts, 'b2', 1), dim(parts, 'b1', 0), dim(parts, 'a1', 0), dim(parts, 'a2', 1))
  return isOld ? 'old' : undefined
}

function allEqual(first: number | undefined, ...rest: readonly (number | undefined)[]): boolean {
  return first !== undefined && rest.every((n) => n === first)
}
