import { describe, expect, it } from 'vitest'
import { identify } from '../../../src/model/identify/identify.ts'
import type { Hints } from '../../../src/model/identify/prediction.ts'
import { sdxl } from '../../../src/model/networks/architectures/sdxl.ts'
import { publishedKeys } from '../../published-keys.ts'
import { componentKeys, tableOf } from '../tables.ts'

async function noValues(): Promise<Float64Array> {
  return new Float64Array(1)
}

async function named(model: string, hints: Hints, metadata: Record<string, string> = {}) {
  const table = { ...tableOf(publishedKeys(model, 'native'), { dtype: 'BF16' }), metadata }
  const { architecture } = await identify(table, noValues, hints)
  return architecture
}

/** Published names of files. Sources: the repositories of Comfy-Org and of the authors. */
const NAMES: readonly (readonly [model: string, fileName: string, member: string | undefined])[] = [
  ['wan-t2v-14b', 'wan2.2_t2v_high_noise_14B_fp16.safetensors', 'high-noise'],
  ['wan-t2v-14b', 'wan2.2_t2v_low_noise_14B_fp8_scaled.safetensors', 'low-noise'],
  ['wan-t2v-14b', 'Wan2.2-T2V-A14B-HighNoise-Q4_K_M.gguf', 'high-noise'],
  ['wan-t2v-14b', 'Wan2_2-T2V-A14B-LOW_fp8_e4m3fn_scaled_KJ.safetensors', 'low-noise'],
  ['wan-t2v-14b', 'wan2.1_t2v_14B_bf16.safetensors', '2.1'],
  ['wan-t2v-14b', 'wan_low_vram.safetensors', undefined],
  ['wan-t2v-14b', 'wan-high-steps.safetensors', undefined],
  ['wan-t2v-14b', 'follow_highway.safetensors', undefined],
  ['wan-t2v-14b', 'high_noise_and_low_noise_merge.safetensors', undefined],
  ['wan2.2-i2v-a14b', 'wan2.2_i2v_high_noise_14B_fp16.safetensors', 'high-noise'],
  ['wan2.2-ti2v-5b', 'high_noise.safetensors', undefined],
  ['wan-t2v-1.3b', 'wan_low_noise.safetensors', undefined],
  ['qwen-image', 'qwen_image_edit_2509_fp8_e4m3fn.safetensors', 'edit-2509'],
  ['qwen-image', 'qwen_image_edit_2511_bf16.safetensors', 'edit-2511'],
  ['qwen-image', 'qwen_image_edit_fp8_e4m3fn.safetensors', 'edit'],
  ['qwen-image', 'qwen_image_credits.safetensors', undefined],
  ['z-image', 'z_image_turbo_bf16.safetensors', 'turbo'],
  ['z-image', 'z_image_base.safetensors', 'base'],
  ['z-image', 'z_image_turbo_base.safetensors', undefined],
  ['z-image', 'z_image_database.safetensors', undefined],
  ['flux-dev', 'flux1-kontext-dev.safetensors', 'kontext'],
  ['flux-dev', 'flux1-krea-dev.safetensors', 'krea'],
  ['flux-control', 'flux1-canny-dev.safetensors', 'canny'],
  ['flux-schnell', 'flux1-kontext.safetensors', undefined],
  ['flux2-klein-4b', 'flux-2-klein-base-4b.safetensors', 'base'],
  ['auraflow', 'pony-v7-base.safetensors', 'pony-v7'],
  ['hidream-i1', 'hidream_i1_full_fp8.safetensors', 'full'],
  ['krea2', 'krea2_turbo.safetensors', 'turbo'],
]

describe('a member that only its name tells', () => {
  it.each(NAMES)('%s called %s', async (model, fileName, member) => {
    const architecture = await named(model, { fileName })
    expect(architecture?.named?.id).toBe(member)
    if (member !== undefined)
      expect(architecture?.named?.evidence).toContain(`only the file name "${fileName}"`)
  })

  it('says in the title that it is no more than a name', async () => {
    const fileName = 'wan2.2_t2v_high_noise_14B_fp16.safetensors'
    expect((await named('wan-t2v-14b', { fileName }))?.title).toBe(
      'Wan T2V 14B (2.2, for high noise, by its name)',
    )
  })

  it('is what its metadata say, whatever its name is', async () => {
    const metadata = { 'modelspec.title': 'Qwen-Image-Edit-2509' }
    const architecture = await named('qwen-image', { fileName: 'qwen_image_edit_2511.safetensors' }, metadata)
    expect(architecture?.title).toBe('Qwen-Image (Edit 2509, by its metadata)')
    expect(architecture?.named?.evidence).toContain('modelspec.title = "Qwen-Image-Edit-2509"')
  })

  it('is not what a file of other keys is called', async () => {
    for (const model of ['flux-dev', 'sd3-medium', 'lumina2']) {
      expect(
        (await named(model, { fileName: 'pony_illustrious_wan2.2_high_noise.safetensors' }))?.named,
      ).toBe(undefined)
    }
  })
})

/** They have the keys and shapes of SDXL. Published names of files. */
const RELATIVES: readonly (readonly [fileName: string, member: string | undefined])[] = [
  ['ponyDiffusionV6XL_v6StartWithThisOne.safetensors', 'pony'],
  ['Illustrious-XL-v2.0.safetensors', 'illustrious'],
  ['noobaiXLNAIXL_vPred10Version.safetensors', 'noobai'],
  ['animagine-xl-4.0.safetensors', 'animagine'],
  ['sd_xl_base_1.0.safetensors', undefined],
  ['ponytail_girls.safetensors', undefined],
  ['pony_illustrious_merge.safetensors', undefined],
]

it.each(RELATIVES)('SDXL called %s', async (fileName, member) => {
  const keys = sdxl.components.flatMap(componentKeys)
  const { architecture } = await identify(tableOf(keys, { dtype: 'F16' }), noValues, { fileName })
  expect([architecture?.id, architecture?.variant, architecture?.named?.id]).toEqual([
    'stable-diffusion-xl-v1-base',
    undefined,
    member,
  ])
  if (member !== undefined) expect(architecture?.title).toMatch(/, by its name\)$/)
})
