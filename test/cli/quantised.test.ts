/** Every quantised format in the hands of every command: what comes out is right, or is refused by the name of the format. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/commands/registry.ts'
import { withModel } from '../../src/library/session.ts'
import { identify } from '../../src/model/identify/identify.ts'
import { planPrune } from '../../src/operations/prune/plan.ts'
import { QUANTISED_IDS, type QuantisedId, quantisedFormat } from '../../src/tensor/quantised/formats.ts'
import { QUANTISED_OPERATIONS, type QuantisedOperation } from '../../src/tensor/quantised/operations.ts'
import { elementCount } from '../../src/tensor/values/dtype.ts'
import { evaluateInto, newEvaluation, readValues, tensorBytes } from '../../src/tensor/values/expr.ts'
import type { Tensor } from '../../src/tensor/values/table.ts'
import { writeGguf } from '../gguf-writer.ts'
import { contentsOf, writeModel } from '../model-files.ts'
import { halves, narrowSd1 } from '../narrow-models.ts'
import { LAYERS } from '../quantised-layers.ts'
import { tableOf } from '../tables.ts'
import { runCli } from './run.ts'

const TINY = join(import.meta.dirname, '../../fixtures/tiny-sd')
/** Whose values are worked on. */
const REAL = join(TINY, 'tiny-sd-b.safetensors')
const PLAIN_LORA = join(TINY, 'tiny-stripes.safetensors')
const PLAIN_VAE = join(TINY, 'vivid.vae.safetensors')

const UNET = 'model.diffusion_model.'
/** One layer of each network, and the token vectors. */
const QUANTISED_LAYERS = [
  `${UNET}input_blocks.1.1.transformer_blocks.0.attn1.to_q`,
  'cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1',
  'cond_stage_model.transformer.text_model.embeddings.token_embedding',
]
const VAE_LAYER = 'first_stage_model.decoder.mid.attn_1.q'
const LORA_LAYER = 'lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down'

interface Paths {
  readonly model: string
  /** The same with no layer in the format. */
  readonly plain: string
  /** The same with a layer of the VAE in the format, and nothing else. */
  readonly vae: string
  readonly lora: string
  /** What the run may write. */
  readonly out: string
}

interface Run {
  readonly does: QuantisedOperation
  args(paths: Paths): readonly string[]
  /** Name in the output of a tensor of the input; undefined where it is not there. */
  readonly named?: (name: string) => string | undefined
  readonly ending?: string
  /** Formats that the container has no type for, and what is said then. */
  readonly cannot?: Readonly<Partial<Record<QuantisedId, string>>>
}

/** No values of weights are looked at, and the file is named for what it is. */
interface Look {
  readonly does: 'look'
  args(paths: Paths): readonly string[]
}

const same = (name: string) => name

