/** The one place that knows what may be done with a quantised tensor. */
import { refuse, type SdtoolError } from '../../system/errors.ts'
import { quoted } from '../../system/text.ts'
import type { Tensor } from '../values/table.ts'
import { type QuantisedId, quantisedFormat } from './formats.ts'
import { QUANTISED_OPERATIONS, type QuantisedOperation } from './operations.ts'

/** The stored values are not the numbers of a weight. */
export function isEncoded({ quantised }: Pick<Tensor, 'quantised'>): boolean {
  return quantised !== undefined && quantisedFormat(quantised.format).decisions.cast !== 'values'
}

/** Whether an operation would be wrong on this tensor. */
export function isRefused({ quantised }: Pick<Tensor, 'quantised'>, operation: QuantisedOperation): boolean {
  return quantised !== undefined && quantisedFormat(quantised.format).decisions[operation] === 'refused'
}

/**
 * Refuses what would be wrong on tensors in a quantised format.
 * @param what they belong to, for people: "the UNet", "base.safetensors"
 * @throws SCALED_FP8, QUANTISED, TENSOR_NOT_CONVERTIBLE
 */
export function checkOperation(operation: QuantisedOperation, tensors: Iterable<Tensor>, what: string): void {
  const refused: Tensor[] = []
  for (const tensor of tensors) if (isRefused(tensor, operation)) refused.push(tensor)
  if (refused.length === 0) return
  const codes = refused.filter(({ quantised }) => quantised?.role === 'codes')
  const [first] = codes.length > 0 ? codes : refused
  const { name, dtype, quantised } = first!
  const formats = new Set(refused.map((tensor) => quantisedFormat(tensor.quantised!.format).title))
  const count =
    codes.length === 1 ? 'a weight' : codes.length > 1 ? `${codes.length} weights` : 'tables of weights'
  throw quantisedError(
    operation === 'copy' ? 'TENSOR_NOT_CONVERTIBLE' : codeOf(quantised!.format),
    `${what} has ${count} in ${[...formats].join(' and ')} (${quoted(name)} is ${dtype}), which cannot ${QUANTISED_OPERATIONS[operation]} before they are decoded`,
  )
}

/**
 * The last line of defence: no number is made of the codes of a weight, whatever asks for it.
 * @throws SCALED_FP8, QUANTISED
 */
export function checkNumbers(tensor: Tensor): void {
  if (!isEncoded(tensor)) return
  const { format, role } = tensor.quantised!
  const what = role === 'codes' ? 'holds the codes of a weight' : 'is a table'
  throw quantisedError(
    codeOf(format),
    `${quoted(tensor.name)} ${what} in ${quantisedFormat(format).title}: its values are no numbers to calculate with`,
  )
}

function codeOf(format: QuantisedId): string {
  return format.startsWith('fp8-') ? 'SCALED_FP8' : 'QUANTISED'
}

function quantisedError(code: string, message: string): SdtoolError {
  return refuse(code, message, 'sdtool does not decode this format yet: use the original in fp16 or bf16.')
}
