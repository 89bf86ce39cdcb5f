/** Whether two model files hold the same tensors. */
import { type Interruptible, type OpenedModel, readAny, withModels } from '../../library/session.ts'
import { hashFile } from '../../system/hash.ts'
import { sameValues } from '../../tensor/values/same.ts'

export interface Sameness {
  readonly same: boolean
  /** Of the second file, where it says whether two are the same. */
  readonly autoV3?: string
}

/**
 * Two safetensors files are compared by AutoV3, the hash of everything behind the metadata. A torch file has its
 * metadata, and with it the time it was made, among the tensors: those are compared one by one.
 * @throws what `withModels` throws
 */
export async function sameModels(a: string, b: string, world: Interruptible): Promise<Sameness> {
  const { signal } = world
  return withModels([a, b], world, async (opened) => {
    const [first, second] = opened as [OpenedModel, OpenedModel]
    if (opened.some(({ model }) => model.format !== 'safetensors'))
      return { same: await sameTensors(first, second) }
    const [one, two] = [await autoV3Of(a, signal), await autoV3Of(b, signal)]
    return { same: one === two, autoV3: two }
  })
}

export async function autoV3Of(path: string, signal: AbortSignal): Promise<string> {
  return (await hashFile(path, { only: ['autoV3'], signal })).autoV3!
}

/**
 * Names of the tensors that differ, or are in one file only, and how many tensors there are in all.
 * @throws what `withModels` throws
 */
export async function differingTensors(
  a: string,
  b: string,
  world: Interruptible,
): Promise<{ readonly names: readonly string[]; readonly tensors: number }> {
  return withModels([a, b], world, async (opened) => {
    const [first, second] = opened as [OpenedModel, OpenedModel]
    const all = new Set([...first.model.tensors.keys(), ...second.model.tensors.keys()])
    const names: string[] = []
    for (const name of all) {
      world.signal.throwIfAborted()
      if (!(await isSameTensor(name, first, second))) names.push(name)
    }
    return { names, tensors: all.size }
  })
}

async function sameTensors(first: OpenedModel, second: OpenedModel): Promise<boolean> {
  if (first.model.tensors.size !== second.model.tensors.size) return false
  for (const name of first.model.tensors.keys()) if (!(await isSameTensor(name, first, second))) return false
  return true
}

async function isSameTensor(name: string, first: OpenedModel, second: OpenedModel): Promise<boolean> {
  const [a, b] = [first.model.tensors.get(name), second.model.tensors.get(name)]
  if (a === undefined || b === undefined || String(a.shape) !== String(b.shape)) return false
  return sameValues(a, b, readAny([first, second]))
}
