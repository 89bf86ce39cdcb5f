/** Whether two model files hold the same tensors. */
import { hashFile } from '../tensor/hash.ts'
import { sameValues } from '../tensor/same.ts'
import { type Interruptible, type OpenedModel, withModels } from './files.ts'

export interface Sameness {
  readonly same: boolean
  /** Of the second file, where it says whether two are the same. */
  readonly autoV3?: string
}

/**
 * Of two safetensors files AutoV3 tells, the hash of everything behind the metadata. A torch file has its metadata, and
 * with it the time it was made, among the tensors: those are held against each other one by one.
 */
export async function sameModels(a: string, b: string, io: Interruptible): Promise<Sameness> {
  const { signal } = io
  return withModels([a, b], io, async (opened) => {
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

async function sameTensors({ model: a, read }: OpenedModel, { model: b }: OpenedModel): Promise<boolean> {
  if (a.tensors.size !== b.tensors.size) return false
  for (const [name, tensor] of a.tensors) {
    const other = b.tensors.get(name)
    const isAlike = other !== undefined && String(other.shape) === String(tensor.shape)
    if (!isAlike || !(await sameValues(tensor, other, read))) return false
  }
  return true
}
