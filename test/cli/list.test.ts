import { copyFileSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { torchZip } from '../../src/tensor/formats/torch-zip-write.ts'
import type { TensorTable } from '../../src/tensor/values/table.ts'
import { writeModelFile } from '../../src/tensor/write/write.ts'
import { writeModel } from '../model-files.ts'
import { publishedKeys } from '../published-keys.ts'
import { writeSparse } from '../sparse-models.ts'
import { floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const TINY = join(import.meta.dirname, '../../fixtures/tiny-sd')

function list(cache: string, ...args: string[]) {
  return runCli(['list', ...args], undefined, { SDTOOL_CACHE: cache })
}

describe('sdtool list', () => {
  it('shows every model of a folder, and what looks the same', async () => {
    const { code, stdout, stderr } = await list(tempFolder(), TINY)
    expect([code, stderr]).toEqual([0, ''])
    // sizes and bases as fixtures/tiny-sd/README.md has them; prune leaves out EMA copy, schedule and training state
    expect(
      stdout,
    ).toBe(`  file                      what                                                        size  type        notes
  goldens.safetensors       unknown kind of file                                      488 kB  fp32
  sd-bad.pt                 A1111 textual inversion                                  2.08 kB  fp32        trained on tiny-sd
  sd-bad.safetensors        embedding for one text encoder (emb_params)            464 bytes  fp32
  sd-postcard.pt            A1111 textual inversion                                  2.37 kB  fp32        trained on tiny-sd
  sd-postcard.safetensors   embedding for one text encoder (emb_params)            656 bytes  fp32
  tiny-outline.safetensors  LoRA                                                     1.35 MB  fp16        for Stable Diffusion 1.x; trained on tiny-sd.ckpt
  tiny-sd-b.safetensors     Stable Diffusion 1.x checkpoint of non-standard width    21.9 MB  fp16
  tiny-sd.ckpt              Stable Diffusion 1.x checkpoint of non-standard width    33.6 MB  fp16, fp32  prune saves 11.8 MB
  tiny-stripes.safetensors  LoCon                                                    1.80 MB  fp16        for Stable Diffusion 1.x; trained on tiny-sd.ckpt
  vivid.vae.pt              VAE, 4 latent channels                                   5.29 MB  fp16
  vivid.vae.safetensors     VAE, 4 latent channels                                   5.23 MB  fp16
  ~ the same tensors, by a sample (5.29 MB): vivid.vae.pt, vivid.vae.safetensors
  ~ the same CLIP-L text encoder, by a sample (5.43 MB): tiny-sd-b.safetensors, tiny-sd.ckpt
  ~ the same VAE, by a sample (5.21 MB): tiny-sd-b.safetensors, tiny-sd.ckpt
11 model files, 69.6 MB; pruning saves 11.8 MB
`)
  })

  it('takes trigger words from the .civitai.info beside a file that has none of its own', async () => {
    const folder = tempFolder()
    const cache = tempFolder()
    for (const name of ['a', 'b', 'c'])
      copyFileSync(join(TINY, 'tiny-outline.safetensors'), join(folder, `${name}.safetensors`))
    writeFileSync(join(folder, 'a.civitai.info'), '{"trainedWords": ["outline style", " ", 7, "b\\u001bc"]}')
    writeFileSync(join(folder, 'b.civitai.info'), '[not json')
    const { stdout } = await list(cache, folder)
    expect(stdout.match(/trigger: .*/g)).toEqual(['trigger: outline style, b\\u001bc'])
    // what is beside a file may change without it
    writeFileSync(join(folder, 'c.civitai.info'), '{"trainedWords": ["later"]}')
    const { results } = JSON.parse((await list(cache, folder, '--json')).stdout)
    expect(results.map(({ triggers }: { triggers: unknown }) => triggers)).toEqual([
      ['outline style', 'b\u001bc'],
      [],
      ['later'],
    ])
  })

  it('shows the family in the JSON, and files of one family alone', async () => {
    const folder = tempFolder()
    const cache = tempFolder()
    // read by structure: SD 1.x; the site's word for it may be of the same family, of another, or unknown
    for (const name of ['plain', 'pony', 'late', 'odd'])
      copyFileSync(join(TINY, 'tiny-outline.safetensors'), join(folder, `${name}.safetensors`))
    copyFileSync(join(TINY, 'vivid.vae.pt'), join(folder, 'vivid.vae.pt'))
    writeFileSync(join(folder, 'pony.civitai.info'), '{"baseModel": "Pony"}')
    writeFileSync(join(folder, 'late.civitai.info'), '{"baseModel": "SD 1.5 LCM"}')
    writeFileSync(join(folder, 'odd.civitai.info'), '{"baseModel": "Flux.9 Z"}')
    writeSparse(join(folder, 'klein.safetensors'), publishedKeys('flux2-klein-4b', 'native'))
    const listed = async (...args: string[]) => {
      const { code, stdout } = await list(cache, folder, '--json', ...args)
      const { results } = JSON.parse(stdout) as { results: Record<string, unknown>[] }
      return [
        code,
        results.map(({ path, family, variant, baseModel }) => [
          basename(String(path)),
          family,
          variant,
          baseModel,
        ]),
      ]
    }
    const KLEIN = ['klein.safetensors', 'flux-2', 'klein-4b', null]
    const LATE = ['late.safetensors', 'sd1', null, 'SD 1.5 LCM']
    const SD1 = [
      LATE,
      ['odd.safetensors', 'sd1', null, 'Flux.9 Z'],
      ['plain.safetensors', 'sd1', null, null],
      ['pony.safetensors', 'sd1', null, 'Pony'],
    ]
    expect(await listed()).toEqual([0, [KLEIN, ...SD1, ['vivid.vae.pt', null, null, null]]])
    for (const word of ['sd1', 'sd1.5', 'Stable Diffusion 1.x', 'stable-diffusion-v1'])
      expect([word, await listed('--base', word)]).toEqual([word, [0, SD1]])
    for (const word of ['flux2', 'flux-2', 'klein', 'Flux.2 Klein 4B'])
      expect([word, await listed('--base', word)]).toEqual([word, [0, [KLEIN]]])
    // only a name tells, and keys must not contradict it
    expect(await listed('--base', 'SD 1.5 LCM')).toEqual([0, [LATE]])
    for (const word of ['pony', 'Flux.2 D', 'klein-9b', 'z-image'])
      expect([word, await listed('--base', word)]).toEqual([word, [0, []]])
    const { stdout } = await list(cache, folder)
    expect(stdout.match(/Civitai: [^;]*(?=;)/g)).toEqual([
      'Civitai: SD 1.5 LCM',
      'Civitai: Flux.9 Z',
      'Civitai: Pony, which it is not',
    ])
  })

  it('refuses a family that nobody knows, with the nearest', async () => {
    const { code, stdout, stderr } = await list(tempFolder(), tempFolder(), '--base', 'z-imgae')
    expect([code, stdout, stderr.includes('--base "z-imgae"'), stderr.includes('z-image')]).toEqual([
      2,
      '',
      true,
      true,
    ])
  })

  it('what it calls prunable is what prune saves', async () => {
    const { stdout } = await list(tempFolder(), TINY, '--json')
    const { results } = JSON.parse(stdout)
    const { prunable } = results.find(({ path }: { path: string }) => path.endsWith('tiny-sd.ckpt'))
    const pruned = JSON.parse(
      (await runCli(['prune', join(TINY, 'tiny-sd.ckpt'), '--dry-run', '--json'])).stdout,
    ).results[0]
    // but for the header
    expect(Math.abs(pruned.bytesBefore - pruned.bytesAfter - prunable)).toBeLessThan(300_000)
  })

  it('reads in full what looks the same, and remembers what it read', async () => {
    const folder = tempFolder()
    const cache = tempFolder()
    const write = (name: string, last: number) =>
      writeModel(
        join(folder, name),
        tableOf([
          floatTensor(
            'a.weight',
            [1000],
            Array.from({ length: 1000 }, (_, i) => (i === 999 ? last : i)),
          ),
        ]),
      )
    await write('a.safetensors', 1)
    await write('b.safetensors', 2)
    await write('c.safetensors', 1)
    const likely = await list(cache, folder, '--json')
    const pathsOf = (...names: string[]) => names.map((name) => join(folder, name))
    expect(JSON.parse(likely.stdout).findings).toMatchObject([
      { paths: pathsOf('a.safetensors', 'b.safetensors', 'c.safetensors'), proven: false },
    ])
    const proven = await list(cache, folder, '--duplicates', '--json')
    expect(JSON.parse(proven.stdout).findings).toMatchObject([
      { paths: pathsOf('a.safetensors', 'c.safetensors'), proven: true },
    ])
    const known = JSON.parse(readFileSync(join(cache, 'library.json'), 'utf8')).files[
      join(folder, 'a.safetensors')
    ]
    expect(known.autoV3).toMatch(/^[0-9a-f]{64}$/)
  })

  it('proves that a VAE is the same in another container and type', async () => {
    const folder = tempFolder()
    copyFileSync(join(TINY, 'vivid.vae.pt'), join(folder, 'vivid.vae.pt'))
    const wide = join(folder, 'wide.vae.safetensors')
    expect((await runCli(['convert', join(TINY, 'vivid.vae.pt'), '--dtype', 'fp32', '-o', wide])).code).toBe(
      0,
    )
    const { stdout } = await list(tempFolder(), folder, '--duplicates', '--json')
    const paths = [join(folder, 'vivid.vae.pt'), wide]
    expect(JSON.parse(stdout).findings).toMatchObject([{ component: 'VAE', paths, proven: true }])
  })

  const THOUSAND = Array.from({ length: 1000 }, (_, i) => i)
  const [FIRST, LAST] = [floatTensor('b.weight', [1000], THOUSAND), floatTensor('a.weight', [2], [1, 2])]
  /** Unlike `FIRST` where no sample looks. */
  const OTHER = floatTensor('b.weight', [1000], [...THOUSAND.slice(0, 999), 5])

  it.each<[string, boolean, TensorTable, TensorTable, ('torch' | 'plain')[]]>([
    ['a copy', true, tableOf([FIRST, LAST]), tableOf([FIRST, LAST]), ['plain', 'plain']],
    ['another order', true, tableOf([FIRST, LAST]), tableOf([LAST, FIRST]), ['plain', 'plain']],
    ['other metadata', true, tableOf([FIRST]), tableOf([FIRST], { of: 'b' }), ['plain', 'plain']],
    ['another container', true, tableOf([FIRST, LAST]), tableOf([FIRST, LAST]), ['plain', 'torch']],
    ['two torch files', true, tableOf([FIRST, LAST]), tableOf([FIRST, LAST]), ['torch', 'torch']],
    ['another value', false, tableOf([FIRST]), tableOf([OTHER]), ['plain', 'plain']],
    ['another value in torch files', false, tableOf([FIRST]), tableOf([OTHER]), ['torch', 'torch']],
    ['another value and container', false, tableOf([FIRST]), tableOf([OTHER]), ['torch', 'plain']],
    [
      'another name',
      false,
      tableOf([FIRST, LAST]),
      tableOf([FIRST, { ...LAST, name: 'c.weight' }]),
      ['plain', 'plain'],
    ],
  ])('--duplicates of an unknown kind: %s', async (_, isSame, one, two, containers) => {
    const folder = tempFolder()
    const paths: string[] = []
    for (const [i, table] of [one, two].entries()) {
      const path = join(folder, `${i}.${containers[i] === 'torch' ? 'pt' : 'safetensors'}`)
      paths.push(path)
      if (containers[i] === 'torch') await writeModelFile(table, path, torchZip(), { threads: 0 })
      else await writeModel(path, table)
    }
    const { stdout } = await list(tempFolder(), folder, '--duplicates', '--json')
    expect(JSON.parse(stdout).findings).toMatchObject(isSame ? [{ paths, proven: true }] : [])
  })

  it.each([[], ['--duplicates']])(
    'files of one name in two folders are two files: %s',
    async (...options) => {
      const folders = [tempFolder(), tempFolder()]
      await writeModel(join(folders[0]!, 'x.safetensors'), tableOf([FIRST]))
      await writeModel(join(folders[1]!, 'x.safetensors'), tableOf([FIRST]))
      await writeModel(join(folders[1]!, 'y.safetensors'), tableOf([OTHER]))
      const names = [join(folders[0]!, 'x.safetensors'), join(folders[1]!, 'x.safetensors')]
      const paths = options.length > 0 ? names : [...names, join(folders[1]!, 'y.safetensors')]
      const { stdout } = await list(tempFolder(), ...folders, ...options, '--json')
      const { results, findings } = JSON.parse(stdout)
      expect(findings).toMatchObject([{ paths }])
      const known = new Set(results.map(({ path }: { path: string }) => path))
      expect(paths.every((path) => known.has(path))).toBe(true)
      const page = await list(tempFolder(), ...folders, ...options)
      expect(page.stdout).toContain(`: ${paths.join(', ')}\n`)
    },
  )

  it.each<[string, unknown]>([
    ['facts of other types', { facts: { kind: 'lora', title: 5, triggers: 7 } }],
    ['no facts', { facts: null }],
    [
      'parts that are none',
      { facts: { kind: 'lora', title: 'x', precision: '', triggers: [], prunable: 0, parts: [5] } },
    ],
    [
      'a kind of another version',
      { facts: { kind: 'hologram', title: 'x', precision: '', triggers: [], prunable: 0, parts: [] } },
    ],
    ['an error that is a text', { error: 'bad' }],
    ['a hash that is a number', { autoV3: 7 }],
  ])('one odd entry in the cache is thrown away: %s', async (_, odd) => {
    const [folder, cache] = [tempFolder(), tempFolder()]
    copyFileSync(join(TINY, 'tiny-outline.safetensors'), join(folder, 'a.safetensors'))
    copyFileSync(join(TINY, 'tiny-stripes.safetensors'), join(folder, 'b.safetensors'))
    const first = await list(cache, folder, '--json')
    const path = join(cache, 'library.json')
    const json = JSON.parse(readFileSync(path, 'utf8'))
    const key = join(folder, 'a.safetensors')
    json.files[key] = { ...json.files[key], ...(odd as object) }
    writeFileSync(path, JSON.stringify(json))
    expect(await list(cache, folder, '--json')).toEqual(first)
  })

  it('opens a file again only when its size or time has changed', async () => {
    const [folder, cache] = [tempFolder(), tempFolder()]
    const path = join(folder, 'vae.safetensors')
    copyFileSync(join(TINY, 'vivid.vae.safetensors'), path)
    // whole seconds, which every file system keeps
    const time = new Date('2026-01-01T00:00:00Z')
    utimesSync(path, time, time)
    const first = await list(cache, folder)
    writeFileSync(path, Buffer.alloc(statSync(path).size, 7))
    utimesSync(path, time, time)
    expect((await list(cache, folder)).stdout).toBe(first.stdout)
    utimesSync(path, time, new Date(time.getTime() + 5000))
    const changed = await list(cache, folder)
    expect([changed.code, changed.stdout]).toEqual([0, expect.stringContaining('; 1 refused')])
  })

  it('a cache that cannot be read or written is no reason to fail', async () => {
    const cache = tempFolder()
    writeFileSync(join(cache, 'library.json'), '{"format": 1, "files": [')
    expect((await list(cache, join(TINY))).code).toBe(0)
    writeFileSync(join(cache, 'file'), '')
    expect((await list(join(cache, 'file'), join(TINY))).code).toBe(0)
  })

  it('needs a folder, and takes those of SDTOOL_MODELS', async () => {
    const none = await runCli(['list'])
    expect([none.code, none.stderr]).toEqual([
      2,
      'sdtool: no folder was named\n  sdtool list models/, or set SDTOOL_MODELS.\n',
    ])
    const file = await runCli(['list', join(TINY, 'tiny-sd.ckpt')])
    expect(file.code).toBe(3)
    const set = await runCli(['list', '--json'], undefined, {
      SDTOOL_CACHE: tempFolder(),
      SDTOOL_MODELS: TINY,
    })
    expect(JSON.parse(set.stdout).results).toHaveLength(11)
  })
})
