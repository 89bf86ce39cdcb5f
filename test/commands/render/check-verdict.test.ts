import { expect, it } from 'vitest'
import { renderVerdict } from '../../../src/commands/render/check-verdict.ts'
import type { Similarity } from '../../../src/image/similarity.ts'

function at(...psnrs: readonly number[]): Similarity[] {
  return psnrs.map((psnr) => ({ psnr, ssim: 1, meanDifference: 0, maxDifference: 0, changed: 0 }))
}

const SAME = Number.POSITIVE_INFINITY

it.each([
  ['identical pictures, of a merge that shows', [SAME, SAME], [20, 15], 'passed'],
  ['last bits that differ', [65, 52], [20, 15], 'passed'],
  ['one picture that differs', [SAME, 44], [20, 15], 'failed'],
  ['a merge that shows in one of the pictures', [SAME, SAME], [SAME, 30], 'passed'],
  ['a merge that shows nowhere', [SAME, SAME], [SAME, 41], 'inconclusive'],
  ['a wrong file of a merge that shows nowhere', [45, SAME], [SAME, 41], 'failed'],
] as const)('%s', (_, baked, base, verdict) => {
  expect(renderVerdict(at(...baked), at(...base))).toBe(verdict)
})

it('of an operation that is to change nothing, the base tells nothing', () => {
  expect(renderVerdict(at(SAME), undefined)).toBe('passed')
  expect(renderVerdict(at(30), undefined)).toBe('failed')
})
