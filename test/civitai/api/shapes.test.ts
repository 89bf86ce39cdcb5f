import { describe, expect, it } from 'vitest'
import { civitaiModelOf, versionOf } from '../../../src/civitai/api/shapes.ts'

const NOW = new Date('2026-01-02T03:04:05Z')

describe('what the site answers', () => {
  it('is read as it was recorded', () => {
    // of GET /model-versions/399893, March 2024, cut to the fields that matter
    const version = versionOf(
      {
        id: 399893,
        modelId: 357756,
        name: 'v1.0',
        baseModel: 'Pony',
        earlyAccessTimeFrame: 0,
        description: null,
        trainedWords: ['fukawa_miku, green eyes, '],
        model: { name: '布川 ミク pony版', type: 'LORA', nsfw: false },
        files: [
          {
            id: 322619,
            sizeKB: 111750.53515625,
            name: 'fukawa_miku_pony_ver1.safetensors',
            type: 'Model',
            pickleScanResult: 'Success',
            virusScanResult: 'Success',
            metadata: { format: 'SafeTensor', size: null, fp: null },
            hashes: {
              AutoV1: 'E63A2012',
              AutoV2: '2577CD588C',
              SHA256: '2577CD588CAF5295D4C6A5601125A47AFB6EC01A20CB9D46E0C45F2EAF027620',
              CRC32: '0F1F8C9E',
              AutoV3: '407E165725A2',
            },
            primary: true,
            downloadUrl: 'https://civitai.com/api/download/models/399893',
          },
        ],
        images: [{ url: 'https://image.civitai.com/x/width=450/8202736.jpeg', type: 'image' }],
      },
      NOW,
    )!
    expect(version).toMatchObject({ id: 399893, modelId: 357756, modelType: 'LORA', baseModel: 'Pony' })
    expect(version.earlyAccess).toBeUndefined()
    expect(version.files[0]).toEqual({
      id: 322619,
      name: 'fukawa_miku_pony_ver1.safetensors',
      type: 'Model',
      bytes: 114_432_548, // 111750.53515625 * 1024
      format: 'SafeTensor',
      hashes: {
        sha256: '2577cd588caf5295d4c6a5601125a47afb6ec01a20cb9d46e0c45f2eaf027620',
        autoV1: 'e63a2012',
        autoV2: '2577cd588c',
        autoV3: '407e165725a2',
        crc32: '0f1f8c9e',
      },
      primary: true,
      downloadPath: '/api/download/models/399893',
      scans: { pickle: 'Success', virus: 'Success' },
    })
  })

  it.each([
    [{ paidAccess: { permanent: false, endsAt: '2026-02-01T00:00:00Z' } }, { until: '2026-02-01T00:00:00Z' }],
    [{ paidAccess: { permanent: true, endsAt: null } }, {}],
    [{ paidAccess: null }, undefined],
    [{ availability: 'EarlyAccess' }, {}],
    [{ availability: 'Public' }, undefined],
    [{ earlyAccessEndsAt: '2026-02-01T00:00:00Z' }, { until: '2026-02-01T00:00:00Z' }],
    [{ earlyAccessDeadline: '2025-02-01T00:00:00Z' }, undefined],
    [{ earlyAccessTimeFrame: 7 }, {}],
    [{ earlyAccessTimeFrame: 0 }, undefined],
  ])('%j: early access is %j', (facts, expected) => {
    expect(versionOf({ id: 1, ...facts }, NOW)!.earlyAccess).toEqual(expected)
  })

  it('may lack everything, or be something else', () => {
    expect(versionOf({ id: 1 }, NOW)).toMatchObject({
      files: [],
      images: [],
      trainedWords: [],
      modelType: 'Other',
    })
    expect(
      civitaiModelOf({ id: 1, modelVersions: [null, 3, {}, { id: 2 }] }, NOW)!.versions.map(({ id }) => id),
    ).toEqual([2])
    for (const json of [null, 3, 'x', [], {}, { id: -1 }, { id: 1.5 }, { id: '1' }]) {
      expect(versionOf(json, NOW)).toBeUndefined()
      expect(civitaiModelOf(json, NOW)).toBeUndefined()
    }
    const odd = versionOf(
      { id: 1, files: [{ hashes: { SHA256: 'zz', AutoV2: 5 } }, 'x', null], trainedWords: 'a', images: 3 },
      NOW,
    )!
    expect(odd.files).toMatchObject([{ name: '', hashes: {} }])
  })

  it('takes only the path of an address, as one route answers with no real host', () => {
    const path = (downloadUrl: string) =>
      versionOf({ id: 1, files: [{ downloadUrl }] }, NOW)!.files[0]!.downloadPath
    expect(path('https://undefined/api/download/models/9413?type=Model')).toBe(
      '/api/download/models/9413?type=Model',
    )
    expect(path('https://evil.org/steal')).toBeUndefined()
    expect(path('https://evil.org/api/download/models/1/../../x')).toBeUndefined()
  })
})
