import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Double, json, startDouble, TOKEN } from '../civitai/double.ts'
import { legacyFile, loraFile, loraWithAlphas, maliciousPickle, safetensorsFile } from '../civitai/files.ts'
import { tempFolder } from '../temp-folder.ts'
import { runCli } from './run.ts'

const LORA = loraFile()
const MIKU = { id: 7, name: 'miku.safetensors', bytes: LORA }

interface Setup {
  readonly double: Double
  readonly folder: string
  sdtool(...args: string[]): ReturnType<typeof runCli>
}

async function setup(env: Readonly<Record<string, string>> = {}): Promise<Setup> {
  const double = await startDouble()
  double.publish({ id: 30, modelId: 10, modelName: 'Miku', files: [MIKU] })
  const folder = tempFolder()
  const all = { SDTOOL_CIVITAI_URL: double.base.href, HOME: join(folder, 'home'), ...env }
  return { double, folder, sdtool: (...args) => runCli(args, undefined, all) }
}

describe('sdtool download', () => {
  it('downloads a model by its page, verified, with its sidecar', async () => {
    const { double, folder, sdtool } = await setup()
    const page = `${double.base.origin}/models/10/miku-lora?modelVersionId=30`
    const { code, stdout, stderr } = await sdtool('download', page, '-o', `${folder}/out/`)
    expect([code, stderr]).toEqual([0, ''])
    expect(readdirSync(join(folder, 'out')).sort()).toEqual(['miku.civitai.info', 'miku.safetensors'])
    expect(readFileSync(join(folder, 'out/miku.safetensors')).equals(LORA)).toBe(true)
    expect(JSON.parse(readFileSync(join(folder, 'out/miku.civitai.info'), 'utf8')).id).toBe(30)
    expect(stdout).toBe(
      [
        '  action  model  version  file                 size  what               to',
        `  fetch   Miku   v1.0     miku.safetensors  5.42 kB  Model, SafeTensor  ${folder}/out`,
        `  wrote ${folder}/out/miku.safetensors: 5.42 kB, SHA256 verified`,
        '  trigger words: fukawa_miku',
        `  also wrote ${folder}/out/miku.civitai.info`,
        '',
      ].join('\n'),
    )
  })

  it('only tells what it would do with --dry-run', async () => {
    const { double, folder, sdtool } = await setup()
    const { code, stdout } = await sdtool(
      'download',
      'model:10',
      '-o',
      `${folder}/out/`,
      '--dry-run',
      '--json',
    )
    expect(code).toBe(0)
    expect(JSON.parse(stdout).results).toMatchObject([
      {
        modelId: 10,
        versionId: 30,
        fileId: 7,
        bytes: LORA.byteLength,
        path: `${folder}/out/miku.safetensors`,
        status: 'planned',
      },
    ])
    expect(existsSync(join(folder, 'out'))).toBe(false)
    expect(double.requests.some(({ url }) => url.includes('/download/'))).toBe(false)
  })

  it('does nothing for a file that is there already, and refuses to replace another', async () => {
    const { double, folder, sdtool } = await setup()
    writeFileSync(join(folder, 'miku.safetensors'), LORA)
    const have = await sdtool('download', 'version:30', '-o', folder, '--sidecars', 'none')
    expect([have.code, have.stdout.includes('already exists')]).toEqual([0, true])
    expect(double.requests.some(({ server }) => server === 'storage')).toBe(false)
    writeFileSync(join(folder, 'miku.safetensors'), 'something of mine')
    const other = await sdtool('download', 'version:30', '-o', folder)
    expect([other.code, other.stderr.split('\n')[0]]).toEqual([
      2,
      `sdtool: ${folder}/miku.safetensors already exists, and is another file`,
    ])
    expect(readFileSync(join(folder, 'miku.safetensors'), 'utf8')).toBe('something of mine')
    const forced = await sdtool('download', 'version:30', '-o', folder, '--force')
    expect(forced.code).toBe(0)
    expect(readFileSync(join(folder, 'miku.safetensors')).equals(LORA)).toBe(true)
  })

  it('puts a dangerous pickle into quarantine, with exit code 3', async () => {
    const { double, folder, sdtool } = await setup()
    const file = {
      id: 8,
      name: 'evil.ckpt',
      bytes: maliciousPickle(),
      facts: { metadata: { format: 'PickleTensor' } },
    }
    double.publish({ id: 31, modelId: 11, modelType: 'Checkpoint', files: [file] })
    const { code, stderr } = await sdtool('download', 'version:31', '-o', folder)
    expect(code).toBe(3)
    expect(stderr).toContain('posix.system')
    expect(stderr).toContain('evil.ckpt.unsafe')
    expect(readdirSync(folder)).toEqual(['evil.ckpt.unsafe'])
  })

  it('does not give a pickle the name of a safetensors file', async () => {
    const { double, folder, sdtool } = await setup()
    double.publish({
      id: 31,
      modelId: 11,
      files: [{ id: 8, name: 'x.safetensors', bytes: maliciousPickle() }],
    })
    expect((await sdtool('download', 'version:31', '-o', folder)).code).toBe(3)
    expect(readdirSync(folder)).toEqual(['x.safetensors.unsafe'])
  })

  it('keeps a damaged safetensors away from programs, although its hash is right', async () => {
    const { double, folder, sdtool } = await setup()
    double.publish({
      id: 31,
      modelId: 11,
      files: [{ id: 8, name: 'x.safetensors', bytes: LORA.subarray(0, 2000) }],
    })
    expect((await sdtool('download', 'version:31', '-o', folder)).code).toBe(3)
    expect(readdirSync(folder)).toEqual(['x.safetensors.broken'])
  })

  it.each([
    ['../../x.safetensors', 'x.safetensors'],
    ['..\\..\\x.safetensors', 'x.safetensors'],
    ['/etc/passwd.safetensors', 'passwd.safetensors'],
    ['CON.safetensors', '_CON.safetensors'],
    ['a:b*?<>|.safetensors', 'a_b_____.safetensors'],
    ['miku\u202egnp.safetensors', 'miku_gnp.safetensors'],
    ['.hidden.safetensors', 'hidden.safetensors'],
    ['布川ミク.safetensors', '布川ミク.safetensors'],
    ['--force.safetensors', 'force.safetensors'],
    [`${'x'.repeat(300)}.safetensors`, `${'x'.repeat(219)}.safetensors`],
  ])('writes a file named %j inside the folder, as %j', async (name, written) => {
    const { double, folder, sdtool } = await setup()
    double.publish({ id: 31, modelId: 11, files: [{ id: 8, name, bytes: LORA }] })
    const out = join(folder, 'deep', 'down')
    const { code } = await sdtool('download', 'version:31', '-o', `${out}/`, '--sidecars', 'none')
    expect(code).toBe(0)
    expect(readdirSync(out)).toEqual([written])
    expect(readdirSync(folder).sort()).toEqual(['deep', 'home'])
  })

  it('gives two files of one name two names', async () => {
    const { double, folder, sdtool } = await setup()
    const files = [
      { id: 8, name: 'same.safetensors', bytes: LORA },
      { id: 9, name: 'same.safetensors', bytes: loraFile(undefined, 8), facts: { primary: false } },
    ]
    double.publish({ id: 31, modelId: 11, files })
    const { code } = await sdtool(
      'download',
      'version:31',
      '--file',
      'all',
      '-o',
      folder,
      '--sidecars',
      'none',
    )
    expect(code).toBe(0)
    expect(readFileSync(join(folder, 'same.safetensors')).equals(LORA)).toBe(true)
    expect(readFileSync(join(folder, 'same_9.safetensors')).equals(files[1]!.bytes)).toBe(true)
  })

  it('asks which file is meant when two are equally good', async () => {
    const { double, sdtool } = await setup()
    const files = [8, 9].map((id) => ({
      id,
      name: `${id}.safetensors`,
      bytes: LORA,
      facts: { primary: false },
    }))
    double.publish({ id: 31, modelId: 11, files })
    const { code, stderr } = await sdtool('download', 'version:31')
    expect([code, stderr.includes('8 8.safetensors'), stderr.includes('--file ID')]).toEqual([2, true, true])
  })

  it('goes on with the others when one fails, and says so with its exit code', async () => {
    const { double, folder, sdtool } = await setup()
    double.publish({ id: 31, modelId: 11, files: [] })
    const { code, stdout, stderr } = await sdtool('download', '999', 'version:31', '30', '-o', `${folder}/o/`)
    expect(code).toBe(1)
    expect(stderr).toContain('999 is neither a model nor a version')
    expect(stderr).toContain('(version 31) has no files')
    expect(stdout).toContain('SHA256 verified')
    expect(existsSync(join(folder, 'o/miku.safetensors'))).toBe(true)
  })

  it('keeps what it has after Ctrl-C, and goes on from there', async () => {
    const { double, folder, sdtool } = await setup()
    const abort = new AbortController()
    double.onStorage.push((_request, response, { bytes }) => {
      response.writeHead(200, { 'content-length': bytes.byteLength })
      response.write(bytes.subarray(0, 1000))
      setTimeout(() => abort.abort(), 300)
    })
    const env = { SDTOOL_CIVITAI_URL: double.base.href }
    const stopped = await runCli(['download', 'version:30', '-o', folder, '--json'], abort.signal, env)
    expect(stopped.code).toBe(130)
    expect(stopped.stderr).toContain('what was received is kept; the same command continues from there')
    expect(readdirSync(folder)).toEqual(['miku.safetensors.part', 'miku.safetensors.part.json'])
    expect((await sdtool('download', 'version:30', '-o', folder)).code).toBe(0)
    expect(readFileSync(join(folder, 'miku.safetensors')).equals(LORA)).toBe(true)
  })

  it('says that a token in an address is not used, without repeating it', async () => {
    const { double, folder, sdtool } = await setup()
    const address = `${double.base.origin}/api/download/models/30?token=sesame-sesame`
    const { code, stdout, stderr } = await sdtool('download', address, '-o', folder, '--json')
    expect([code, stderr.includes('the token in the address is not used')]).toEqual([0, true])
    expect(stdout + stderr).not.toContain('sesame')
    expect(JSON.stringify(double.requests)).not.toContain('sesame')
  })

  it('does not guess what a number means that is a model and a version', async () => {
    const { double, sdtool } = await setup()
    double.publish({ id: 10, modelId: 5, modelName: 'Other', files: [MIKU] })
    const { code, stderr } = await sdtool('download', '10')
    expect([code, stderr]).toEqual([
      2,
      'sdtool: 10 is both the model "Miku" and a version of "Other"\n  Write model:10 or version:10.\n',
    ])
  })

  it.each([
    ['a1111', 'LORA', 'Model', 'models/Lora'],
    ['forge', 'Checkpoint', 'Model', 'models/Stable-diffusion'],
    ['a1111', 'TextualInversion', 'Model', 'embeddings'],
    ['a1111', 'Checkpoint', 'VAE', 'models/VAE'],
    ['comfyui', 'LORA', 'Model', 'models/loras'],
    ['comfyui', 'Checkpoint', 'Diffusion Model', 'models/diffusion_models'],
    ['comfyui', 'TextualInversion', 'Model', 'models/embeddings'],
    ['comfyui', 'MotionModule', 'Model', 'models/animatediff_models'],
    ['flat', 'LORA', 'Model', ''],
  ])('%s: a %s, file type %s, goes to %j', async (layout, modelType, type, place) => {
    const { double, folder, sdtool } = await setup()
    double.publish({ id: 31, modelId: 11, modelType, files: [{ ...MIKU, facts: { type } }] })
    const { code } = await sdtool('download', 'version:31', '--models', folder, '--layout', layout)
    expect(code).toBe(0)
    expect(existsSync(join(folder, place, 'miku.safetensors'))).toBe(true)
  })

  it('finds out by its folders whose models they are, and fills the notes of A1111 without touching those of the person', async () => {
    const { folder, sdtool } = await setup()
    mkdirSync(join(folder, 'models/Lora'), { recursive: true })
    mkdirSync(join(folder, 'models/Stable-diffusion'), { recursive: true })
    writeFileSync(join(folder, 'models/Lora/miku.json'), '{"activation text": "mine", "my key": 1}')
    expect((await sdtool('download', '30', '--models', folder)).code).toBe(0)
    expect(JSON.parse(readFileSync(join(folder, 'models/Lora/miku.json'), 'utf8'))).toMatchObject({
      'activation text': 'mine',
      'my key': 1,
      'sd version': 'SDXL',
      'preferred weight': 0,
      modelId: 10,
      modelVersionId: 30,
    })
  })

  it('saves a preview under its true ending, and takes no video for one', async () => {
    const { double, folder, sdtool } = await setup()
    const png = Buffer.from('89504e470d0a1a0a0000', 'hex')
    const images = ['video', 'image'].map((type) => ({
      type,
      url: `${double.base.origin}/img/width=999/${type}.jpeg`,
    }))
    double.publish({ id: 31, modelId: 11, files: [MIKU], facts: { images } })
    double.onPicture = png
    expect((await sdtool('download', 'version:31', '-o', folder)).code).toBe(0)
    expect(readFileSync(join(folder, 'miku.preview.png')).equals(png)).toBe(true)
    expect(double.requests.map(({ url }) => url)).toContain('/img/width=450/image.jpeg')
  })

  it('takes a configuration along, under the name of its checkpoint', async () => {
    const { double, folder, sdtool } = await setup()
    const config = {
      id: 9,
      name: 'v2.yaml',
      bytes: Buffer.from('model: {}'),
      facts: { type: 'Config', primary: false },
    }
    double.publish({
      id: 31,
      modelId: 11,
      modelType: 'Checkpoint',
      files: [{ ...MIKU, name: 'sd2.safetensors' }, config],
    })
    expect((await sdtool('download', 'version:31', '-o', folder, '--sidecars', 'none')).code).toBe(0)
    expect(
      readdirSync(folder)
        .filter((name) => name !== 'home')
        .sort(),
    ).toEqual(['sd2.safetensors', 'sd2.yaml'])
  })

  it('takes the name of -o for the file, and for its configuration', async () => {
    const { double, folder, sdtool } = await setup()
    const config = { id: 9, name: 'v2.yaml', bytes: Buffer.from('model: {}'), facts: { type: 'Config' } }
    double.publish({ id: 31, modelId: 11, modelType: 'Checkpoint', files: [MIKU, config] })
    const args = ['download', 'version:31', '--sidecars', 'none']
    expect((await sdtool(...args, '-o', join(folder, 'a/mine.safetensors'))).code).toBe(0)
    expect(readdirSync(join(folder, 'a')).sort()).toEqual(['mine.safetensors', 'mine.yaml'])
    // what does not end like a file is a folder
    expect((await sdtool(...args, '-o', join(folder, 'models.v1'))).code).toBe(0)
    expect(readdirSync(join(folder, 'models.v1')).sort()).toEqual(['miku.safetensors', 'miku.yaml'])
  })

  it('refuses what is only training data, and says what there is', async () => {
    const { double, sdtool } = await setup()
    const zip = { id: 9, name: 'data.zip', bytes: Buffer.from('PK'), facts: { type: 'Training Data' } }
    double.publish({ id: 31, modelId: 11, files: [zip] })
    const { code, stderr } = await sdtool('download', 'version:31')
    expect(code).toBe(1)
    expect(stderr).toContain('has no model file, only 9 data.zip (Training Data, SafeTensor)')
  })

  it.each([
    [
      401,
      { error: 'Unauthorized', message: 'The creator of this asset has disabled downloads on this file' },
      1,
      'has disabled downloads',
      'A token does not help',
    ],
    [
      401,
      {
        error: 'Unauthorized',
        message: 'The creator of this asset requires you to be logged in to download it',
      },
      1,
      'requires a login',
      'sdtool login',
    ],
    [
      403,
      { error: 'Early Access', deadline: '2027-03-01T00:00:00Z', message: 'This asset is in Early Access.' },
      1,
      'in early access until 2027-03-01',
      'older versions may be free',
    ],
    [
      403,
      { error: 'You do not have access to download this file' },
      1,
      'no access to this file',
      'private, or for sale',
    ],
    [403, { error: 'Forbidden' }, 1, 'rejects requests from this address', 'VPN'],
    [404, { error: 'File not found' }, 1, ', or is hidden', 'deleted or unpublished'],
    [410, { error: 'Model archived, not available for download' }, 1, 'is archived', 'Others may offer it'],
    [
      429,
      { error: "We've noticed an unusual amount of downloading from your account." },
      5,
      'hourly download limit',
      'in an hour',
    ],
    [
      400,
      { error: 'Invalid enum value' },
      1,
      'does not understand the request (Invalid enum value)',
      'spelling',
    ],
    [500, { error: 'boom' }, 5, 'answered with status 500 (boom)', 'Try again later'],
  ] as const)('explains a %d %j', async (status, body, exitCode, message, hint) => {
    const { double, folder, sdtool } = await setup()
    double.onLink.push(
      ...Array.from(
        { length: 20 },
        () => (_: unknown, response: Parameters<typeof json>[0]) => json(response, status, body),
      ),
    )
    const { code, stderr } = await sdtool('download', 'version:30', '-o', `${folder}/o/`)
    expect([code, stderr.includes(message), stderr.includes(hint)], stderr).toEqual([exitCode, true, true])
    expect(stderr).not.toMatch(/ at .*\.ts/)
    // what cannot get better is not asked for again and again
    const asked = double.requests.filter(({ url }) => url.includes('/download/')).length
    expect(asked).toBeLessThanOrEqual(status === 500 ? 5 : 2)
  })

  it('says what is wrong with a reference before it asks anybody', async () => {
    const { double, sdtool } = await setup()
    for (const [reference, message] of [
      [
        'https://example.com/models/3?token=abc',
        '"https://example.com/models/3" is not an address on Civitai',
      ],
      ['urn:air:sdxl:lora:huggingface:3', 'names a resource on huggingface'],
      ['hash:xyz', 'is not a hash that Civitai uses'],
      ['dreamshaper', 'does not name anything on Civitai'],
      ['model:0', 'is not a model ID'],
    ] as const) {
      const { code, stderr } = await sdtool('download', 'version:30', reference)
      expect([code, stderr.includes(message), stderr.includes('abc')], stderr).toEqual([2, true, false])
    }
    expect(double.requests).toEqual([])
  })
})

