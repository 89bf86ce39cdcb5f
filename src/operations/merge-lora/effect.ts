import type { Model } from '../../model/model.ts'
import { type SdtoolError, unverified } from '../../system/errors.ts'
import { blockBytes, elementCount } from '../../tensor/values/dtype.ts'
import { evaluateInto, newEvaluation, type ReadInto } from '../../tensor/values/expr.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import { messages } from './messages.ts'
import { planAlone } from './plan.ts'
import type { LoraInput, MergeLoraPlanOptions } from './plan-options.ts'

/**
 * Refuses an adapter that adds nothing to any weight: among several it would hide behind the others. The first module
 * of a sound adapter decides, so this takes no time.
 * @throws LORA_CHANGES_NOTHING (exit 4); what `planMergeLora` throws
 */
export async function assertLoraHasEffect(
  base: Model,
  lora: LoraInput,
  options: MergeLoraPlanOptions,
  { read, signal }: { readonly read: ReadInto; readonly signal: AbortSignal },
): Promise<void> {
  const { table, patches } = await planAlone(base, lora, options)
  for (const name of patches.keys()) {
    signal.throwIfAborted()
    if (await changes(table.tensors.get(name)!, read)) return
  }
  throw changesNothing(lora.name)
}

/** Elements computed at once. */
const BLOCK = 1024 * 1024

async function changes(tensor: Tensor, read: ReadInto): Promise<boolean> {
  const evaluation = newEvaluation(read)
  const count = elementCount(tensor.shape)
  for (let begin = 0; begin < count; begin += BLOCK) {
    const end = Math.min(begin + BLOCK, count)
    const out = new Uint8Array(blockBytes(tensor.dtype, begin, end))
    await evaluateInto(tensor, begin, end, out, evaluation)
    // NaN is for the check of the whole merge
    if (evaluation.patches.get(tensor.name)?.delta2 !== 0) return true
  }
  return false
}

function changesNothing(name: string): SdtoolError {
  return unverified('LORA_CHANGES_NOTHING', messages.addsNothing(name), messages.maybeUntrained)
}
