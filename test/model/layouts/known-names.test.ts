/** Names by transformers and torch themselves: fixtures/goldens/names.py. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { emaName } from '../../../src/model/identify/ema.ts'
import { type Identifiable, identify } from '../../../src/model/identify/identify.ts'

import { withKnownNames } from '../../../src/model/layouts/known-names.ts'
import { storedName } from '../../../src/model/layouts/stored.ts'
import { WRAPPERS } from '../../../src/model/layouts/wrappers.ts'
import { SD1_UNET } from '../../../src/model/networks/architectures/sd1.ts'
import { templateTopology } from '../../../src/model/networks/template/template.ts'
import { encoderById } from '../../../src/model/networks/text-encoders/registry.ts'
import { unetInDiffusers, vaeInDiffusers } from '../../../src/model/networks/topology/diffusers.ts'
import type { Shape, Topology } from '../../../src/model/networks/topology/match.ts'
import { clip, clipTopology, openClipTopology } from '../../../src/model/networks/topology/text.ts'
import { controlnetTopology, unetTopology } from '../../../src/model/networks/topology/unet.ts'
import { VAE_KL_F8, vaeTopology } from '../../../src/model/networks/topology/vae.ts'
import { narrowSd1, narrowSdxl, prefixed, tableOf, valuesOf } from '../tables.ts'

const T5 = { width: 32, ff: 64, inner: 32, heads: 2, block: 2, vocab: 100 }

type Keys = readonly (readonly [string, Shape])[]

interface Golden {
  readonly saved: Readonly<Record<string, Readonly<Record<string, Shape>>>>
  readonly whole: Readonly<Record<string, readonly string[]>>
  readonly wrapped: Readonly<Record<string, readonly string[]>>
  readonly plain: readonly string[]
}

const file = join(import.meta.dirname, '../../../fixtures/goldens/names.json')
const golden: Golden = JSON.parse(readFileSync(file, 'utf8'))

const UNET = 'model.diffusion_model.'

function renamedKeys(keys: Keys, rename: (name: string) => string): Keys {
  return keys.map(([name, shape]) => [rename(name), shape])
}

/** Names of the known file, in the order of the file, and its findings. */
async function known(keys: Keys) {
  const table: Identifiable = tableOf(keys, { dtype: 'F16' })
  const after = withKnownNames(table)
  const { findings, ...identity } = await identify(after, valuesOf())
  return {
    names: [...after.tensors.keys()],
    table,
    after,
    identity,
    codes: findings.map(({ code }) => code),
    findings,
  }
}

/** Every tensor has the same bytes of the same file, and the name it has there is remembered. */
function expectSameTensors(before: Identifiable, after: Identifiable): void {
  expect(after.tensors.size).toBe(before.tensors.size)
  for (const [name, { source, dtype, shape }] of after.tensors)
    expect(before.tensors.get(storedName(after, name)), name).toMatchObject({ source, dtype, shape })
}