describe('the token', () => {
  it('appears nowhere but in the requests that may have it', async () => {
    const { double, folder, sdtool } = await setup({ CIVITAI_TOKEN: TOKEN })
    double.loginRequired = true
    double.publish({
      id: 32,
      modelId: 12,
      files: [{ id: 9, name: 'x.safetensors', bytes: LORA.subarray(0, 99) }],
    })
    const outputs = [
      await sdtool('download', 'version:30', '-o', `${folder}/a/`, '--verbose'),
      await sdtool('download', 'version:30', '-o', `${folder}/b/`, '--json'),
      await sdtool('download', 'version:32', 'version:77', '-o', `${folder}/c/`, '--json', '--verbose'),
      await sdtool('inspect', 'version:30', '--json', '--verbose'),
      await sdtool('search', 'miku', '--json'),
      await sdtool('identify', join(folder, 'a/miku.safetensors'), '--json'),
      await sdtool('login', '--check', '--json'),
    ]
    expect(outputs.map(({ code }) => code)).toEqual([0, 0, 1, 0, 0, 0, 0])
    expect(JSON.stringify(outputs)).not.toContain(TOKEN)
    for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const full = join(folder, path)
      if (statSync(full).isFile()) expect(readFileSync(full, 'latin1')).not.toContain(TOKEN)
    }
    expect(double.requests.some(({ server }) => server === 'storage')).toBe(true)
    for (const { server, url, headers } of double.requests) {
      expect(url).not.toContain(TOKEN)
      expect(headers.authorization).toBe(server === 'site' ? `Bearer ${TOKEN}` : undefined)
      expect(headers['user-agent']).toBe('sdtool/9.9.9')
    }
  })

  it('is not shown when it is malformed', async () => {
    const { sdtool } = await setup({ CIVITAI_TOKEN: 'my secret key\u0007' })
    const { code, stderr } = await sdtool('download', 'version:30')
    expect([
      code,
      stderr.includes('CIVITAI_TOKEN does not hold a valid token'),
      stderr.includes('secret'),
    ]).toEqual([1, true, false])
  })
})

