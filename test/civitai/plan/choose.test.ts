import { describe, expect, it } from 'vitest'
import { versionOf } from '../../../src/civitai/api/shapes.ts'
import { type Choice, chooseFiles } from '../../../src/civitai/plan/choose.ts'

const NOW = new Date('2026-01-02T03:04:05Z')

function file(id: number, facts: Record<string, unknown> = {}) {
  return { id, name: `${id}.safetensors`, type: 'Model', metadata: { format: 'SafeTensor' }, ...facts }
}

function chosen(
  files: readonly object[],
  choice: Choice = {},
  modelType = 'Checkpoint',
): (number | undefined)[] {
  const json = JSON.parse(
    JSON.stringify({ id: 1, modelId: 2, name: 'v1', model: { name: 'M', type: modelType }, files }),
  )
  return chooseFiles(versionOf(json, NOW)!, choice).map(({ id }) => id)
}

const PICKLE = { metadata: { format: 'PickleTensor', fp: 'fp16', size: 'pruned' } }
const precise = (fp: string, size: string) => ({ metadata: { format: 'SafeTensor', fp, size } })

describe('the file of a version', () => {
  it('is the safetensors before the pickle, the pruned before the full, fp16 before fp32', () => {
    expect(chosen([file(1, PICKLE), file(2)])).toEqual([2])
    expect(chosen([file(1, precise('fp32', 'full')), file(2, precise('fp32', 'pruned'))])).toEqual([2])
    expect(chosen([file(1, precise('fp32', 'pruned')), file(2, precise('fp16', 'pruned'))])).toEqual([2])
  })

  it('is what was asked for, before anything else', () => {
    const files = [file(1, precise('fp16', 'pruned')), file(2, precise('fp32', 'full')), file(3, PICKLE)]
    expect(chosen(files, { fp: 'fp32' })).toEqual([2])
    expect(chosen(files, { size: 'full' })).toEqual([2])
    expect(chosen(files, { format: 'pickletensor' })).toEqual([3])
    // a file that says nothing of its precision may have it
    expect(chosen([file(1)], { fp: 'fp16' })).toEqual([1])
    expect(() => chosen([file(1, precise('fp32', 'full'))], { fp: 'fp16' })).toThrow(
      /no file with fp fp16, only 1 /,
    )
  })

  it('is never training data or an archive of a folder, although the site calls those primary', () => {
    // version 303662 of DreamShaper has only this
    const diffusers = file(1, { primary: true, metadata: { format: 'Diffusers' } })
    const training = file(2, { primary: true, type: 'Training Data' })
    expect(() => chosen([diffusers])).toThrow(/no model file/)
    expect(() => chosen([training])).toThrow(/no model file/)
    expect(chosen([diffusers, training, file(3)])).toEqual([3])
    expect(chosen([diffusers], { fileId: 1 })).toEqual([1])
  })

  const plain = (id: number, type: string, name: string) =>
    file(id, { type, name, metadata: { format: 'Other' } })
  const training = file(9, { primary: true, type: 'Training Data' })

  it.each<[string, string, string]>([
    ['Wildcards', 'Archive', 'w.zip'],
    ['Wildcards', 'Other', 'w.txt'],
    ['Poses', 'Archive', 'p.zip'],
    ['Workflows', 'Archive', 'w.zip'],
    ['Workflows', 'Workflow', 'w.json'],
    ['LORA', 'Archive', 'lora.zip'],
    ['Other', 'Other', 'readme.md'],
  ])('is the only one that %s have, of the type %s', (modelType, type, name) => {
    expect(chosen([plain(1, type, name)], {}, modelType)).toEqual([1])
    expect(chosen([plain(1, type, name), training], {}, modelType)).toEqual([1])
    // which of two is asked for, and a model beside it is what people want
    expect(() => chosen([plain(1, type, name), plain(2, type, `2${name}`)], {}, modelType)).toThrow(
      /no model file/,
    )
    expect(chosen([plain(1, type, name), file(2)], {}, modelType)).toEqual([2])
    expect(() => chosen([plain(1, type, name)], { format: 'SafeTensor' }, modelType)).toThrow(
      /no file with format/,
    )
  })

  it('is not the VAE beside a checkpoint, but is the VAE of a VAE', () => {
    const vae = file(1, { type: 'VAE', metadata: { format: 'SafeTensor', size: 'pruned', fp: 'fp16' } })
    expect(chosen([vae, file(2)])).toEqual([2])
    expect(chosen([vae], {}, 'VAE')).toEqual([1])
    expect(chosen([vae, file(2)], { type: 'VAE' })).toEqual([1])
  })

  it('brings its configuration', () => {
    expect(chosen([file(1), file(2, { type: 'Config', name: 'a.yaml' })])).toEqual([1, 2])
  })

  it('is the primary one of those that are equal, and asked for if none or both are', () => {
    expect(chosen([file(1), file(2, { primary: true })])).toEqual([2])
    expect(() => chosen([file(1), file(2)])).toThrow(
      expect.objectContaining({ code: 'CIVITAI_FILE_CHOICE', exitCode: 2 }),
    )
  })

  it('is found by id or name', () => {
    const named = (text: string) => ({ text, matches: (name: string) => name === text })
    expect(chosen([file(1), file(2)], { named: [named('2')] })).toEqual([2])
    expect(chosen([file(1), file(2)], { named: [named('1.safetensors'), named('2')] })).toEqual([1, 2])
    expect(chosen([file(1), file(2)], { all: true })).toEqual([1, 2])
    expect(() => chosen([file(1)], { named: [named('9')] })).toThrow(/has no file "9"/)
  })

  it('is gone with an archived model', () => {
    const json = { id: 1, model: { name: 'M', type: 'LORA', mode: 'Archived' }, files: [] }
    expect(() => chooseFiles(versionOf(json, NOW)!, {})).toThrow(/is archived/)
  })
})