describe('the names that transformers writes', () => {
  for (const [model, shapes] of Object.entries(golden.saved)) {
    it(`become those of older versions: ${model}`, async () => {
      const { names, table, after, codes } = await known(Object.entries(shapes))
      expect(names.toSorted()).toEqual((golden.whole[model] ?? Object.keys(shapes)).toSorted())
      expectSameTensors(table, after)
      const isShort = !Object.keys(shapes).every((name) => names.includes(name))
      expect(codes.includes('short-encoder-names')).toBe(isShort)
    })
  }

  it('are shortened for the four encoders without a projection, and for no other', () => {
    const short = Object.entries(golden.saved).filter(([model, shapes]) => {
      return golden.whole[model]?.some((name) => !Object.hasOwn(shapes, name))
    })
    expect(short.map(([model]) => model)).toEqual([
      'CLIPTextModel',
      'CLIPVisionModel',
      'SiglipTextModel',
      'SiglipVisionModel',
    ])
  })

  it.each([
    'cond_stage_model.transformer.',
    'conditioner.embedders.0.transformer.',
    'text_encoders.clip_l.transformer.',
    'text_encoder.',
    'module.',
    '_orig_mod.',
  ])('become those of older versions inside of a checkpoint, too: %s', async (prefix) => {
    const unet = prefixed(
      UNET,
      unetTopology({ ...SD1_UNET, channels: 32, widths: [32, 64, 128, 128], context: 32 }),
    )
    const isWrapper = /^(module|_orig_mod)/.test(prefix)
    const text = renamedKeys(Object.entries(golden.saved.CLIPTextModel!), (name) => prefix + name)
    const { names } = await known(isWrapper ? text : [...unet, ...text])
    const own = names.filter((name) => !name.startsWith(UNET))
    const home = isWrapper ? '' : prefix
    expect(own.toSorted()).toEqual(golden.whole.CLIPTextModel!.map((name) => home + name).toSorted())
  })

  it('take the token table of a T5 by its second name where the first is not there', async () => {
    const t5 = Object.entries(golden.saved.T5EncoderModel!)
    const second = renamedKeys(t5, (name) =>
      name === 'shared.weight' ? 'encoder.embed_tokens.weight' : name,
    )
    expect((await known(second)).names.toSorted()).toEqual(t5.map(([name]) => name).toSorted())
    const both: Keys = [...t5, ['encoder.embed_tokens.weight', [100, 32]]]
    expect((await known(both)).names).toEqual(both.map(([name]) => name))
  })

  it('stay where a merge has both sets of names', async () => {
    const whole = prefixed('cond_stage_model.transformer.', clipTopology(clip(32, 2)))
    const both = [
      ...narrowSd1().filter(([name]) => !name.startsWith('cond_stage')),
      ...whole,
      ...renamedKeys(whole, (name) => name.replace('text_model.', '')),
    ]
    expect((await known(both)).names).toEqual(both.map(([name]) => name))
  })

  it('are put together from shards of which one alone says what it is', () => {
    const entries = Object.entries(golden.saved.CLIPTextModel!)
    const shards = [entries.slice(0, 9), entries.slice(9)].map((keys) => withKnownNames(tableOf(keys)))
    const tensors = new Map(shards.flatMap((shard) => [...shard.tensors]))
    const names = [...withKnownNames({ tensors, metadata: {} }).tensors.keys()]
    expect(names.toSorted()).toEqual([...golden.whole.CLIPTextModel!].toSorted())
  })
})

