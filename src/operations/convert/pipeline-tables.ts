/** What both directions of converting between one file and a folder of diffusers need. */

import { castWeight, DTYPE_NAMES, type DTypeName } from '../../model/dtype-choice.ts'
import { info } from '../../model/finding.ts'
import type { Finding, Tensor } from '../../tensor/values/table.ts'
import { messages } from './messages.ts'

/** One type for all: components have other names in a folder. */
export function inType(
  tensors: ReadonlyMap<string, Tensor>,
  { all }: { readonly all?: DTypeName } = {},
): ReadonlyMap<string, Tensor> {
  const dtype = all === undefined ? undefined : DTYPE_NAMES[all]
  return new Map([...tensors].map(([name, tensor]) => [name, castWeight({ ...tensor, name }, dtype)]))
}

export function leftFindings(left: readonly string[]): Finding[] {
  return left.length === 0 ? [] : [info('no-place', messages.noPlace(left))]
}
