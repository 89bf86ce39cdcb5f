import { describe, expect, it } from 'vitest'
import { type Identifiable, identify } from '../../../src/model/identify/identify.ts'
import { modelspecId, resolutionOf } from '../../../src/model/metadata/modelspec-facts.ts'
import { fluxDev } from '../../../src/model/networks/architectures/flux.ts'
import { SD1_UNET, sd1 } from '../../../src/model/networks/architectures/sd1.ts'
import { SD2_UNET, sd2 } from '../../../src/model/networks/architectures/sd2.ts'
import { sd35Large } from '../../../src/model/networks/architectures/sd3.ts'
import { sdxl, ssd1b } from '../../../src/model/networks/architectures/sdxl.ts'
import type { Shape } from '../../../src/model/networks/topology/match.ts'
import { unetTopology } from '../../../src/model/networks/topology/unet.ts'
import { VAE_KL_F8, vaeTopology } from '../../../src/model/networks/topology/vae.ts'
import { componentKeys, narrowSd1, tableOf, valuesOf } from '../tables.ts'

const UNET = 'model.diffusion_model.'
const V_BIAS = `${UNET}output_blocks.11.1.transformer_blocks.0.norm1.bias`
/** Half of the biases at +spread, half at -spread: their standard deviation is the spread. */
const spread = (value: number) => ({
  [V_BIAS]: Array.from({ length: 320 }, (_, i) => (i % 2 ? value : -value)),
})

async function facts(file: Identifiable, values: Record<string, readonly number[]> = {}) {
  const identity = await identify(file, valuesOf(values))
  return [modelspecId(identity), resolutionOf(identity)]
}

const checkpoint = (architecture: typeof sd1) => tableOf(architecture.components.flatMap(componentKeys))

/** A LoRA of rank 4 on one cross attention. */
function lora(
  width: number,
  module = 'lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k',
  rows = 640,
) {
  return tableOf([
    [`${module}.lora_down.weight`, [4, width]],
    [`${module}.lora_up.weight`, [rows, 4]],
  ])
}

describe('the model specification of a checkpoint', () => {
  it.each([
    [sd1, 'stable-diffusion-v1', 512],
    [sdxl, 'stable-diffusion-xl-v1-base', 1024],
    [fluxDev, 'flux-1-dev', 1024],
    [ssd1b, undefined, 1024],
    [sd35Large, undefined, 1024],
  ])('$0.title', async (architecture, id, resolution) => {
    expect(await facts(checkpoint(architecture))).toEqual([id, resolution])
  })

  it.each([
    ['predicts noise', 0.05, 'stable-diffusion-v2-512', 512],
    ['predicts velocity', 0.2, 'stable-diffusion-v2-768-v', 768],
  ])('tells the SD 2.x that %s by its values', async (_, value, id, resolution) => {
    expect(await facts(checkpoint(sd2), spread(value))).toEqual([id, resolution])
  })

  it('names none of the two SD 2.x where the prediction is only assumed', async () => {
    const unknown = tableOf(
      [...unetTopology({ ...SD2_UNET, inChannels: 4 })]
        .filter(([name]) => UNET + name !== V_BIAS)
        .map(([name, shape]): [string, Shape] => [UNET + name, shape]),
    )
    const identity = await identify(unknown, valuesOf())
    expect(identity.architecture).toMatchObject({ id: 'stable-diffusion-v2', prediction: { assumed: true } })
    expect(identity.architecture?.variant).toBeUndefined()
    expect([modelspecId(identity), resolutionOf(identity)]).toEqual([undefined, undefined])
  })

  it('knows inpainting by its channels', async () => {
    const unet = unetTopology({ ...SD1_UNET, inChannels: 9 })
    expect(await facts(tableOf(unet))).toEqual(['stable-diffusion-v1-inpainting', 512])
  })

  it.each([
    ['a network of other widths', narrowSd1()],
    ['text encoder and VAE alone', narrowSd1().filter(([name]) => !name.startsWith(UNET))],
    ['a VAE, which several models have', [...vaeTopology(VAE_KL_F8)]],
  ])('says nothing of %s', async (_, keys) => {
    expect(await facts(tableOf(keys))).toEqual([undefined, undefined])
  })
})

describe('the model specification of an addition', () => {
  it.each([
    ['SD 1.x', lora(768), 'stable-diffusion-v1/lora', 512],
    ['SDXL', lora(2048), 'stable-diffusion-xl-v1-base/lora', 1024],
    // 512 or 768-v
    ['SD 2.x', lora(1024), undefined, undefined],
    // dev or schnell
    ['Flux', lora(768, 'lora_unet_vector_in_in_layer', 3072), undefined, 1024],
  ])('of a LoRA for %s', async (_, file, id, resolution) => {
    expect(await facts(file)).toEqual([id, resolution])
  })

  it.each([
    [{ emb_params: [4, 768] }, 'stable-diffusion-v1/textual-inversion', 512],
    [{ emb_params: [4, 1024] }, undefined, undefined],
    [{ clip_l: [4, 768], clip_g: [4, 1280] }, 'stable-diffusion-xl-v1-base/textual-inversion', 1024],
    [{ clip_l: [4, 768] }, undefined, undefined],
  ])('of an embedding %j', async (shapes, id, resolution) => {
    const keys = Object.entries(shapes) as [string, Shape][]
    expect(await facts(tableOf(keys))).toEqual([id, resolution])
  })

  it('calls a control-lora by its name, and LLLite by none', async () => {
    const keys = [...lora(768).tensors.values()].map(({ name, shape }): [string, Shape] => [name, shape])
    const marked = tableOf([...keys, ['lora_controlnet', []]])
    expect((await facts(marked))[0]).toBe('stable-diffusion-v1/control-lora')
    const module = 'lllite_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k'
    const lllite = tableOf([[`${module}.down.0.weight`, [16, 768]], [`${module}.mid.0.weight`, [16, 48]]]) // biome-ignore format: one line
    expect((await facts(lllite))[0]).toBeUndefined()
  })
})
