/** Every command that makes files of models, on fixtures/tiny-sd. */
import { join } from 'node:path'

/** Commands that make no file out of a model. */
export const MAKES_NOTHING = [
  'inspect',
  'list',
  'verify',
  'download',
  'search',
  'identify',
  'login',
  'doctor',
]

/** Command, files it needs, arguments; the first file is the one that changes. */
export const WRITERS: readonly (readonly [
  name: string,
  files: readonly string[],
  args: readonly string[],
])[] = [
  ['convert', ['tiny-sd.ckpt'], ['convert', 'tiny-sd.ckpt', '-o', 'out.safetensors']],
  [
    'convert',
    ['tiny-sd-b.safetensors'],
    ['convert', 'tiny-sd-b.safetensors', '--to', 'ckpt', '-o', 'out.ckpt'],
  ],
  [
    'convert',
    ['tiny-sd-b.safetensors'],
    ['convert', 'tiny-sd-b.safetensors', '--to', 'diffusers', '-o', 'out'],
  ],
  ['prune', ['tiny-sd.ckpt'], ['prune', 'tiny-sd.ckpt', '-o', 'out.safetensors']],
  [
    'merge-lora',
    ['tiny-stripes.safetensors', 'tiny-sd.ckpt'],
    ['merge-lora', 'tiny-sd.ckpt', 'tiny-stripes.safetensors', '-o', 'out.safetensors'],
  ],
  [
    'merge',
    ['tiny-sd-b.safetensors', 'tiny-sd.ckpt'],
    ['merge', 'tiny-sd.ckpt', 'tiny-sd-b.safetensors', '--alpha', '0.5', '-o', 'out.safetensors'],
  ],
  [
    'bake-vae',
    ['vivid.vae.safetensors', 'tiny-sd.ckpt'],
    ['bake-vae', 'tiny-sd.ckpt', 'vivid.vae.safetensors', '-o', 'out.safetensors'],
  ],
  [
    'join',
    ['vivid.vae.safetensors', 'tiny-sd.ckpt'],
    ['join', 'tiny-sd.ckpt', '--vae', 'vivid.vae.safetensors', '-o', 'out.safetensors'],
  ],
  ['extract', ['tiny-sd.ckpt'], ['extract', 'vae', 'tiny-sd.ckpt', '-o', 'out.safetensors']],
  [
    'extract lora',
    ['tiny-sd-b.safetensors', 'tiny-sd.ckpt'],
    ['extract', 'lora', 'tiny-sd-b.safetensors', 'tiny-sd.ckpt', '--rank', '2', '-o', 'out.safetensors'],
  ],
  ['extract embeddings', ['sd-bad.pt'], ['extract', 'embeddings', 'sd-bad.pt', '-o', 'out.safetensors']],
  [
    'lora merge',
    ['tiny-stripes.safetensors', 'tiny-outline.safetensors'],
    ['lora', 'merge', 'tiny-stripes.safetensors', 'tiny-outline.safetensors', '-o', 'out.safetensors'],
  ],
  [
    'lora convert',
    ['tiny-stripes.safetensors'],
    ['lora', 'convert', 'tiny-stripes.safetensors', '--to', 'diffusers', '-o', 'out.safetensors'],
  ],
  [
    'lora resize',
    ['tiny-stripes.safetensors'],
    ['lora', 'resize', 'tiny-stripes.safetensors', '--rank', '1', '-o', 'out.safetensors'],
  ],
  [
    'render',
    ['tiny-sd.ckpt'],
    ['render', 'tiny-sd.ckpt', '-p', 'a red circle', '--steps', '1', '--size', '64', '-o', 'out.png'],
  ],
]

/** The arguments with the paths of those that are files. */
export function inFolder(args: readonly string[], folder: string): string[] {
  return args.map((arg) =>
    /^[\w-]+(\.vae)?\.\w+$|^out$/.test(arg) && !/^[\d.]+$/.test(arg) ? join(folder, arg) : arg,
  )
}
