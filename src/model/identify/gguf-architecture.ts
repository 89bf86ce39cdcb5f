/** The word for its architecture in a GGUF, and whether its keys agree with it. */
import type { Finding } from '../../tensor/values/table.ts'
import { warning } from '../finding.ts'
import type { Architecture } from '../networks/architectures/architecture.ts'
import type { Facts } from './facts.ts'
import { messages } from './messages.ts'
import { saidOf, type WithFacts } from './prediction.ts'

/**
 * Architectures that converters call by one word: they know them by a few keys, which relatives have, too. Source:
 * city96/ComfyUI-GGUF, tools/convert.py. Words of other writers say nothing.
 */
export const GGUF_WORDS: Readonly<Record<string, readonly string[]>> = {
  flux: ['flux-1-dev', 'flux-2', 'chroma', 'chroma-radiance', 'longcat-image', 'ovis-image'],
  sd1: ['stable-diffusion-v1', 'stable-diffusion-v2'],
  sdxl: [
    'stable-diffusion-xl-v1-base',
    'stable-diffusion-xl-v1-refiner',
    'kolors',
    'ssd-1b',
    'segmind-vega',
    'koala-700m',
    'koala-1b',
  ],
  sd3: ['stable-diffusion-v3-medium', 'stable-diffusion-v3.5-medium', 'stable-diffusion-v3.5-large'],
  aura: ['auraflow'],
  hidream: ['hidream-i1'],
  cosmos: ['cosmos-predict2', 'anima'],
  ltxv: ['ltx-video', 'ltx-2'],
  hyvid: [
    'hunyuan-video',
    'hunyuan-video-comfyui',
    'hunyuan-video-1.5',
    'hunyuan-video-1.5-comfyui',
    'hunyuan-image-2.1',
    'hunyuan-image-2.1-comfyui',
    'framepack',
  ],
  wan: ['wan'],
  lumina2: ['lumina-2', 'newbie', 'z-image'],
  qwen_image: ['qwen-image'],
}

const KEY = 'general.architecture'

function wordOf(file: WithFacts): { readonly word: string; readonly ids: readonly string[] } | undefined {
  const word = saidOf(file)(KEY)
  return word !== undefined && Object.hasOwn(GGUF_WORDS, word) ? { word, ids: GGUF_WORDS[word]! } : undefined
}

/** What the word adds to the keys, where it agrees with them. */
export function ggufEvidence(file: WithFacts, { id }: Pick<Architecture, 'id'>): string[] {
  const said = wordOf(file)
  return said?.ids.includes(id) ? [messages.metadataSays(KEY, said.word)] : []
}

/** Programs that go by the word load the file as what it is not. */
export function ggufFindings({ file, known, identity }: Facts): Finding[] {
  const said = wordOf(file)
  if (said === undefined || known === undefined || said.ids.includes(known.id)) return []
  const title = identity.architecture?.title ?? known.title
  return [warning('gguf-architecture', messages.otherGgufWord(said.word, title))]
}
