import { describe, expect, it } from 'vitest'
import { summariseMetadata } from '../../../src/model/metadata/summary.ts'
import { fc } from '../../properties.ts'
import { describeReal } from '../../real-files.ts'
import { realTable } from '../shape-table.ts'

function training(metadata: Record<string, string>) {
  return summariseMetadata(metadata).training
}

function facts(metadata: Record<string, string>): Record<string, string> {
  return Object.fromEntries((training(metadata)?.facts ?? []).map(({ label, value }) => [label, value]))
}

const json = JSON.stringify

describe('training', () => {
  it('is absent where nothing was recorded', () => {
    expect(summariseMetadata({ format: 'pt' })).toEqual({})
  })

  it('lists what is set and says nothing of the rest', () => {
    expect(
      facts({
        ss_network_dim: '16',
        ss_network_alpha: '8.0',
        ss_clip_skip: 'None',
        ss_noise_offset: '0.0',
        ss_num_reg_images: '0',
        ss_unet_lr: '',
      }),
    ).toEqual({ rank: '16', alpha: '8.0' })
  })

  it('reads the algorithm and the rank of convolutions of LyCORIS', () => {
    const args = json({ algo: 'loha', conv_dim: 8, conv_alpha: '4', constructor: 'x' })
    expect(facts({ ss_network_args: args })).toEqual({
      algorithm: 'loha',
      'convolution rank': '8',
      'convolution alpha': '4',
    })
  })

  it('tells how far a run got', () => {
    expect(facts({ ss_epoch: '3', ss_num_epochs: '10' }).epochs).toBe('3 of 10')
    expect(facts({ ss_epoch: '10', ss_num_epochs: '10' }).epochs).toBe('10')
    expect(facts({ ss_max_train_steps: '500' }).steps).toBe('500')
  })

  it('knows v-prediction from the name of the base model', () => {
    expect(facts({ ss_base_model_version: 'sd_v2_v' }).prediction).toBe('v')
    expect(facts({ ss_base_model_version: 'sd_v2' }).prediction).toBeUndefined()
  })

  it('tells when it ran and how long', () => {
    // 2023-04-06T13:58:16Z and 4837 seconds later
    expect(
      facts({ ss_training_started_at: '1680789496.732966', ss_training_finished_at: '1680794333.1605346' }),
    ).toEqual({
      started: '2023-04-06T13:58:16Z',
      finished: '2023-04-06T15:18:53Z',
      duration: '1 h 21 min',
    })
  })

  it.each(['Infinity', 'yesterday', '-1', '1e300', 'None'])('ignores %s as a time', (time) => {
    expect(facts({ ss_training_started_at: time, ss_training_finished_at: time }).started).toBeUndefined()
  })

  it('adds up the tags of all folders, most frequent first', () => {
    const frequency = json({ a: { 'hair bow': 3, smile: 5, ' smile ': 1 }, b: { 'hair bow': 9 } })
    expect(training({ ss_tag_frequency: frequency })?.tags).toEqual([
      { tag: 'hair bow', count: 12 },
      { tag: 'smile', count: 6 },
    ])
  })

  it('reads the folders of old trainers', () => {
    const dirs = json({ '16_girl': { n_repeats: 16, img_count: 43 } })
    expect(training({ ss_dataset_dirs: dirs })?.datasets).toEqual([
      { name: '16_girl', images: 43, repeats: 16 },
    ])
  })

  it('reads the data sets of a configuration file, with their buckets and tags', () => {
    const bucket_info = {
      buckets: { 0: { resolution: [512, 768], count: 4 }, 1: { resolution: [768, 512], count: 9 } },
    }
    const set = {
      resolution: [768, 768],
      subsets: [{ image_dir: 'cats', img_count: 5, num_repeats: 2 }],
      tag_frequency: { cats: { cat: 5 } },
      bucket_info,
    }
    const summary = training({ ss_datasets: json([set, set]) })
    expect(summary?.datasets[0]).toEqual({ name: 'cats', images: 5, repeats: 2, resolution: '768x768' })
    expect(summary?.buckets).toEqual([
      { width: 768, height: 512, count: 18 },
      { width: 512, height: 768, count: 8 },
    ])
    expect(summary?.tags).toEqual([{ tag: 'cat', count: 10 }])
  })

  it('does not count tags twice that stand in two places', () => {
    const frequency = { cats: { cat: 5 } }
    const metadata = { ss_tag_frequency: json(frequency), ss_datasets: json([{ tag_frequency: frequency }]) }
    expect(training(metadata)?.tags).toEqual([{ tag: 'cat', count: 5 }])
  })
})

describe('modelspec', () => {
  it('lists what the file says of itself and describes the thumbnail', () => {
    const { modelspec } = summariseMetadata({
      'modelspec.title': 'Cats',
      'modelspec.author': 'me',
      'modelspec.prediction_type': 'v',
      'modelspec.thumbnail': 'data:image/png;base64,QUJDREVG',
    })
    expect(modelspec?.facts.map(({ label, value }) => [label, value])).toEqual([
      ['title', 'Cats'],
      ['author', 'me'],
      ['prediction type', 'v'],
    ])
    expect(modelspec?.thumbnail).toEqual({ mime: 'image/png', bytes: 6 })
  })

  it('takes no other thing for a thumbnail', () => {
    const page = { 'modelspec.thumbnail': 'data:text/html;base64,QUJD' }
    expect(summariseMetadata(page).modelspec?.thumbnail).toBeUndefined()
  })
})

