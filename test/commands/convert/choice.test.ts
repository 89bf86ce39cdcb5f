/** Which operation a command line of `convert` asks for. */
import { describe, expect, it } from 'vitest'
import { type Conversion, chosenConversion, type Requested } from '../../../src/commands/convert/choice.ts'

const isPipeline = (name: string): boolean => name.startsWith('pipe')

function chosen(requested: Partial<Requested>): Conversion {
  return chosenConversion({ names: ['model.ckpt'], dtype: {}, ...requested }, isPipeline)
}

describe('convert', () => {
  it.each<[string, Partial<Requested>, Conversion]>([
    ['a file', {}, { kind: 'files', names: ['model.ckpt'], options: { dtype: {} } }],
    [
      'a file, to the default by name',
      { to: 'safetensors' },
      { kind: 'files', names: ['model.ckpt'], options: { dtype: {} } },
    ],
    [
      'several files to ckpt, with a type for a component',
      { names: ['a', 'b'], to: 'ckpt', dtype: { all: 'fp16', by: { vae: 'fp32' } } },
      {
        kind: 'files',
        names: ['a', 'b'],
        options: { to: 'ckpt', dtype: { all: 'fp16', by: { vae: 'fp32' } } },
      },
    ],
    [
      'no file, which the list of files refuses',
      { names: [] },
      { kind: 'files', names: [], options: { dtype: {} } },
    ],
    [
      'a diffusers folder',
      { names: ['pipe'] },
      { kind: 'single', folder: 'pipe', options: { to: 'single' } },
    ],
    [
      'a diffusers folder, said to become a single file, in another type',
      { names: ['pipe'], to: 'single', dtype: { all: 'bf16' } },
      { kind: 'single', folder: 'pipe', options: { to: 'single', dtype: { all: 'bf16' } } },
    ],
    [
      'a file to a diffusers folder',
      { to: 'diffusers', dtype: { all: 'fp16' } },
      { kind: 'folder', name: 'model.ckpt', options: { to: 'diffusers', dtype: { all: 'fp16' } } },
    ],
    [
      'a file to one part of such a folder',
      { to: 'diffusers', part: 'vae' },
      { kind: 'part', name: 'model.ckpt', options: { to: 'diffusers', part: 'vae' } },
    ],
  ])('%s', (_, requested, conversion) => {
    expect(chosen(requested)).toEqual(conversion)
  })

  it.each<[string, Partial<Requested>, code: string, message: string]>([
    ['a part without a folder', { part: 'vae' }, 'USAGE', '--part requires --to diffusers'],
    [
      'a single file of what is not a folder',
      { to: 'single' },
      'NOT_A_PIPELINE',
      'model.ckpt is not a diffusers folder: it has no model_index.json',
    ],
    [
      'a diffusers folder with other files',
      { names: ['a', 'pipe'] },
      'USAGE',
      'a diffusers folder has to be converted alone',
    ],
    ['no file to a diffusers folder', { names: [], to: 'diffusers' }, 'USAGE', 'no file was named'],
    [
      'a diffusers folder to ckpt',
      { names: ['pipe'], to: 'ckpt' },
      'USAGE',
      '--to ckpt: a diffusers folder becomes a single file first',
    ],
    [
      'a diffusers folder to one',
      { names: ['pipe'], to: 'diffusers' },
      'USAGE',
      '--to diffusers: a diffusers folder becomes a single file first',
    ],
    [
      'a type for a component of a folder',
      { names: ['pipe'], dtype: { by: { vae: 'fp32' } } },
      'USAGE',
      '--dtype of single components cannot be used with diffusers folders',
    ],
  ])('refuses %s', (_, requested, code, message) => {
    expect(() => chosen(requested)).toThrow(expect.objectContaining({ code, message }))
  })
})