describe('wrappers', () => {
  for (const [how, names] of Object.entries(golden.wrapped)) {
    it(`of torch are taken off a text encoder: ${how}`, async () => {
      const shapes = golden.saved.CLIPTextModelWithProjection!
      const shapeOf = (name: string) =>
        name === 'n_averaged' ? [] : Object.entries(shapes).find(([key]) => sameLeaf(name, key))![1]
      const {
        names: plain,
        table,
        after,
        codes,
        findings,
      } = await known(names.map((name) => [name, shapeOf(name)]))
      expect(plain.filter((name) => name !== 'n_averaged').toSorted()).toEqual([...golden.plain])
      expectSameTensors(table, after)
      expect(codes).toContain('wrapped-names')
      if (how.includes('torch.compile'))
        expect(findings[0]?.message).toContain('"_orig_mod." (torch.compile)')
    })
  }

  const sd1 = narrowSd1()
  for (const { word, by, place } of WRAPPERS) {
    it(`are taken off a whole checkpoint: ${word}`, async () => {
      const { names, identity, table, after, findings } = await known(
        renamedKeys(sd1, (name) => `${word}.${name}`),
      )
      expect(names).toEqual(sd1.map(([name]) => name))
      expectSameTensors(table, after)
      const plain = await identify(tableOf(sd1, { dtype: 'F16' }), valuesOf())
      expect(identity.title).toBe(plain.title)
      expect(findings[0]).toMatchObject({ code: 'wrapped-names', severity: 'warning' })
      expect(findings[0]?.message).toContain(`970 keys are wrapped in "${word}." (${by()})`)
    })

    it.runIf(place === 'anywhere')(`are taken out of the networks of a checkpoint: ${word}`, async () => {
      for (const prefix of [UNET, 'first_stage_model.', 'cond_stage_model.transformer.']) {
        const inside = renamedKeys(sd1, (name) => name.replace(prefix, `${prefix}${word}.`))
        expect((await known(inside)).names).toEqual(sd1.map(([name]) => name))
      }
    })
  }

  it.each([
    'module._orig_mod.',
    '_orig_mod.module.',
    'model._orig_mod.',
    'module.model.',
    'ema_model.module._orig_mod.',
    'state_dict.model.',
    '_fsdp_wrapped_module._orig_mod._checkpoint_wrapped_module.',
  ])('are taken off one in the other: %s', async (front) => {
    for (const keys of [sd1, narrowSdxl()])
      expect((await known(renamedKeys(keys, (name) => front + name))).names).toEqual(
        keys.map(([name]) => name),
      )
  })

  const small = { ...SD1_UNET, channels: 32, widths: [32, 64, 128, 128], context: 48 }
  const vae = vaeTopology({ ...VAE_KL_F8, widths: [32, 64, 128, 128] })
  const noShape = () => undefined
  const NETWORKS: Readonly<Record<string, Topology>> = {
    'UNet of ldm': unetTopology(small),
    'UNet of diffusers': unetInDiffusers(unetTopology(small), 2, noShape),
    'VAE of ldm': vae,
    'VAE of diffusers': vaeInDiffusers(vae, 4, false),
    'CLIP of transformers': clipTopology(clip(32, 2)),
    OpenCLIP: openClipTopology(clip(32, 2, true)),
    T5: templateTopology(encoderById('t5xxl')!.network.template, T5),
    'ControlNet of ldm': controlnetTopology(small),
    'ControlNet of diffusers': unetInDiffusers(controlnetTopology(small), 2, noShape),
    ESRGAN: new Map([
      ['conv_first.weight', [64, 3, 3, 3]],
      ['body.0.rdb1.conv1.weight', [32, 64, 3, 3]],
    ]),
    embedding: new Map([['emb_params', [2, 768]]]),
  }
  for (const [network, topology] of Object.entries(NETWORKS)) {
    it(`are taken off a file of one network: ${network}`, async () => {
      for (const front of ['module.', '_orig_mod.', 'module._orig_mod.']) {
        const { names, identity, codes } = await known(prefixed(front, topology))
        expect(names).toEqual([...topology.keys()])
        expect(identity.title).toBe((await known([...topology])).identity.title)
        expect(codes).toContain('wrapped-names')
      }
    })
  }

  it('in the names of weights are found in those of their EMA copy, which have no dots', async () => {
    const wrapped = renamedKeys(sd1, (name) => name.replace(UNET, `${UNET}_orig_mod.`))
    const copies = (keys: Keys) =>
      renamedKeys(
        keys.filter(([name]) => name.startsWith(UNET)),
        emaName,
      )
    for (const front of ['', 'module.']) {
      const both = renamedKeys([...wrapped, ...copies(wrapped)], (name) => front + name)
      const { names, identity } = await known(both)
      expect(names).toEqual([...sd1, ...copies(sd1)].map(([name]) => name))
      expect(identity.ema).toMatchObject({ uncovered: [], orphans: [] })
      expect(identity.ema?.pairs.size).toBe(686)
    }
  })

  it.each([
    ['ema_model.', 'online_model.'],
    ['module.', ''],
    ['_orig_mod.', ''],
    ['model.', ''],
    ['student.', 'ema_model.'],
  ])('stay where two tensors would have one name: %s and %s', async (a, b) => {
    const twice = [a, b].flatMap((front) => renamedKeys(sd1, (name) => front + name))
    const { names, codes } = await known(twice)
    expect(names).toEqual(twice.map(([name]) => name))
    expect(codes).toContain('wrapped-twice')
  })

  const LORA = 'down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q'
  it.each<[string, Keys]>([
    [
      'a LoRA',
      [
        [`unet._orig_mod.${LORA}.lora.down.weight`, [4, 320]],
        [`unet._orig_mod.${LORA}.lora.up.weight`, [320, 4]],
      ],
    ],
    [
      'a PEFT LoRA',
      [
        [`base_model.model._orig_mod.${LORA}.lora_A.weight`, [4, 320]],
        [`base_model.model._orig_mod.${LORA}.lora_B.weight`, [320, 4]],
      ],
    ],
    ['an embedding whose token is such a word', [['module.style', [2, 768]]]],
    [
      'what is unknown',
      [
        ['module.model.layers.0.weight', [4, 4]],
        ['module.head.weight', [4]],
      ],
    ],
    [
      'an upscaler whose names begin so',
      [
        ['model.0.weight', [64, 3, 3, 3]],
        ['model.1.sub.0.RDB1.conv1.0.weight', [32, 64, 3, 3]],
      ],
    ],
    ['a checkpoint', sd1],
    [
      'a checkpoint of a network of its own beside it',
      [...sd1, ['net.input_blocks.0.0.weight', [4, 4, 3, 3]]],
    ],
  ])('are left on %s', async (_, keys) => {
    expect((await known(keys)).names).toEqual(keys.map(([name]) => name))
  })
})

/** The same tensor of a text encoder, whatever stands around and inside of its name. */
function sameLeaf(wrapped: string, key: string): boolean {
  return (
    wrapped
      .split('.')
      .filter((word) => !/^(_orig_mod|module|model)$/.test(word))
      .join('.') === key
  )
}