describe('merges', () => {
  it('reads a recipe of the WebUI', () => {
    const sha = 'ab'.repeat(32)
    const recipe = {
      type: 'webui',
      primary_model_hash: sha,
      tertiary_model_hash: null,
      interp_method: 'Weighted sum',
      multiplier: 0.3,
      save_as_half: true,
      is_inpainting: false,
    }
    const models = { [sha]: { name: 'a.ckpt', legacy_hash: 'deadbeef', sd_merge_recipe: null }, odd: 5 }
    const { merge } = summariseMetadata({ sd_merge_recipe: json(recipe), sd_merge_models: json(models) })
    expect(merge?.tool).toBe('webui')
    expect(merge?.facts.map(({ label, value }) => `${label}: ${value}`)).toEqual([
      `primary model hash: ${sha}`,
      'interp method: Weighted sum',
      'multiplier: 0.3',
      'save as half: true',
    ])
    expect(merge?.models).toEqual([
      { sha256: sha, legacyHash: 'deadbeef', name: 'a.ckpt', merged: false },
      { merged: false },
    ])
  })
})

describe('ComfyUI', () => {
  it('counts the nodes of the graph that saved the file', () => {
    const metadata = { prompt: json({ 3: { class_type: 'KSampler' } }), workflow: json({ nodes: [{}, {}] }) }
    expect(summariseMetadata(metadata).comfy).toEqual({ prompt: true, workflow: true, nodes: 2 })
    expect(summariseMetadata({ prompt: 'a picture of a cat' }).comfy).toEqual({
      prompt: true,
      workflow: false,
    })
  })
})

describe('hostile metadata', () => {
  const JSON_KEYS = [
    'ss_network_args',
    'ss_tag_frequency',
    'ss_dataset_dirs',
    'ss_datasets',
    'ss_bucket_info',
    'sd_merge_recipe',
    'sd_merge_models',
    'prompt',
    'workflow',
    'sdtool.recipe',
  ]

  it('never throws, whatever JSON stands in any key', () => {
    fc.assert(
      fc.property(fc.constantFrom(...JSON_KEYS), fc.json(), (key, text) => {
        summariseMetadata({ [key]: text })
      }),
    )
  })

  it('never throws on JSON of the right outer shape with anything inside', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const [list, folder] = [
          json([value, { subsets: [value], bucket_info: value, tag_frequency: { a: value } }]),
          json({ a: value }),
        ]
        summariseMetadata({
          ss_datasets: list,
          ss_tag_frequency: folder,
          ss_bucket_info: json({ buckets: value }),
          ss_dataset_dirs: folder,
          sd_merge_models: folder,
          sd_merge_recipe: folder,
          workflow: json({ nodes: value }),
        })
      }),
    )
  })

  it('does not parse JSON nested deeper than any real one', () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
    expect(training({ ss_datasets: deep, ss_tag_frequency: deep })).toMatchObject({ datasets: [], tags: [] })
  })

  it('is not fooled by brackets inside of strings', () => {
    expect(training({ ss_tag_frequency: json({ a: { [`${'['.repeat(500)}\\"[`]: 1 } }) })?.tags).toHaveLength(
      1,
    )
  })

  it('cuts values that would fill the screen', () => {
    expect(facts({ ss_training_comment: 'x'.repeat(1_000_000) }).comment?.length).toBeLessThan(400)
  })

  it('counts no tag with a count that is none', () => {
    const frequency = '{"a": {"x": -5, "y": "7", "z": 1e400, "__proto__": 3, "": 2, "v": 1.5}}'
    expect(training({ ss_tag_frequency: frequency })?.tags).toEqual([{ tag: '__proto__', count: 3 }])
  })
})

describeReal('metadata other people wrote', () => {
  const lokr = 'loras/KohakuBlueleaf__LyCORIS__result__smart_falcon_4_lokr.safetensors'

  it('of a LyCORIS training run', () => {
    const { metadata } = realTable(lokr)
    expect(facts(metadata)).toMatchObject({
      'base checkpoint': 'animefull-final-pruned.safetensors',
      network: 'lycoris.kohya',
      rank: '4',
      alpha: '4.0',
      algorithm: 'lokr',
      'convolution rank': '4',
      epochs: '10',
      steps: '3010',
      resolution: '(768, 768)',
      'training images': '1204',
      optimizer: 'lion_pytorch.lion_pytorch.Lion(weight_decay=0.1)',
      'noise offset': '0.03',
      started: '2023-04-05T17:41:40Z',
      duration: '1 h 20 min',
    })
    expect(facts(metadata)['clip skip']).toBeUndefined()
  })

  it('with its tags and folders', () => {
    const summary = training(realTable(lokr).metadata)!
    // Counted with Python's Counter over the three folders
    expect(summary.tags.slice(0, 3)).toEqual([
      { tag: 'smart falcon \\(umamusume\\)', count: 130 },
      { tag: 'hair bow', count: 129 },
      { tag: 'looking at viewer', count: 115 },
    ])
    expect(summary.datasets).toContainEqual({ name: '16_smf girl', images: 43, repeats: 16 })
    expect(summary.buckets[0]).toEqual({ width: 640, height: 896, count: 396 })
    expect(summary.buckets.reduce((sum, { count }) => sum + count, 0)).toBe(1204)
  })
})
