import { describe, expect, it } from 'vitest'
import { ARCHITECTURES } from '../../src/model/architectures/registry.ts'
import { identify } from '../../src/model/identify.ts'
import { componentKeys, tableOf, valuesOf } from './tables.ts'

const V_BIAS = 'model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias'

describe('identify on full-size key lists', () => {
  for (const architecture of ARCHITECTURES.filter(({ components }) => components.length > 0)) {
    it(`recognises a complete ${architecture.title} checkpoint`, async () => {
      const table = tableOf(architecture.components.flatMap(componentKeys), { dtype: 'F16' })
      const read = valuesOf({ [V_BIAS]: new Array(320).fill(0) })
      const identity = await identify(table, read)
      expect(identity.kind).toBe('checkpoint')
      expect(identity.architecture?.id).toBe(architecture.id)
      expect(identity.components.map(({ id, prefix }) => [id, prefix])).toEqual(
        architecture.components.map(({ id, prefix }) => [id, prefix]),
      )
      expect(identity.findings).toEqual([])
    })
  }
})