/** What each command does with the weights of a file, in all its ways. A text: why it does nothing with them. */
const RUNS: Readonly<Record<string, readonly (Run | Look)[] | string>> = {
  inspect: [{ does: 'look', args: ({ model }) => ['inspect', model] }],
  list: [{ does: 'look', args: ({ model }) => ['list', join(model, '..'), '--json'] }],
  verify: [{ does: 'look', args: ({ model }) => ['verify', model] }],
  diff: [{ does: 'diff', args: ({ model, plain }) => ['diff', model, plain] }],
  convert: [
    {
      does: 'copy',
      args: ({ model, out }) => ['convert', model, '--to', 'ckpt', '-o', out],
      named: same,
      ending: '.ckpt',
      cannot: { 'packed-float': 'F4' },
    },
    { does: 'cast', args: ({ model, out }) => ['convert', model, '--dtype', 'bf16', '-o', out] },
    {
      does: 'relayout',
      args: ({ model, out }) => ['convert', model, '--to', 'diffusers', '-o', out],
      ending: '',
    },
  ],
  prune: [
    { does: 'copy', args: ({ model, out }) => ['prune', model, '-o', out], named: same },
    { does: 'cast', args: ({ model, out }) => ['prune', model, '--dtype', 'bf16', '-o', out] },
  ],
  'merge-lora': [
    { does: 'merge-lora', args: ({ model, out }) => ['merge-lora', model, PLAIN_LORA, '-o', out] },
  ],
  merge: [
    { does: 'merge', args: ({ model, plain, out }) => ['merge', model, plain, '-o', out] },
    { does: 'merge', args: ({ model, plain, out }) => ['merge', plain, model, '-o', out] },
  ],
  'bake-vae': [
    { does: 'bake-vae', args: ({ vae, out }) => ['bake-vae', vae, PLAIN_VAE, '-o', out] },
    {
      does: 'bake-vae',
      args: ({ vae, out }) => ['bake-vae', join(TINY, 'tiny-sd.ckpt'), vae, '-o', out],
    },
  ],
  join: [
    {
      does: 'copy',
      args: ({ model, out }) => ['join', model, '--vae', PLAIN_VAE, '-o', out],
      named: (name) => (name.startsWith(UNET) ? name : undefined),
    },
    {
      does: 'cast',
      args: ({ model, out }) => ['join', model, '--vae', PLAIN_VAE, '--dtype', 'unet=bf16', '-o', out],
    },
  ],
  extract: [
    {
      does: 'copy',
      args: ({ model, out }) => ['extract', 'unet', model, '-o', out],
      named: (name) => (name.startsWith(UNET) ? name.slice(UNET.length) : undefined),
    },
    { does: 'cast', args: ({ model, out }) => ['extract', 'unet', model, '--dtype', 'bf16', '-o', out] },
  ],
  'extract lora': [
    {
      does: 'extract lora',
      args: ({ model, plain, out }) => ['extract', 'lora', model, plain, '--rank', '1', '-o', out],
    },
    {
      does: 'extract lora',
      args: ({ model, plain, out }) => ['extract', 'lora', plain, model, '--rank', '1', '-o', out],
    },
  ],
  'extract embeddings': [
    {
      does: 'embeddings',
      args: ({ model, out }) => [
        'extract',
        'embeddings',
        model,
        '--prompt',
        'a star',
        '--name',
        'x',
        '-o',
        out,
      ],
    },
  ],
  render: [
    {
      does: 'render',
      args: ({ model, out }) => [
        'render',
        model,
        '-p',
        'a star',
        '--steps',
        '1',
        '--size',
        '64x64',
        '--device',
        'cpu',
        '-o',
        out,
      ],
      ending: '.png',
    },
  ],
  'lora merge': [{ does: 'lora', args: ({ lora, out }) => ['lora', 'merge', lora, PLAIN_LORA, '-o', out] }],
  'lora resize': [
    { does: 'lora', args: ({ lora, out }) => ['lora', 'resize', lora, '--rank', '2', '-o', out] },
  ],
  'lora convert': [
    { does: 'lora', args: ({ lora, out }) => ['lora', 'convert', lora, '--to', 'diffusers', '-o', out] },
  ],
  'lora check': [{ does: 'lora', args: ({ lora }) => ['lora', 'check', lora] }],
  replay: 'runs the other commands',
  download: 'fetches files',
  search: 'asks a site',
  identify: 'takes hashes of files',
  login: 'keeps a key',
  doctor: 'looks at the machine',
}

/** Decisions that only a planner shows: no command line does nothing else. */
const BY_PLANNER: readonly QuantisedOperation[] = ['replace']

it('every command, and every operation, is among the runs', () => {
  expect(Object.keys(RUNS).sort()).toEqual(COMMANDS.map(({ name }) => name).sort())
  const done = Object.values(RUNS).flatMap((runs) =>
    typeof runs === 'string' ? [] : runs.map(({ does }) => does),
  )
  expect(new Set([...done, ...BY_PLANNER])).toEqual(new Set(['look', ...QUANTISED_OPERATIONS]))
})

