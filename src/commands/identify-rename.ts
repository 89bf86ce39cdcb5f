/** Names after what a file is: `DreamShaper_8.safetensors` for `model (3).safetensors`, with what lies beside it. */
import { existsSync } from 'node:fs'
import { readdir, rename } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { safeName } from '../civitai/file-name.ts'
import type { CivitaiVersion } from '../civitai/shapes.ts'
import { stemOf } from '../civitai/sidecars.ts'
import { SdtoolError } from '../errors.ts'

/** What programs keep beside a model under its name. */
const COMPANION_ENDINGS: readonly string[] = [
  '.civitai.info',
  '.json',
  '.metadata.json',
  '.cm-info.json',
  '.api_info.json',
  '.yaml',
  '.txt',
  '.html',
  ...['png', 'jpg', 'jpeg', 'webp', 'gif'].flatMap((ending) => [`.${ending}`, `.preview.${ending}`]),
]

export interface Renaming {
  readonly from: string
  readonly to: string
  /** Files that go along. */
  readonly companions: readonly { readonly from: string; readonly to: string }[]
}

/** What was done beside a file. */
export interface Deed {
  readonly written: readonly string[]
  readonly problems: readonly string[]
  readonly renaming?: Renaming
}

/** Undefined if the file has that name already. */
export async function planRenaming(path: string, version: CivitaiVersion): Promise<Renaming | undefined> {
  const words = [version.modelName, version.name].map((text) => text.trim().replaceAll(/\s+/g, '_'))
  const name = safeName(`${words.filter(Boolean).join('_').replaceAll(/[\\/]/g, '_')}${extname(path)}`)
  if (name === undefined || name === basename(path)) return undefined
  const to = join(dirname(path), name)
  const beside = new Set(await readdir(dirname(path)))
  const companions = COMPANION_ENDINGS.filter((ending) => beside.has(basename(stemOf(path)) + ending)).map(
    (ending) => ({
      from: stemOf(path) + ending,
      to: stemOf(to) + ending,
    }),
  )
  return { from: path, to, companions }
}

/** @throws OUTPUT_EXISTS before anything is renamed */
export async function carryOut({ from, to, companions }: Renaming): Promise<void> {
  const all = [...companions, { from, to }]
  const taken = all.find((one) => existsSync(one.to))
  if (taken)
    throw new SdtoolError('OUTPUT_EXISTS', `${from} would become ${to}, but ${taken.to} exists already`)
  for (const one of all) await rename(one.from, one.to)
}
