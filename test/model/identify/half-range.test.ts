import { describe, expect, it } from 'vitest'
import { identify } from '../../../src/model/identify/identify.ts'
import type { Identity } from '../../../src/model/identity.ts'
import type { DType } from '../../../src/tensor/values/dtype.ts'
import { publishedKeys } from '../../published-keys.ts'
import { tableOf } from '../tables.ts'

/** A norm whose values are `spread` above and below 1 in turn, so that this is their standard deviation. */
function spreading(spread: number) {
  return async ({ shape }: { readonly shape: readonly number[] }) =>
    Float64Array.from({ length: shape[0]! }, (_, i) => 1 + (i % 2 === 0 ? spread : -spread))
}

function identityOf(model: string, dtype: DType, spread = 0): Promise<Identity> {
  return identify(tableOf(publishedKeys(model, 'native'), { dtype }), spreading(spread), {})
}

function codes({ findings }: Identity): string[] {
  return findings.map(({ code }) => code)
}

/** Source of the lists and of the limit: ComfyUI, `supported_models.py` and `model_detection.py`. */
describe('what cannot be run in fp16', () => {
  it.each([
    'lumina2',
    'qwen-image',
    'hidream-i1',
    'hunyuan-video',
    'hunyuan-image',
    'ltx-video-2b',
    'flux-fill',
  ])('%s', async (model) => {
    const identity = await identityOf(model, 'BF16')
    expect(identity.architecture?.fp16Overflows).toMatch(/too large/)
    expect(codes(identity)).not.toContain('fp16-overflow')
    expect(codes(await identityOf(model, 'F16'))).toContain('fp16-overflow')
  })

  it.each([
    'flux-dev',
    'flux2-dev',
    'chroma',
    'wan-t2v-14b',
    'anima',
    'krea2',
    'hunyuan-video-1.5',
    'cosmos-predict2-2b',
  ])('is not %s', async (model) => {
    const identity = await identityOf(model, 'F16')
    expect(identity.architecture?.fp16Overflows).toBeUndefined()
    expect(codes(identity)).not.toContain('fp16-overflow')
  })

  it('is a Z-Image in which the norm before the last block spreads 0.42 or more', async () => {
    expect((await identityOf('z-image', 'BF16', 0.41)).architecture?.fp16Overflows).toBeUndefined()
    const { architecture } = await identityOf('z-image', 'BF16', 0.43)
    expect(architecture?.fp16Overflows).toBe('the spread of layers.28.ffn_norm1.weight is 0.4300, above 0.42')
  })

  it('is advised to become bf16 where it is stored in full precision', async () => {
    const { findings } = await identityOf('qwen-image', 'F32')
    const advice = findings.find(({ code }) => code === 'full-precision')
    expect(advice?.message).toContain('--dtype bf16')
    const other = (await identityOf('flux-dev', 'F32')).findings.find(({ code }) => code === 'full-precision')
    expect(other?.message).toContain('--dtype fp16')
  })
})
