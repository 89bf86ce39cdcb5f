import { describe, expect, it } from 'vitest'
import type { Component } from '../../../src/model/networks/components.ts'
import { checkProof, proofOf } from '../../../src/operations/merge-lora/proof.ts'
import type { PatchStats } from '../../../src/tensor/algebra/patch-stats.ts'
import { bytesTensor, tableOf } from '../../tables.ts'

const UNET = { id: 'unet', role: 'unet', title: 'UNet' } as Component
const TEXT = { id: 'clip_l', role: 'text', title: 'CLIP-L text encoder' } as Component

function planned(...tensors: readonly (readonly [name: string, component: Component, modules: string[]])[]) {
  return {
    table: tableOf(tensors.map(([name]) => bytesTensor(name, 'F16', [2], new Uint8Array(4)))),
    patches: new Map(
      tensors.map(([name, component, modules]) => {
        return [name, { component, by: modules.map((module) => ({ lora: 0, module })) }] as const
      }),
    ),
  }
}

function stats(base2: number, delta2: number, error2: number, changed = 1): PatchStats {
  return { count: 4, base2, delta2, error2, changed }
}

describe('proofOf', () => {
  it('adds up the tensors of each part, and counts a module once', () => {
    const plan = planned(['a', UNET, ['m']], ['a.bias', UNET, ['m']], ['b', TEXT, ['n', 'o']])
    const counts = new Map([
      ['a', stats(60, 3, 0)],
      ['a.bias', stats(40, 1, 0.0001)],
      ['b', stats(0, 4, 0)],
    ])
    expect(proofOf(plan, counts)).toEqual({
      parts: [
        { component: 'unet', title: 'UNet', modules: 1, tensors: 2, relative: 0.2, lost: 0.005 },
        {
          component: 'clip_l',
          title: 'CLIP-L text encoder',
          modules: 2,
          tensors: 1,
          relative: null,
          lost: 0,
        },
      ],
      findings: [],
    })
  })

  it('warns where more than a tenth is lost', () => {
    const plan = planned(['a', UNET, ['m']])
    expect(proofOf(plan, new Map([['a', stats(1, 1, 0.0099)]])).findings).toEqual([])
    expect(proofOf(plan, new Map([['a', stats(1, 1, 0.0144)]])).findings).toEqual([
      {
        code: 'rounding-loss',
        severity: 'warning',
        message:
          'UNet: the rounding error in F16 is 12.0 % of the change the LoRAs make; a wider type (--dtype) keeps more',
      },
    ])
  })

  it('mentions modules of zeros, and those that no type could show', () => {
    const plan = planned(['a', UNET, ['m']], ['b', UNET, ['n']], ['c', UNET, ['o']])
    const counts = new Map([
      ['a', stats(1, 1, 0)],
      ['b', stats(1, 0, 0, 0)],
      ['c', stats(1, 1e-15, 0, 0)],
    ])
    expect(proofOf(plan, counts).findings[0]?.message).toBe(
      '2 modules ("n", "o") change nothing: what they add is 0, or too small for any type',
    )
    expect(() => checkProof(plan, counts)).not.toThrow()
  })
})

describe('checkProof', () => {
  const plan = planned(['a', UNET, ['m']], ['b', UNET, ['n']])
  const codeOf = (a: PatchStats, b: PatchStats) => {
    try {
      checkProof(
        plan,
        new Map([
          ['a', a],
          ['b', b],
        ]),
      )
    } catch (error) {
      return (error as { code: string }).code
    }
    return undefined
  }

  it.each([
    ['a change in every tensor', stats(1, 1, 0), stats(1, 1, 0), undefined],
    ['no change at all', stats(1, 0, 0, 0), stats(1, 0, 0, 0), 'NOTHING_CHANGED'],
    ['a change that rounding takes away', stats(1, 1, 0), stats(1, 1e-8, 1e-8, 0), 'DELTA_VANISHED'],
    ['NaN in the change', stats(1, 1, 0), stats(1, Number.NaN, 0), 'NOT_FINITE'],
    ['NaN in the base', stats(1, 1, 0), stats(Number.NaN, 1, 0), 'NOT_FINITE'],
  ])('%s', (_, a, b, code) => expect(codeOf(a, b)).toBe(code))
})