describe('sdtool search', () => {
  it('prints a table, and where the list goes on', async () => {
    const { double, sdtool } = await setup()
    for (const id of [40, 50, 60]) double.publish({ id, modelId: id, modelName: `Miku ${id}`, files: [MIKU] })
    const { code, stdout, stderr } = await sdtool(
      'search',
      'miku',
      '--limit',
      '3',
      '--type',
      'lora',
      '--base',
      'pony',
    )
    expect([code, stderr]).toEqual([0, 'sdtool: more with --cursor 3\n'])
    expect(stdout).toBe(
      [
        '  id  name     type  base     size  downloads  rating  trigger words',
        '  10  Miku     LORA  Pony  5.42 kB       1000    97 %  fukawa_miku',
        '  40  Miku 40  LORA  Pony  5.42 kB       4000    97 %  fukawa_miku',
        '  50  Miku 50  LORA  Pony  5.42 kB       5000    97 %  fukawa_miku',
        '',
      ].join('\n'),
    )
    const query = new URL(double.requests[0]!.url, double.base).searchParams
    expect(query.getAll('types')).toEqual(['LORA', 'LoCon', 'DoRA'])
    expect(query.getAll('baseModels')).toEqual(['Pony'])
  })

  it('a family stands for all base models of it; a name that sdtool does not know is looked up on the site', async () => {
    const { double, sdtool } = await setup()
    const asked = async (...args: string[]) => {
      const { code, stderr } = await sdtool('search', 'miku', ...args)
      const { pathname, searchParams } = new URL(double.requests.at(-1)!.url, double.base)
      return [code, stderr, pathname, searchParams.getAll('baseModels'), searchParams.getAll('types')]
    }
    const models = '/api/v1/models'
    expect(await asked('--base', 'z-image,Flux.1 D')).toEqual([
      0,
      '',
      models,
      ['ZImageTurbo', 'ZImageBase', 'Flux.1 D'],
      [],
    ])
    expect(double.requests).toHaveLength(1)
    expect(await asked('--base', 'flux.3-d', '--type', 'notebook')).toEqual([
      0,
      '',
      models,
      ['Flux.3 D'],
      ['Notebook'],
    ])
  })

  it.each([
    [['--base', 'ponny'], '--base "ponny": the site has no such base model', 'Nearest: pony'],
    [['--base', 'flux.3'], '--base "flux.3": the site has no such base model', 'Flux.3 D'],
    [['--base', 'xyzzy'], '--base "xyzzy": the site has no such base model', 'sdtool search --help'],
    [['--type', 'lorra'], '--type "lorra": the site has no such type of models', 'Nearest: lora'],
  ])('%j is refused, with the nearest names', async (args, message, hint) => {
    const { double, sdtool } = await setup()
    const { code, stdout, stderr } = await sdtool('search', 'miku', ...args)
    expect([code, stdout, stderr.includes(message), stderr.includes(hint)]).toEqual([2, '', true, true])
    expect(double.requests.map(({ url }) => url)).toEqual(['/api/v1/enums'])
  })

  it('says that nothing was found', async () => {
    const { sdtool } = await setup()
    expect(await sdtool('search', 'zzz')).toEqual({
      code: 0,
      stdout: '',
      stderr: 'sdtool: nothing was found; --nsfw includes more\n',
    })
  })
})