const folder = mkdtempSync(join(tmpdir(), 'sdtool-quantised-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The file with the weights of some layers in a format. */
async function written(
  path: string,
  source: string,
  layers: readonly string[],
  id: QuantisedId,
): Promise<string[]> {
  const { model, bytes } = await contentsOf(source)
  const tensors = [...model.tensors.values()].flatMap((tensor): Tensor[] => {
    const plain: Tensor = { ...tensor, source: { kind: 'bytes', data: bytes.get(tensor.name)! } }
    const layer = layers.find((name) => tensor.name === `${name}.weight`)
    return layer === undefined ? [plain] : LAYERS[id](layer, plain)
  })
  const table = {
    tensors: new Map(
      [...tensors, ...(source === PLAIN_LORA ? [] : LEFTOVERS)].map((tensor) => [tensor.name, tensor]),
    ),
    metadata: {},
  }
  if (id === 'ggml') writeGguf(path, table)
  else await writeModel(path, table)
  return tensors
    .map(({ name }) => name)
    .filter((name) => layers.some((layer) => name.startsWith(`${layer}.`)))
}

/** Something for prune to leave out. */
const LEFTOVERS = [
  LAYERS.fp8('', {
    name: 'optimizer.x',
    dtype: 'F8_E4M3',
    shape: [4],
    source: { kind: 'bytes', data: new Uint8Array(4) },
  })[0]!,
]

describe.each(QUANTISED_IDS)('%s', (id) => {
  const { title, decisions } = quantisedFormat(id)
  const home = join(folder, id)
  const ending = id === 'ggml' ? 'gguf' : 'safetensors'
  const isWorked = decisions.cast === 'values'
  const paths = {
    plain: isWorked ? REAL : join(home, 'plain.safetensors'),
    model: join(home, `model.${ending}`),
    vae: join(home, 'vae', `vae.${ending}`),
    lora: join(home, 'lora', `lora.${ending}`),
  }
  let names: readonly string[]
  let before: ReadonlyMap<string, Uint8Array>

  beforeAll(async () => {
    for (const folder of ['lora', 'vae']) mkdirSync(join(home, folder), { recursive: true })
    if (!isWorked) await writeModel(paths.plain, narrowSd1(halves))
    names = await written(paths.model, paths.plain, QUANTISED_LAYERS, id)
    before = await bytesOf(paths.model, (name) => names.includes(name))
    await written(paths.vae, paths.plain, [VAE_LAYER], id)
    await written(paths.lora, PLAIN_LORA, [LORA_LAYER], id)
  })
  afterAll(() => rmSync(home, { recursive: true, force: true }))

  const runs = Object.entries(RUNS).flatMap(([command, all]) =>
    typeof all === 'string' ? [] : all.map((run, i) => ({ command: `${command} ${i + 1}`, run })),
  )

  it.each(runs)('$command', async ({ run }) => {
    const out = join(home, `out${'ending' in run ? run.ending : '.safetensors'}`)
    const { code, stdout, stderr } = await runCli(run.args({ ...paths, out }))
    if (run.does === 'look') {
      expect([code, stderr]).toEqual([0, ''])
      if (run.args({ ...paths, out })[0] === 'inspect') expect(stdout.replace(/\s+/g, ' ')).toContain(title)
      return
    }
    const untypable = 'cannot' in run && run.cannot?.[id]
    if (untypable) {
      expect([code, stderr]).toEqual([3, expect.stringContaining(untypable)])
      return
    }
    if (decisions[run.does] === 'refused') {
      expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining(title) })
      expect(stderr).toContain('original')
      expect(existsSync(out)).toBe(false)
      return
    }
    // a model that is the other one in fewer bits differs in nothing
    expect(stderr).not.toContain(title)
    expect([0, 4]).toContain(code)
    if (run.named !== undefined) {
      const after = await bytesOf(out, (name) => names.some((own) => run.named!(own) === name))
      for (const name of names) {
        const there = run.named(name)
        if (there !== undefined) expect(Buffer.compare(after.get(there)!, before.get(name)!), name).toBe(0)
      }
    }
    rmSync(out, { recursive: true, force: true })
  })
})

async function bytesOf(path: string, isWanted: (name: string) => boolean): Promise<Map<string, Uint8Array>> {
  return withModel(path, { signal: new AbortController().signal }, async ({ model, read }) => {
    const found = new Map<string, Uint8Array>()
    for (const tensor of [...model.tensors.values()].filter(({ name }) => isWanted(name))) {
      const bytes = new Uint8Array(tensorBytes(tensor))
      await evaluateInto(tensor, 0, elementCount(tensor.shape), bytes, newEvaluation(read))
      found.set(tensor.name, bytes)
    }
    return found
  })
}

describe('EMA values in the place of the live ones', () => {
  const layer = QUANTISED_LAYERS[0]!
  const live: readonly Tensor[] = [...narrowSd1(halves).tensors.values()]
  const ema = live
    .filter(({ name }) => name.startsWith(UNET))
    .map((tensor) => {
      const name = `model_ema.${tensor.name.slice('model.'.length).replaceAll('.', '')}`
      return { ...tensor, name }
    })

  it.each(QUANTISED_IDS)('%s', async (id) => {
    const { decisions } = quantisedFormat(id)
    const tensors = live.flatMap((tensor) =>
      tensor.name === `${layer}.weight` ? LAYERS[id](layer, tensor) : [tensor],
    )
    const table = tableOf([...tensors, ...ema])
    const read = (tensor: Tensor) => readValues(tensor, async () => {})
    const plan = planPrune(table, await identify(table, read), { ema: 'only' }, read)
    if (decisions.replace !== 'refused') await expect(plan).resolves.toBeDefined()
    else
      await expect(plan).rejects.toMatchObject({
        exitCode: 3,
        message: expect.stringContaining('before they are decoded'),
      })
  })
})
