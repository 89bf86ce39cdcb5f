/** The site says little of what a model is; `download` looks into it. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { TensorTable } from '../../src/tensor/values/table.ts'
import { startDouble } from '../civitai/double.ts'
import { writeModel } from '../model-files.ts'
import { halves, narrowFlux, narrowSd1 } from '../narrow-models.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

interface Case {
  readonly content: TensorTable
  readonly baseModel: string
  readonly layout: string
  /** Before anything is known of its content, and in the end. */
  readonly planned: string
  readonly place: string
}

const [BARE, WHOLE] = [narrowFlux(halves), narrowSd1(halves)]

const CASES: Readonly<Record<string, Case>> = {
  'a bare transformer that the site calls a checkpoint': {
    content: BARE,
    baseModel: 'Flux.1 D',
    layout: 'comfyui',
    planned: 'models/checkpoints',
    place: 'models/diffusion_models',
  },
  'a checkpoint of a family that is usually bare': {
    content: WHOLE,
    baseModel: 'ZImageTurbo',
    layout: 'comfyui',
    planned: 'models/diffusion_models',
    place: 'models/checkpoints',
  },
  'a bare transformer in SwarmUI': {
    content: BARE,
    baseModel: 'Flux.1 D',
    layout: 'swarmui',
    planned: 'Models/Stable-Diffusion',
    place: 'Models/diffusion_models',
  },
  'a bare transformer where one folder is for both': {
    content: BARE,
    baseModel: 'Flux.1 D',
    layout: 'forge',
    planned: 'models/Stable-diffusion',
    place: 'models/Stable-diffusion',
  },
  'a checkpoint': {
    content: WHOLE,
    baseModel: 'SD 1.5',
    layout: 'comfyui',
    planned: 'models/checkpoints',
    place: 'models/checkpoints',
  },
}

async function setup({ content, baseModel, layout }: Case) {
  const folder = tempFolder()
  const path = join(tempFolder(), 'x.safetensors')
  await writeModel(path, content)
  const double = await startDouble()
  const files = [{ id: 8, name: 'x.safetensors', bytes: readFileSync(path) }]
  double.publish({ id: 31, modelId: 11, modelType: 'Checkpoint', files, facts: { baseModel } })
  const env = { SDTOOL_CIVITAI_URL: double.base.href, HOME: tempFolder() }
  const line = ['download', 'version:31', '--models', folder, '--layout', layout, '--sidecars', 'info']
  const download = async (...args: string[]) => {
    const { code, stdout } = await runCli([...line, '--json', ...args], undefined, env)
    return { code, result: JSON.parse(stdout).results[0] }
  }
  return { folder, download }
}

describe('download into the folders of a program', () => {
  it.each(Object.entries(CASES))(
    '%s goes where the program looks for it, and is found there again',
    async (_, one) => {
      const { folder, download } = await setup(one)
      expect((await download('--dry-run')).result.path).toBe(join(folder, one.planned, 'x.safetensors'))
      const path = join(folder, one.place, 'x.safetensors')
      expect(await download()).toMatchObject({ code: 0, result: { path, status: 'downloaded' } })
      expect(readdirSync(join(folder, one.place))).toEqual(['x.civitai.info', 'x.safetensors'])
      if (one.planned !== one.place) expect(readdirSync(join(folder, one.planned))).toEqual([])
      expect(await download()).toMatchObject({ code: 0, result: { path, status: 'present' } })
    },
  )

  it('what it is not by its content is a problem, whatever folder it goes to', async () => {
    const { download } = await setup({ ...CASES['a checkpoint']!, baseModel: 'ZImageTurbo' })
    const { result } = await download()
    expect(result.problems).toEqual([
      'the site says that it is for ZImageTurbo, but it is for Stable Diffusion 1.x',
    ])
  })

  it('does not replace another file of its name in the folder for what it may be', async () => {
    const { folder, download } = await setup(CASES['a bare transformer that the site calls a checkpoint']!)
    const mine = join(folder, 'models/diffusion_models/x.safetensors')
    mkdirSync(dirname(mine), { recursive: true })
    writeFileSync(mine, 'mine')
    expect(await download()).toMatchObject({ code: 2, result: { error: { code: 'OUTPUT_EXISTS' } } })
    expect(readFileSync(mine, 'utf8')).toBe('mine')
  })
})
