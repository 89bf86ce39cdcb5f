/** LoRAs by the name their trainer gave them, which is the one that A1111 writes into prompts. */
import { basename } from 'node:path'
import { EXIT, SdtoolError } from '../system/errors.ts'
import { messages } from './messages.ts'
import { foldersOfKind, type ModelFolders, type ModelKind, resolveModel } from './resolve.ts'
import { type Interruptible, withModel } from './session.ts'

/**
 * The path of a LoRA: as `resolveModel` finds it, or else the only one below the folders for LoRAs whose metadata call it
 * so (`ss_output_name`). Source: A1111, extensions-builtin/Lora/network.py
 * @throws what `resolveModel` throws, NAME_AMBIGUOUS (exit 2)
 */
export function resolveLora(name: string, folders: ModelFolders, world: Interruptible): Promise<string> {
  return resolveNamed(name, 'lora', folders, world)
}

/**
 * The same of a checkpoint, so that whoever names a LoRA by mistake is told what it is, by whatever name.
 * @throws what `resolveLora` throws
 */
export function resolveCheckpoint(
  name: string,
  folders: ModelFolders,
  world: Interruptible,
): Promise<string> {
  return resolveNamed(name, 'checkpoint', folders, world)
}

async function resolveNamed(
  name: string,
  kind: ModelKind,
  folders: ModelFolders,
  world: Interruptible,
): Promise<string> {
  try {
    return await resolveModel(name, kind, folders)
  } catch (error) {
    if (!(error instanceof SdtoolError) || error.code !== 'MODEL_NOT_FOUND') throw error
    const path = await byAlias(name, folders, world)
    if (path === undefined) throw error
    return path
  }
}

/** Looked up once in a run, which may draw with a LoRA many times. */
const known = new WeakMap<ModelFolders, Map<string, string>>()

async function byAlias(
  name: string,
  folders: ModelFolders,
  world: Interruptible,
): Promise<string | undefined> {
  const aliases = known.get(folders) ?? new Map<string, string>()
  known.set(folders, aliases)
  if (aliases.has(name)) return aliases.get(name)
  const [path, ...others] = await calledSo(name, folders, world)
  if (path === undefined) return undefined
  if (others.length > 0) throw ambiguous(name, [path, ...others])
  folders.note(messages.loraByAlias(name, path))
  aliases.set(name, path)
  return path
}

async function calledSo(name: string, folders: ModelFolders, world: Interruptible): Promise<string[]> {
  const found: string[] = []
  for (const place of new Set(folders.roots.flatMap((root) => foldersOfKind('lora', root)))) {
    for (const { path } of await folders.scan(place)) {
      if (path.toLowerCase().endsWith('.safetensors') && (await givenName(path, world)) === name)
        found.push(path)
    }
  }
  return [...new Set(found)]
}

/** Undefined for a file that cannot be read: it is not the one that was asked for. */
function givenName(path: string, world: Interruptible): Promise<string | undefined> {
  return withModel(path, world, async ({ model }) => model.metadata.ss_output_name).catch(
    (error: unknown) => {
      if (error instanceof SdtoolError) return undefined
      throw error
    },
  )
}

function ambiguous(name: string, paths: readonly string[]): SdtoolError {
  return new SdtoolError('NAME_AMBIGUOUS', messages.ambiguousAlias(name, paths.join(', ')), {
    exitCode: EXIT.usage,
    hint: messages.nameFile(basename(paths[0]!)),
  })
}