describe('sdtool identify', () => {
  it('knows a file by its bytes, one with edited metadata by its weights, and says what is newer', async () => {
    const { double, folder, sdtool } = await setup()
    double.publish({
      id: 35,
      modelId: 10,
      name: 'v2.0',
      modelName: 'Miku',
      files: [],
      facts: { publishedAt: '2025-01-01T00:00:00Z' },
    })
    const { createHash } = await import('node:crypto')
    const header = 8 + Number(LORA.readBigUInt64LE(0))
    const autoV3 = createHash('sha256').update(LORA.subarray(header)).digest('hex').slice(0, 12).toUpperCase()
    double.publish({
      id: 30,
      modelId: 10,
      modelName: 'Miku',
      files: [
        {
          ...MIKU,
          facts: {
            hashes: { SHA256: createHash('sha256').update(LORA).digest('hex').toUpperCase(), AutoV3: autoV3 },
          },
        },
      ],
    })
    writeFileSync(join(folder, 'a.safetensors'), LORA)
    writeFileSync(join(folder, 'b.safetensors'), loraFile({ note: 'edited' }))
    writeFileSync(join(folder, 'c.safetensors'), safetensorsFile({ x: [2, 2] }))
    const { code, stdout, stderr } = await sdtool('identify', folder)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toBe(
      [
        '  file           is               version    base  newer      trigger words',
        '  a.safetensors  Miku             v1.0 (30)  Pony  v2.0 (35)  fukawa_miku',
        '  b.safetensors  weights of Miku  v1.0 (30)  Pony  v2.0 (35)  fukawa_miku',
        '  c.safetensors  unknown',
        '',
      ].join('\n'),
    )
  })

  it('knows what a file was made from by its recipe', async () => {
    const { folder, sdtool } = await setup()
    writeFileSync(join(folder, 'in.safetensors'), LORA)
    const output = join(folder, 'out.safetensors')
    const converted = await runCli([
      'convert',
      join(folder, 'in.safetensors'),
      '--dtype',
      'fp32',
      '-o',
      output,
    ])
    expect(converted.code, converted.stderr).toBe(0)
    const { code, stdout } = await sdtool('identify', output, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout).results).toMatchObject([
      { madeBy: 'convert', matches: [{ relation: 'made-from', ancestor: 'in.safetensors', versionId: 30 }] },
    ])
  })

  it('writes what is missing beside a file, and renames it with what is there', async () => {
    const { folder, sdtool } = await setup()
    writeFileSync(join(folder, 'x (1).safetensors'), LORA)
    writeFileSync(join(folder, 'x (1).txt'), 'notes')
    const shown = await sdtool('identify', join(folder, 'x (1).safetensors'), '--rename', '--dry-run')
    expect(shown.stdout).toContain('to Miku_v1.0.safetensors (with 1 file next to it)')
    expect(existsSync(join(folder, 'x (1).safetensors'))).toBe(true)
    const { code } = await sdtool('identify', join(folder, 'x (1).safetensors'), '--write', '--rename')
    expect(code).toBe(0)
    expect(
      readdirSync(folder)
        .filter((name) => name !== 'home')
        .sort(),
    ).toEqual(['Miku_v1.0.civitai.info', 'Miku_v1.0.safetensors', 'Miku_v1.0.txt'])
  })

  it('writes the notes of A1111 among its models, and leaves alone what the person wrote there', async () => {
    const { folder, sdtool } = await setup()
    const loras = join(folder, 'webui/models/Lora')
    mkdirSync(loras, { recursive: true })
    writeFileSync(join(loras, 'miku.safetensors'), LORA)
    writeFileSync(join(loras, 'miku.json'), '{"activation text": "mine", "notes": "good"}')
    expect((await sdtool('identify', loras, '--write')).code).toBe(0)
    expect(JSON.parse(readFileSync(join(loras, 'miku.json'), 'utf8'))).toMatchObject({
      'activation text': 'mine',
      notes: 'good',
      'sd version': 'SDXL',
      modelVersionId: 30,
    })
    // elsewhere only when they are named
    writeFileSync(join(folder, 'miku.safetensors'), LORA)
    await sdtool('identify', join(folder, 'miku.safetensors'), '--write')
    expect(existsSync(join(folder, 'miku.json'))).toBe(false)
    await sdtool('identify', join(folder, 'miku.safetensors'), '--sidecars', 'a1111')
    expect(JSON.parse(readFileSync(join(folder, 'miku.json'), 'utf8'))['activation text']).toBe('fukawa_miku')
    const wrong = await sdtool('identify', folder, '--sidecars', 'html')
    expect([wrong.code, wrong.stderr.includes('--sidecars html: not a valid choice')]).toEqual([2, true])
  })

  it('asks by BLAKE3 when no other hash is known, and remembers it', async () => {
    const { double, folder, sdtool } = await setup()
    const hello = Buffer.from('hello world')
    // the test vector of Civitai's own scanner
    const BLAKE3 = 'D74981EFA70A0C880B8D8C1985D075DBCBF679B99A5F9914E5AAF96B831A9E24'
    double.publish({
      id: 31,
      modelId: 11,
      modelName: 'Hello',
      files: [{ id: 8, name: 'x.pt', bytes: hello, facts: { hashes: { BLAKE3 } } }],
    })
    writeFileSync(join(folder, 'x.pt'), hello)
    for (let run = 0; run < 2; run++) {
      const { code, stdout } = await sdtool('identify', join(folder, 'x.pt'), '--json')
      expect(code).toBe(0)
      expect(JSON.parse(stdout).results[0].matches).toMatchObject([
        { relation: 'same', versionId: 31, fileId: 8 },
      ])
    }
    const cache = JSON.parse(readFileSync(join(folder, 'home/.cache/sdtool/hashes.json'), 'utf8'))
    expect(cache.files[join(folder, 'x.pt')]).toMatchObject({
      sha256: 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9',
      blake3: BLAKE3.toLowerCase(),
    })
  })

  it('reads a file once, and again when it has changed', async () => {
    const { folder, sdtool } = await setup()
    const path = join(folder, 'a.safetensors')
    writeFileSync(path, LORA)
    await sdtool('identify', path)
    const cache = join(folder, 'home/.cache/sdtool/hashes.json')
    const first = readFileSync(cache, 'utf8')
    const forged = first.replace(/"sha256":"[0-9a-f]{64}"/, `"sha256":"${'0'.repeat(64)}"`)
    writeFileSync(cache, forged)
    expect((await sdtool('identify', path)).code).toBe(4) // believed without a look
    writeFileSync(path, loraFile({ now: 'different' }))
    await sdtool('identify', path)
    expect(readFileSync(cache, 'utf8')).not.toContain('0'.repeat(64))
  })
})

