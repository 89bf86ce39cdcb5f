import { describe, expect, it } from 'vitest'
import type { ComponentId } from '../../../src/model/networks/components.ts'
import { convertedName, mergedName, prunedName } from '../../../src/operations/output/name.ts'
import type { Plan, PlanStep, StepAction } from '../../../src/operations/plan.ts'
import type { OutputDType } from '../../../src/tensor/values/dtype.ts'
import { cast } from '../../../src/tensor/values/expr.ts'
import { tableOf } from '../../model/tables.ts'

function step(action: StepAction, component: ComponentId): PlanStep {
  return { action, component, what: '', tensors: 1, bytesBefore: 4, bytesAfter: 4, why: '', names: ['a'] }
}

/** A plan of these steps that casts both of its tensors. */
function plan(steps: PlanStep[], dtype?: OutputDType): Plan {
  const { tensors } = tableOf([['a', [1]], ['b', [1]]], { dtype: 'F64' }) // biome-ignore format: one line
  const cut = [...tensors.values()].map((tensor) => (dtype ? cast(tensor, dtype) : tensor))
  return {
    table: { tensors: new Map(cut.map((tensor) => [tensor.name, tensor])), metadata: {} },
    steps,
    findings: [],
  }
}

const promote = [step('promote', 'unet'), step('drop', 'unet_ema')]
const dropEma = [step('keep', 'unet'), step('drop', 'unet_ema')]
const junk = [step('keep', 'unet'), step('drop', 'schedule')]

describe('names of pruned files', () => {
  it.each([
    ['model.ckpt', promote, undefined, 'model-emaonly.safetensors'],
    ['model.ckpt', promote, 'F16', 'model-emaonly-fp16.safetensors'],
    ['model.ckpt', junk, undefined, 'model-pruned.safetensors'],
    ['model.ckpt', junk, 'F16', 'model-pruned-fp16.safetensors'],
    ['model.ckpt', dropEma, undefined, 'model-nonema-pruned.safetensors'],
    ['model-full-ema.ckpt', promote, undefined, 'model-emaonly.safetensors'],
    ['sd-v1-4-full-ema.ckpt', dropEma, 'F16', 'sd-v1-4-nonema-pruned-fp16.safetensors'],
    ['v1-5-pruned.ckpt', promote, undefined, 'v1-5-pruned-emaonly.safetensors'],
    ['v1-5-pruned.safetensors', promote, 'F16', 'v1-5-pruned-emaonly-fp16.safetensors'],
    ['x-pruned-fp16.safetensors', junk, undefined, 'x-pruned-fp16.safetensors'],
    ['x_pruned_fp32.safetensors', junk, 'F16', 'x_pruned_fp16.safetensors'],
    ['model.fp16.safetensors', junk, undefined, 'model.pruned.fp16.safetensors'],
    ['pruned.ckpt', junk, undefined, 'pruned-pruned.safetensors'],
    ['model.v2.1.ckpt', junk, undefined, 'model.v2.1-pruned.safetensors'],
    ['model', junk, 'BF16', 'model-pruned-bf16.safetensors'],
  ] as const)('%s', (input, steps, dtype, output) => {
    expect(prunedName(input, plan([...steps], dtype))).toBe(output)
  })
})

describe('names of merged files', () => {
  it.each([
    ['model.ckpt', ['style'], undefined, 'model-style.safetensors'],
    ['v1-5-pruned-fp16.ckpt', ['a', 'b-0.7'], undefined, 'v1-5-pruned-a-b-0.7-fp16.safetensors'],
    ['x_fp32.safetensors', ['style'], 'F16', 'x_style_fp16.safetensors'],
  ] as const)('%s with %j', (input, additions, dtype, output) => {
    expect(mergedName(input, additions, plan([step('patch', 'unet')], dtype))).toBe(output)
  })

  it('stay short enough for a file system', () => {
    const additions = Array.from({ length: 20 }, (_, i) => `a-style-with-a-long-name-${i}`)
    const name = mergedName('model.ckpt', additions, plan([step('patch', 'unet')]))
    expect(name).toMatch(/^model-a-style-with-a-long-name-0-.*-and-15-more\.safetensors$/)
    expect(mergedName('model.ckpt', ['x'.repeat(200)], plan([]))).toBe('model-merged.safetensors')
  })
})

describe('names of parts of a checkpoint', () => {
  const all = ['unet', 'clip_l', 'vae', 'unet_ema'] as const
  const keeping = (kept: readonly string[]) =>
    plan(all.map((component) => step(kept.includes(component) ? 'keep' : 'drop', component)))

  it.each([
    [['vae'], 'model-vae.safetensors'],
    [['unet'], 'model-unet.safetensors'],
    [['clip_l'], 'model-text.safetensors'],
    [['unet', 'clip_l'], 'model-novae.safetensors'],
    [['unet_ema'], 'model-ema.safetensors'],
    [['unet', 'vae'], 'model-nonema-pruned.safetensors'],
    [['unet', 'clip_l', 'vae'], 'model-nonema-pruned.safetensors'],
  ])('%j', (kept, output) => {
    expect(prunedName('model.ckpt', keeping(kept))).toBe(output)
  })
})

describe('names of converted files', () => {
  it.each([
    ['model.ckpt', undefined, 'model.safetensors'],
    ['model.pt', 'F16', 'model-fp16.safetensors'],
    ['x.pkl', undefined, 'x.safetensors'],
    ['m.sft', 'F16', 'm-fp16.safetensors'],
    ['M.GGUF', undefined, 'M.safetensors'],
    ['model.v1pkl', undefined, 'model.v1pkl.safetensors'],
    ['model-fp32.ckpt', 'F16', 'model-fp16.safetensors'],
    ['model-fp16.ckpt', 'F16', 'model-fp16.safetensors'],
    ['model-full-ema.ckpt', 'BF16', 'model-full-ema-bf16.safetensors'],
    ['v2-1_512-ema-pruned.ckpt', 'F16', 'v2-1_512-ema-pruned-fp16.safetensors'],
    ['flux.ckpt', 'F8_E4M3', 'flux-fp8_e4m3fn.safetensors'],
  ] as const)('%s as %s', (input, dtype, output) => {
    expect(convertedName(input, plan([step('cast', 'unet')], dtype))).toBe(output)
  })

  it('does not name a type that only a few tensors have', () => {
    const { tensors } = tableOf([['a', [1]], ['b', [1]], ['c', [1]]], { dtype: 'F16' }) // biome-ignore format: one line
    const mixed = new Map(tensors).set('a', cast(tensors.get('a')!, 'F32'))
    expect(
      convertedName('m.ckpt', { table: { tensors: mixed, metadata: {} }, steps: [], findings: [] }),
    ).toBe('m.safetensors')
  })

  it('does not call a conversion pruned because training state stays behind', () => {
    expect(convertedName('model.ckpt', plan([step('drop', 'training')]))).toBe('model.safetensors')
  })
})
