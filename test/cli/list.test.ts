import { copyFileSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { writeModel } from '../model-files.ts'
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
  tiny-outline.safetensors  LoRA                                                     1.35 MB  fp16        trained on tiny-sd.ckpt
  tiny-sd-b.safetensors     Stable Diffusion 1.x checkpoint of non-standard width    21.9 MB  fp16
  tiny-sd.ckpt              Stable Diffusion 1.x checkpoint of non-standard width    33.6 MB  fp16, fp32  prune saves 11.8 MB
  tiny-stripes.safetensors  LoCon                                                    1.80 MB  fp16        trained on tiny-sd.ckpt
  vivid.vae.pt              VAE, 4 latent channels                                   5.29 MB  fp16
  vivid.vae.safetensors     VAE, 4 latent channels                                   5.23 MB  fp16
  ~ the same CLIP-L text encoder, by a sample (5.43 MB): tiny-sd-b.safetensors, tiny-sd.ckpt
  ~ the same VAE, by a sample (5.21 MB): tiny-sd-b.safetensors, tiny-sd.ckpt
  ~ the same VAE, by a sample (5.21 MB): vivid.vae.pt, vivid.vae.safetensors
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
