import { describe, expect, it } from 'vitest'
import { GGUF_WORDS } from '../../../src/model/identify/gguf-architecture.ts'
import { identify } from '../../../src/model/identify/identify.ts'
import { architectureById } from '../../../src/model/networks/architectures/registry.ts'
import { publishedKeys } from '../../published-keys.ts'
import { tableOf } from '../tables.ts'

async function noValues(): Promise<Float64Array> {
  return new Float64Array(1)
}

function called(model: string, word: string) {
  const table = tableOf(publishedKeys(model, 'native'), { dtype: 'BF16' })
  return identify({ ...table, metadata: { 'general.architecture': word } }, noValues)
}

/** Source: city96/ComfyUI-GGUF, tools/convert.py and loader.py. */
const WORDS: readonly (readonly [model: string, word: string])[] = [
  ['flux-dev', 'flux'],
  ['chroma', 'flux'],
  ['sd3.5-large', 'sd3'],
  ['auraflow', 'aura'],
  ['hidream-i1', 'hidream'],
  ['cosmos-predict2-2b', 'cosmos'],
  ['ltx-video-2b', 'ltxv'],
  ['hunyuan-video', 'hyvid'],
  ['wan-t2v-14b', 'wan'],
  ['lumina2', 'lumina2'],
  ['z-image', 'lumina2'],
  ['qwen-image', 'qwen_image'],
]

describe('general.architecture of a GGUF', () => {
  it.each(WORDS)('%s called %s is evidence', async (model, word) => {
    const { architecture, findings } = await called(model, word)
    expect(architecture?.evidence).toContain(`metadata general.architecture = "${word}"`)
    expect(findings.map(({ code }) => code)).not.toContain('gguf-architecture')
  })

  it.each(WORDS)('%s is what its keys say, whatever else it is called', async (model, own) => {
    const plain = (await called(model, 'pig')).architecture
    expect(plain?.evidence.join()).not.toContain('general.architecture')
    for (const word of Object.keys(GGUF_WORDS).filter((one) => one !== own)) {
      const { architecture, findings } = await called(model, word)
      expect([architecture?.id, architecture?.variant]).toEqual([plain?.id, plain?.variant])
      expect(findings.filter(({ code }) => code === 'gguf-architecture')).toHaveLength(1)
    }
  })

  it('has words of architectures that there are', () => {
    for (const id of Object.values(GGUF_WORDS).flat()) expect(architectureById(id), id).toBeDefined()
  })
})
