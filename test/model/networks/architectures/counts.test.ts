import { describe, expect, it } from 'vitest'
import type { Architecture } from '../../../../src/model/networks/architectures/architecture.ts'
import { fluxDev } from '../../../../src/model/networks/architectures/flux.ts'
import { ARCHITECTURES, architectureById } from '../../../../src/model/networks/architectures/registry.ts'
import { SD1_UNET, sd1 } from '../../../../src/model/networks/architectures/sd1.ts'
import { SD2_UNET, sd2, upscaler } from '../../../../src/model/networks/architectures/sd2.ts'
import { sd3Medium } from '../../../../src/model/networks/architectures/sd3.ts'
import { koala1b, koala700m, sdxl, ssd1b, vega } from '../../../../src/model/networks/architectures/sdxl.ts'
import { refiner } from '../../../../src/model/networks/architectures/sdxl-refiner.ts'
import { textEncoder } from '../../../../src/model/networks/text-encoders/component.ts'
import { clip, clipTopology, openClipTopology } from '../../../../src/model/networks/topology/text.ts'
import { controlnetTopology, unetTopology } from '../../../../src/model/networks/topology/unet.ts'
import { VAE_16, VAE_KL_F8, vaeTopology } from '../../../../src/model/networks/topology/vae.ts'
import { parameters } from '../../tables.ts'

function denoiser(architecture: Architecture) {
  return architecture.components[0]!.topology()
}

describe('tensor and parameter counts of published models', () => {
  // Counted in the original files
  it.each([
    ['SD 1.x UNet', denoiser(sd1), 686, 859_520_964],
    ['SD 1.x inpainting UNet', unetTopology({ ...SD1_UNET, inChannels: 9 }), 686, 859_535_364],
    ['InstructPix2Pix UNet', unetTopology({ ...SD1_UNET, inChannels: 8 }), 686, 859_532_484],
    ['SD 2.x UNet', denoiser(sd2), 686, 865_910_724],
    ['SD 2.x inpainting UNet', unetTopology({ ...SD2_UNET, inChannels: 9 }), 686, 865_925_124],
    ['SD 2.x depth UNet', unetTopology({ ...SD2_UNET, inChannels: 5 }), 686, 865_913_604],
    ['SDXL UNet', denoiser(sdxl), 1680, 2_567_463_684],
    ['SDXL refiner UNet', denoiser(refiner), 1220, 2_259_526_660],
    ['CLIP-L', clipTopology(clip(768, 12)), 196, 123_060_480],
    ['OpenCLIP-H', openClipTopology(clip(1024, 24, true)), 294, 354_032_641],
    ['OpenCLIP-H without its last layer', openClipTopology(clip(1024, 23)), 280, 340_387_840],
    ['OpenCLIP-bigG', openClipTopology(clip(1280, 32, true)), 390, 694_659_841],
    ['VAE of 4 channels', vaeTopology(VAE_KL_F8), 248, 83_653_863],
    ['VAE of 16 channels', vaeTopology(VAE_16), 244, 83_819_683],
    ['SD3 medium transformer', denoiser(sd3Medium), 491, 2_084_951_104],
    ['Flux transformer', denoiser(fluxDev), 780, 11_901_408_320],
    ['ControlNet of SD 1.x', controlnetTopology(SD1_UNET), 340, 361_279_120],
  ])('%s', (_, topology, tensors, total) => {
    expect([topology.size, parameters(topology)]).toEqual([tensors, total])
  })

  // The text encoders of SD3 carry a logit_scale besides (formats: 198, 518 and 220 tensors)
  it.each([
    ['CLIP-L of SD3', clipTopology(clip(768, 12, true)), 198, 123_650_305],
    ['CLIP-G of SD3', clipTopology(clip(1280, 32, true)), 518, 694_659_841],
    ['T5-XXL of SD3', textEncoder('t5xxl').topology(), 220, 4_762_310_657],
  ])('%s', (_, topology, tensors, total) => {
    expect([topology.size + 1, parameters(topology) + 1]).toEqual([tensors, total])
  })

  // Rounded to millions in their papers and model cards
  it.each([
    ['x4 upscaler', upscaler, 473],
    ['SSD-1B', ssd1b, 1331],
    ['Segmind Vega', vega, 745],
    ['KOALA-700M', koala700m, 782],
    ['KOALA-1B', koala1b, 1161],
  ])('%s', (_, architecture, millions) => {
    expect(Math.floor(parameters(denoiser(architecture)) / 1e6)).toBe(millions)
  })

  it.each([
    [sd1, 1130],
    [sdxl, 2514],
    [refiner, 1858],
  ])('a whole file of $title without position_ids', (architecture, tensors) => {
    const total = architecture.components.reduce((sum, { topology }) => sum + topology().size, 0)
    expect(total).toBe(tensors)
  })
})

describe('the registry', () => {
  it('has every id once and finds it again', () => {
    const ids = ARCHITECTURES.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(architectureById(id)?.id).toBe(id)
    expect(architectureById('stable-diffusion-v9')).toBeUndefined()
  })
})
