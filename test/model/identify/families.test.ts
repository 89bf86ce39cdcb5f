import { describe, expect, it } from 'vitest'
import { identify } from '../../../src/model/identify/identify.ts'
import type { Identity } from '../../../src/model/identity.ts'
import { UNET_PREFIX } from '../../../src/model/networks/architectures/architecture.ts'
import { architectureById } from '../../../src/model/networks/architectures/registry.ts'
import { PUBLISHED_MODELS, publishedKeys, publishedLayouts } from '../../published-keys.ts'
import { tableOf } from '../tables.ts'

/** List of keys -> id of its architecture and of its variant. */
const FAMILIES: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
  'flux-dev': ['flux-1-dev'],
  'flux-schnell': ['flux-1-dev', 'schnell'],
  'flux-fill': ['flux-1-dev', 'fill'],
  'flux-control': ['flux-1-dev', 'control'],
  'flux2-dev': ['flux-2', 'dev'],
  'flux2-klein-4b': ['flux-2', 'klein-4b'],
  'flux2-klein-9b': ['flux-2', 'klein-9b'],
  'sd3-medium': ['stable-diffusion-v3-medium'],
  'sd3.5-medium': ['stable-diffusion-v3.5-medium'],
  'sd3.5-large': ['stable-diffusion-v3.5-large'],
  chroma: ['chroma'],
  'z-image': ['z-image'],
  'z-image-omni': ['z-image', 'omni'],
  'qwen-image': ['qwen-image'],
  'qwen-image-layered': ['qwen-image', 'layered'],
  lumina2: ['lumina-2'],
  'wan-t2v-14b': ['wan', 't2v-14b'],
  'wan-t2v-1.3b': ['wan', 't2v-1.3b'],
  'wan2.1-i2v-14b': ['wan', 'i2v-14b-2.1'],
  'wan2.2-i2v-a14b': ['wan', 'i2v-a14b'],
  'wan2.2-ti2v-5b': ['wan', 'ti2v-5b'],
  'wan2.1-vace-14b': ['wan', 'vace-14b'],
  'wan2.1-vace-1.3b': ['wan', 'vace-1.3b'],
  'hidream-i1': ['hidream-i1'],
  'cosmos-predict2-2b': ['cosmos-predict2', '2b'],
  'cosmos-predict2-14b': ['cosmos-predict2', '14b'],
  anima: ['anima'],
  krea2: ['krea-2'],
  'hunyuan-video': ['hunyuan-video', 't2v'],
  'hunyuan-video-i2v': ['hunyuan-video', 'i2v'],
  'hunyuan-video-1.5': ['hunyuan-video-1.5'],
  'hunyuan-image': ['hunyuan-image-2.1'],
  'hunyuan-image-distilled': ['hunyuan-image-2.1', 'distilled'],
  'ltx-video-2b': ['ltx-video', '2b'],
  'ltx-video-13b': ['ltx-video', '13b'],
  auraflow: ['auraflow'],
  'kandinsky5-image-lite': ['kandinsky-5', 'image-lite'],
  'kandinsky5-video-lite': ['kandinsky-5', 'video-lite'],
  omnigen2: ['omnigen2'],
  'ovis-image': ['ovis-image'],
  'longcat-image': ['longcat-image'],
  'pixart-alpha': ['pixart', 'alpha'],
  'pixart-sigma': ['pixart', 'sigma'],
  'stable-cascade-decoder': ['stable-cascade-b'],
  'stable-cascade-prior': ['stable-cascade'],
  'stable-cascade-prior-lite': ['stable-cascade'],
}

/** No value is needed to tell them. */
async function noValues(): Promise<Float64Array> {
  return new Float64Array(1)
}

function identityOf(keys: ReadonlyMap<string, readonly number[]>, fileName?: string): Promise<Identity> {
  return identify(tableOf(keys, { dtype: 'BF16' }), noValues, fileName === undefined ? {} : { fileName })
}

/** As ComfyUI saves it: norms are called weight. */
function savedByComfy(keys: ReadonlyMap<string, readonly number[]>): Map<string, readonly number[]> {
  return new Map([...keys].map(([key, shape]) => [key.replace(/\.scale$/, '.weight'), shape]))
}

function said({ architecture }: Identity): (string | undefined)[] {
  return [architecture?.id, architecture?.variant]
}

/** What the structure of its denoiser lacks, or has too much. */
function faults({ components }: Identity): unknown[] {
  return components.map(({ match }) => [match?.missing ?? [], match?.misshapen ?? [], match?.extra ?? []])
}

/** Their names have lost what tells the variant: the length of a caption. */
const UNDECIDED = new Set(['pixart-sigma diffusers'])

const LISTS = Object.entries(FAMILIES).flatMap(([name, [id, variant]]) =>
  publishedLayouts(name).map((layout) => {
    return { name, layout, id, variant: UNDECIDED.has(`${name} ${layout}`) ? undefined : variant }
  }),
)

describe.each(LISTS)('the $layout keys of $name', ({ name, layout, id, variant }) => {
  const keys = publishedKeys(name, layout)

  it('are told and lack nothing, whatever the file is called', async () => {
    for (const fileName of [undefined, 'model.safetensors', 'wan_flux2_qwen-image_sdxl.safetensors']) {
      const identity = await identityOf(keys, fileName)
      expect(said(identity)).toEqual([id, variant])
      expect(faults(identity)).toEqual([[[], [], []]])
    }
  })

  it('are told under the prefix of checkpoints, and with norms called weight', async () => {
    const prefixed = publishedKeys(name, layout, UNET_PREFIX)
    for (const spelling of [prefixed, savedByComfy(keys), savedByComfy(prefixed)]) {
      expect(said(await identityOf(spelling))).toEqual([id, variant])
    }
  })

  it('have no other name without a key that proves it', async () => {
    for (const { keys: proving } of architectureById(id)!.proofs ?? []) {
      for (const key of proving) {
        const left = new Map([...keys].filter(([other]) => other !== key))
        if (left.size < keys.size) expect([id, undefined]).toContain(said(await identityOf(left))[0])
      }
    }
  })
})

it('Kolors is told from SDXL, whose blocks it has', async () => {
  for (const prefix of ['', UNET_PREFIX]) {
    expect(said(await identityOf(publishedKeys('kolors', 'diffusers', prefix)))).toEqual([
      'kolors',
      undefined,
    ])
  }
})

it('every model of which keys are listed is told', () => {
  expect([...Object.keys(FAMILIES), 'kolors'].sort()).toEqual([...PUBLISHED_MODELS].sort())
})
