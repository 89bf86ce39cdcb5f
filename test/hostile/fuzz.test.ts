import { expect, it } from 'vitest'
import { fuzz, seeds } from '../../fixtures/fuzz.ts'
import { codeOf } from './outcome.ts'

it('every seed of the fuzzer opens before it is mutated', async () => {
  // The bare pickle of tensors lacks its storages; the fuzzer also packs it into an archive that has them.
  const expected: Record<string, string> = { pickle: 'TORCH_STORAGE_MISSING' }
  for (const { name, bytes } of await seeds()) expect(await codeOf(bytes), name).toBe(expected[name])
})

it('two thousand mutated files open or are refused with a code', async () => {
  const { outcomes, cases } = await fuzz(2_000, 7)
  expect(cases).toBe(2_000)
  expect(outcomes.size).toBeGreaterThan(15)
  expect(outcomes.get('OK')).toBeGreaterThan(0)
})
