/** Files and pictures that were inspected, and the parts of them that options ask for. */
import { storedName } from '../../model/layouts/stored.ts'
import type { Inspection, Refusal } from '../../operations/inspect/inspection.ts'
import { unverified } from '../../system/errors.ts'
import { globMatcher } from '../../system/glob.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import { messages } from './messages.ts'
import { type PictureInspection, pictureMetadata } from './picture.ts'

/** What became of one of the files. */
export type Result = Inspection | PictureInspection | Refusal

/** What is shown instead of the page. */
export interface PartOptions {
  /** Pattern; empty for all keys. */
  readonly keys?: string
  /** Key; empty for all metadata. */
  readonly metadata?: string
}

/** A file without the requested key fails by itself; the next ones are still shown. */
export function missingKey(result: Result, options: PartOptions): Result {
  if ('error' in result) return result
  const { path, bytes } = result
  const { keys, metadata } = options
  const missing = (message: string, hint: string): Refusal => ({
    path,
    bytes,
    error: unverified('NOT_FOUND', message, hint),
  })
  if (keys && !keysOf(result, options)?.length)
    return missing(messages.noTensor(path, keys), messages.seeKeys)
  if (metadata && !Object.hasOwn(textMetadata(result), metadata))
    return missing(messages.noMetadataKey(path, metadata), messages.seeMetadata)
  return result
}

/** Metadata of a safetensors file; of a pickle the plain values beside its weights; of a picture its texts. */
export function textMetadata(result: Inspection | PictureInspection): Readonly<Record<string, string>> {
  if ('picture' in result) return pictureMetadata(result)
  const { model } = result
  const scalars = Object.entries(model.extras).filter(
    ([, value]) => value === null || typeof value !== 'object',
  )
  return { ...Object.fromEntries(scalars.map(([key, value]) => [key, String(value)])), ...model.metadata }
}

/** Undefined without `--keys`. Pictures have none. */
export function keysOf(result: Inspection | PictureInspection, { keys }: PartOptions): Tensor[] | undefined {
  if (keys === undefined) return undefined
  if ('picture' in result) return []
  const matches = keys === '' ? () => true : globMatcher(keys)
  const { model } = result
  // as the file calls them; a pattern may mean the names it has everywhere else, too
  return [...model.tensors.values()].flatMap((tensor) => {
    const stored = storedName(model, tensor.name)
    return matches(stored) || matches(tensor.name) ? [{ ...tensor, name: stored }] : []
  })
}
