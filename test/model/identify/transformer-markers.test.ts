import { describe, expect, it } from 'vitest'
import { identify } from '../../../src/model/identify/identify.ts'
import { publishedKeys } from '../../published-keys.ts'
import { tableOf } from '../tables.ts'

async function noValues(): Promise<Float64Array> {
  return new Float64Array(1)
}

async function marked(model: string, marker: string, prefix = '') {
  const keys = publishedKeys(model, 'native', prefix)
  return identify(tableOf(new Map([...keys, [prefix + marker, [0]]]), { dtype: 'BF16' }), noValues)
}

/** Source: ComfyUI `model_detection.py`. */
const MARKERS = ['__x0__', '__sequential__', '__32x32__', '__index_timestep_zero__', '__ming_image__']

describe.each(MARKERS)('the marker %s', (marker) => {
  it('is no unknown key, in a file of its own or in a whole model', async () => {
    for (const prefix of ['', 'model.diffusion_model.']) {
      const { architecture, findings } = await marked('chroma', marker, prefix)
      expect(architecture?.id).toBe('chroma')
      expect(findings.map(({ code }) => code)).not.toContain('unknown-keys')
    }
  })

  it('is said to be one, and kept with the model', async () => {
    const { components, findings } = await marked('chroma', marker)
    expect(components.find(({ id }) => id === 'markers')?.names).toEqual([marker])
    expect(findings.map(({ code }) => code)).toContain('markers')
  })
})

it.each(['', 'model.diffusion_model.', 'diffusion_model.'])(
  'Edit 2511 is told behind "%s"',
  async (prefix) => {
    expect((await marked('qwen-image', '__index_timestep_zero__', prefix)).architecture?.title).toBe(
      'Qwen-Image Edit 2511',
    )
  },
)
