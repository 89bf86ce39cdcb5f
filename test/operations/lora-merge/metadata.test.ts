import { describe, expect, it } from 'vitest'
import { mergedMetadata, SOURCES_KEY } from '../../../src/operations/lora-merge/metadata.ts'

const A = {
  name: 'style',
  metadata: {
    ss_base_model_version: 'sd_v1',
    ss_sd_model_name: 'base.safetensors',
    ss_clip_skip: '2',
    ss_learning_rate: '0.0001',
    ss_tag_frequency: '{"10_style":{"hat":3,"sky":1},"5_extra":{"sea":2}}',
    ss_dataset_dirs: '{"10_style":{"n_repeats":10,"img_count":4}}',
    'modelspec.trigger_phrase': 'in xyz style, hat',
    'modelspec.thumbnail': 'data:image/png;base64,AAAA',
  },
}
const B = {
  name: 'detail',
  metadata: {
    ss_base_model_version: 'sd_v1',
    ss_sd_model_name: 'other.safetensors',
    ss_clip_skip: '2',
    ss_tag_frequency: '{"10_style":{"hat":5},"5_extra":{"sea":2}}',
    ss_dataset_dirs: '{"10_style":{"n_repeats":10,"img_count":4}}',
    'modelspec.trigger_phrase': 'hat, sharp',
  },
}

describe('the metadata of a sum of LoRAs', () => {
  const { metadata, findings } = mergedMetadata([A, B])

  it('has what is true of every part, and nothing that is true of one alone', () => {
    expect(metadata).toMatchObject({ ss_base_model_version: 'sd_v1', ss_clip_skip: '2' })
    expect(metadata).not.toHaveProperty('ss_sd_model_name')
    expect(metadata).not.toHaveProperty('ss_learning_rate')
  })

  it('puts tag counts together; the same folder name in two parts means two folders', () => {
    expect(JSON.parse(metadata.ss_tag_frequency!)).toEqual({
      '10_style': { hat: 3, sky: 1 },
      '5_extra': { sea: 2 },
      '10_style (detail)': { hat: 5 },
    })
    expect(JSON.parse(metadata.ss_dataset_dirs!)).toEqual({
      '10_style': { n_repeats: 10, img_count: 4 },
      '10_style (detail)': { n_repeats: 10, img_count: 4 },
    })
  })

  it('answers to the trigger words of all', () => {
    expect(metadata['modelspec.trigger_phrase']).toBe('in xyz style, hat, sharp')
  })

  it('keeps the rest as each part said it', () => {
    const [a, b] = JSON.parse(metadata[SOURCES_KEY]!)
    expect(a).toEqual({
      name: 'style',
      metadata: {
        ss_base_model_version: 'sd_v1',
        ss_sd_model_name: 'base.safetensors',
        ss_clip_skip: '2',
        ss_learning_rate: '0.0001',
        'modelspec.trigger_phrase': 'in xyz style, hat',
      },
    })
    expect(b.metadata.ss_sd_model_name).toBe('other.safetensors')
    expect(findings.map(({ message }) => message)).toEqual([
      'tag counts are merged; what the LoRAs say about their training is under sdtool.sources',
    ])
  })

  it('says what was too long to be kept', () => {
    const long = { name: 'long', metadata: { ss_network_args: 'x'.repeat(300_000), ss_seed: '42' } }
    const merged = mergedMetadata([long, B])
    expect(JSON.parse(merged.metadata[SOURCES_KEY]!)[0]).toEqual({
      name: 'long',
      metadata: { ss_seed: '42' },
      omitted: ['ss_network_args'],
    })
    expect(merged.findings.at(-1)!.message).toBe(
      '1 value ("ss_network_args") of the training metadata left out as too long',
    )
  })

  // writing them all again for each that is left out would outlast the time any test has
  it.each([
    ['values', 20, 40],
    ['names', 40, 1],
  ])('stays short where a file has very many %s', (_, nameLength, valueLength) => {
    const entries = Array.from({ length: 50_000 }, (_, i) => [
      `ss_${String(i).padStart(nameLength, '0')}`,
      'x'.repeat(valueLength),
    ])
    const many = { name: 'many', metadata: Object.fromEntries(entries) }
    const { metadata, findings } = mergedMetadata([many, B])
    expect(Buffer.byteLength(metadata[SOURCES_KEY] ?? '')).toBeLessThanOrEqual(256 * 1024)
    expect(findings.at(-1)!.code).toBe('training-data-omitted')
  })

  it('is not taken in by values that are no JSON', () => {
    const odd = {
      name: 'odd',
      metadata: { ss_tag_frequency: '{"a":', ss_dataset_dirs: '[1]', ss_datasets: '{}' },
    }
    expect(mergedMetadata([odd, odd]).metadata).toEqual({})
  })

  it('says nothing of LoRAs that say nothing', () => {
    expect(
      mergedMetadata([
        { name: 'a', metadata: {} },
        { name: 'b', metadata: {} },
      ]),
    ).toEqual({
      metadata: {},
      findings: [],
    })
  })
})
