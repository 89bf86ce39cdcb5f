/**
 * The shapes that ggml cannot hold. ComfyUI-GGUF stores a convolution as rows of 256 values, so that its blocks are
 * whole, and the shape it has in torch beside it, as `comfy.gguf.orig_shape.<tensor>`.
 * Source: city96/ComfyUI-GGUF, tools/convert.py (writes), loader.py `get_orig_shape` (reads).
 */
import { elementCount } from '../values/dtype.ts'
import { messages } from './messages.ts'

const PREFIX = 'comfy.gguf.orig_shape.'

/** Those of torch end at 5, for videos. */
export const MAX_ORIGINAL_DIMENSIONS = 8

/** Name of the tensor whose shape a metadata key holds. */
export function reshapedTensor(key: string): string | undefined {
  return key.startsWith(PREFIX) ? key.slice(PREFIX.length) : undefined
}

/** Why a tensor cannot have this shape; undefined if it can. Shapes are in torch's order. */
export function shapeFault(original: readonly number[], stored: readonly number[]): string | undefined {
  const text = `[${original.join(', ')}]`
  if (original.length === 0 || original.length > MAX_ORIGINAL_DIMENSIONS)
    return messages.originalDimensions(text, original.length, MAX_ORIGINAL_DIMENSIONS)
  if (original.some((size) => size < 1)) return messages.notAShape(text)
  const [wanted, count] = [elementCount(original), elementCount(stored)]
  return wanted === count ? undefined : messages.originalValues(text, wanted, count)
}
