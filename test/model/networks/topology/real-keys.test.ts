import { expect, it } from 'vitest'
import { SD1_UNET, sd1 } from '../../../../src/model/networks/architectures/sd1.ts'
import { sd2 } from '../../../../src/model/networks/architectures/sd2.ts'
import { sdxl } from '../../../../src/model/networks/architectures/sdxl.ts'
import { refiner } from '../../../../src/model/networks/architectures/sdxl-refiner.ts'
import {
  unetInDiffusers,
  unetNameInDiffusers,
  vaeInDiffusers,
  vaeNameInDiffusers,
} from '../../../../src/model/networks/topology/diffusers.ts'
import { clip, clipOptional, clipTopology } from '../../../../src/model/networks/topology/text.ts'
import { controlnetTopology } from '../../../../src/model/networks/topology/unet.ts'
import { VAE_KL_F8, vaeTopology } from '../../../../src/model/networks/topology/vae.ts'
import { describeReal } from '../../../real-files.ts'
import { prefixed, realKeyMap, realKeys } from '../../tables.ts'

function sorted<T>(entries: Iterable<readonly [string, T]>): (readonly [string, T])[] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
}

const nothing = () => undefined

describeReal('topologies against key lists of real models', () => {
  it('SDXL UNet in diffusers layout (Juggernaut XL)', () => {
    const ours = unetInDiffusers(sdxl.components[0]!.topology(), 2, nothing)
    const real = realKeys('Juggernaut XL v9__unet__diffusion_pytorch_model.fp16.safetensors')
    expect(sorted(ours)).toEqual(sorted(real))
  })

  it('VAE in diffusers layout (Juggernaut XL)', () => {
    const ours = vaeInDiffusers(vaeTopology(VAE_KL_F8), 4, false)
    const real = realKeys('Juggernaut XL v9__vae__diffusion_pytorch_model.fp16.safetensors')
    expect(sorted(ours)).toEqual(sorted(real))
  })

  it('CLIP-L and CLIP-G as transformers names them (Juggernaut XL)', () => {
    const first = realKeys('Juggernaut XL v9__text_encoder__model.fp16.safetensors')
    expect(sorted(clipTopology(clip(768, 12)))).toEqual(sorted(first))
    const second = realKeys('Juggernaut XL v9__text_encoder_2__model.fp16.safetensors')
    expect(sorted(clipTopology(clip(1280, 32, true)))).toEqual(sorted(second))
  })

  it('CLIP-L with its optional keys (OpenAI)', () => {
    const config = clip(768, 12)
    const real = realKeys('clip-vit-large-patch14__model.safetensors')
    const text = real.filter(([name]) => /^(text_|logit_scale)/.test(name))
    expect(sorted([...clipTopology(config), ...clipOptional(config)])).toEqual(sorted(text))
  })

  it('ControlNet of SD 1.x in diffusers layout (canny)', () => {
    const ours = unetInDiffusers(controlnetTopology(SD1_UNET), 2, nothing)
    const real = realKeys('Hard Edge Detection (canny)__diffusion_pytorch_model.fp16.safetensors')
    expect(sorted(ours)).toEqual(sorted(real))
  })

  it.each([
    ['sd1', sd1, []],
    ['sd2', sd2, ['text_projection', 'logit_scale', 'transformer.resblocks.23.']],
    ['sdxl', sdxl, ['text_projection', 'logit_scale']],
    ['refiner', refiner, ['text_projection', 'logit_scale']],
  ] as const)('every key of the ldm map of %s', (file, architecture, absent) => {
    const map = realKeyMap(file)
    const real = new Set([
      ...Object.keys(map.ldm_diffusers_keymap),
      ...Object.keys(map.ldm_diffusers_operator_map ?? {}),
    ])
    const ours = architecture.components.flatMap(({ prefix, topology }) => prefixed(prefix, topology()))
    const missing = ours.map(([name]) => name).filter((name) => !real.has(name))
    const expected = new Set(ours.map(([name]) => name))
    expect([...real].filter((name) => !expected.has(name))).toEqual([])
    // Not in a key map: what diffusers drops, and what has to be transposed
    expect(missing.filter((name) => !absent.some((part) => name.includes(part)))).toEqual([])
  })

  it.each(['sd1', 'sd2', 'sdxl', 'refiner'])('diffusers names of the UNet and VAE keys of %s', (file) => {
    const map = Object.entries(realKeyMap(file).ldm_diffusers_keymap)
    const rename = (name: string): string | undefined => {
      const unet = /^model\.diffusion_model\.(.+)$/.exec(name)?.[1]
      if (unet) return `unet_${unetNameInDiffusers(unet, 2)}`
      const vae = /^first_stage_model\.(.+)$/.exec(name)?.[1]
      return vae && `vae_${vaeNameInDiffusers(vae, 4)}`
    }
    const networks = map.filter(([ldm]) => rename(ldm) !== undefined)
    expect(networks.length).toBeGreaterThan(900)
    for (const [ldm, diffusers] of networks) expect([ldm, rename(ldm)]).toEqual([ldm, diffusers])
  })
})