describe('sdtool inspect of what is not here', () => {
  it('reads the header of a LoRA, and no more than that', async () => {
    const { double, sdtool } = await setup()
    const large = loraFile(undefined, 2000)
    double.publish({ id: 31, modelId: 11, files: [{ id: 8, name: 'big.safetensors', bytes: large }] })
    const { code, stdout } = await sdtool('inspect', 'model:11@31', '--json')
    expect(code).toBe(0)
    const [found] = JSON.parse(stdout).results
    expect(found).toMatchObject({
      path: 'civitai:11@31/big.safetensors',
      bytes: large.byteLength,
      format: 'safetensors',
      kind: 'lora',
      remote: { requests: 1, bytes: 65536 },
    })
    expect(large.byteLength).toBeGreaterThan(2_000_000)
    const served = double.requests.filter(({ server }) => server === 'storage')
    expect(served.map(({ headers }) => headers.range)).toEqual(['bytes=0-65535'])
  })

  it.each([
    ['tiny-sd.ckpt', 600_000],
    ['vivid.vae.pt', 600_000],
    // of a small LoRA the alphas are as good as all of it
    ['tiny-stripes.safetensors', 1_800_000],
  ])('tells of %s what it tells of the file here, by a small part of it', async (name, most) => {
    const { double, sdtool } = await setup()
    const path = join(import.meta.dirname, '../../fixtures/tiny-sd', name)
    const bytes = readFileSync(path)
    double.publish({ id: 31, modelId: 11, files: [{ id: 8, name, bytes }] })
    const [here] = JSON.parse((await sdtool('inspect', path, '--json')).stdout).results
    const { code, stdout } = await sdtool('inspect', 'version:31', '--json')
    expect(code).toBe(0)
    const [{ path: place, remote, ...found }] = JSON.parse(stdout).results
    expect(place).toBe(`civitai:11@31/${name}`)
    expect({ path: here.path, remote: null, ...found }).toEqual(here)
    expect(remote.bytes).toBeLessThan(most)
    expect(remote.requests).toBeLessThan(25)
  })

  it('fetches alphas where they lie together, and says so where they do not', async () => {
    const { double, sdtool } = await setup()
    const lora = (rank: number, alpha: 'F16' | 'F32') => loraWithAlphas({ modules: 200, rank, alpha })
    const files = [
      { id: 1, name: 'together.safetensors', bytes: lora(32, 'F32') },
      { id: 2, name: 'small.safetensors', bytes: lora(4, 'F16') },
      { id: 3, name: 'scattered.safetensors', bytes: lora(32, 'F16') },
    ]
    for (const file of files) double.publish({ id: 30 + file.id, modelId: 11, files: [file] })
    const inspect = async (id: number) =>
      JSON.parse((await sdtool('inspect', `version:${id}`, '--json')).stdout).results[0]
    // no UNet has 200 modules of these names
    const codes = (findings: readonly { code: string }[]) =>
      findings.map(({ code }) => code).filter((code) => code !== 'adapter-broken-names')
    for (const id of [31, 32]) {
      const { adapter, remote, findings } = await inspect(id)
      expect(adapter.alphas).toEqual([{ value: 3, modules: 200 }])
      expect(remote.bytes).toBeLessThan(2_200_000)
      expect(codes(findings)).toEqual([])
    }
    const { adapter, remote, findings } = await inspect(33)
    expect(adapter.alphas).toBeNull()
    expect(remote.bytes).toBeLessThan(200_000)
    expect(codes(findings)).toEqual(['adapter-alpha-unread'])
  })

  it('prints files here and on servers in the order they were named', async () => {
    const { folder, sdtool } = await setup()
    const [a, b] = ['a', 'b'].map((name) => join(folder, `${name}.safetensors`))
    for (const path of [a!, b!]) writeFileSync(path, LORA)
    const { code, stdout } = await sdtool('inspect', a!, 'version:30', b!, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout).results.map(({ path }: { path: string }) => path)).toEqual([
      a,
      'civitai:10@30/miku.safetensors',
      b,
    ])
  })

  it('looks into a legacy torch file with a thousand storages by a few requests', async () => {
    const { double, folder, sdtool } = await setup()
    const bytes = legacyFile(1000, 512)
    double.publish({ id: 31, modelId: 11, files: [{ id: 8, name: 'old.pt', bytes }] })
    const { code, stdout, stderr } = await sdtool('inspect', 'version:31', '--json')
    expect([code, stderr]).toEqual([0, ''])
    const [{ path, remote, ...found }] = JSON.parse(stdout).results
    expect(found).toMatchObject({ format: 'torch-legacy' })
    expect(remote.requests).toBeLessThan(15)
    // the same as of the file here, where every storage is looked at
    writeFileSync(join(folder, 'old.pt'), bytes)
    const [here] = JSON.parse((await sdtool('inspect', join(folder, 'old.pt'), '--json')).stdout).results
    expect({ path: here.path, remote: null, ...found }).toEqual(here)
    // a storage of another size moves those behind it
    const shifted = Buffer.concat([bytes.subarray(0, -5000), Buffer.alloc(8), bytes.subarray(-5000)])
    double.publish({ id: 32, modelId: 11, files: [{ id: 9, name: 'old.pt', bytes: shifted }] })
    const wrong = await sdtool('inspect', 'version:32')
    expect([wrong.code, wrong.stderr.includes('its tensors say 512')]).toEqual([3, true])
  })

  it('takes any address that gives ranges, without a token', async () => {
    const { double, sdtool } = await setup({ CIVITAI_TOKEN: TOKEN })
    await sdtool('download', 'version:30', '--dry-run')
    const link = `${double.storage.origin}/bucket/7?X-Amz-Signature=sig0`
    double.requests.length = 0
    // a link of the storage itself, as people paste them
    await fetch(new URL('/api/download/models/30?fileId=7', double.base), { redirect: 'manual' })
    double.requests.length = 0
    const { code, stdout } = await sdtool('inspect', link, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout).results).toMatchObject([
      { path: `${double.storage.origin}/bucket/7`, kind: 'lora' },
    ])
    expect(stdout).not.toContain('sig0')
    expect(double.requests.map(({ server, headers }) => [server, headers.authorization])).toEqual([
      ['storage', undefined],
    ])
  })

  it('says so when a server serves whole files only, and when all of a file would be needed', async () => {
    const { double, sdtool } = await setup()
    const large = loraFile(undefined, 2000)
    double.publish({ id: 31, modelId: 11, files: [{ id: 8, name: 'big.safetensors', bytes: large }] })
    double.onStorage.push((_request, response, { bytes }) => {
      response.writeHead(200, { 'content-length': bytes.byteLength })
      response.end(bytes)
    })
    const whole = await sdtool('inspect', 'version:31')
    expect([whole.code, whole.stderr.includes('serves whole files only')]).toEqual([3, true])
    const hashes = await sdtool('inspect', 'version:31', '--hashes')
    expect([hashes.code, hashes.stderr.includes('sdtool download')]).toEqual([2, true])
  })

  it('shows what a pickle on a server would run, without running it', async () => {
    const { double, sdtool } = await setup()
    double.publish({ id: 31, modelId: 11, files: [{ id: 8, name: 'evil.ckpt', bytes: maliciousPickle() }] })
    const { code, stdout } = await sdtool('inspect', 'version:31')
    expect([code, stdout.includes('posix.system')]).toEqual([3, true])
  })
})
