/** The one place that knows what may be done with a quantised tensor. */
import { refuse, type SdtoolError } from '../../system/errors.ts'
import type { Tensor } from '../values/table.ts'
import { type QuantisedId, quantisedFormat } from './formats.ts'
import { messages } from './messages.ts'
import type { QuantisedOperation } from './operations.ts'

/** The stored values are not the numbers of a weight. */
export function isEncoded({ quantised }: Pick<Tensor, 'quantised'>): boolean {
  return quantised !== undefined && quantisedFormat(quantised.format).decisions.cast !== 'values'
}

const CANNOT = {
  copy: 'cannotCopy',
  cast: 'cannotCast',
  relayout: 'cannotRelayout',
  replace: 'cannotReplace',
  diff: 'cannotDiff',
  'extract lora': 'cannotExtractLora',
  merge: 'cannotMerge',
  'merge-lora': 'cannotMergeLora',
  'bake-vae': 'cannotBakeVae',
  lora: 'cannotUseAsFactors',
  embeddings: 'cannotReadVectors',
  render: 'cannotRender',
} as const satisfies Record<QuantisedOperation, keyof typeof messages>

/** Whether an operation would be wrong on this tensor. */
export function isRefused({ quantised }: Pick<Tensor, 'quantised'>, operation: QuantisedOperation): boolean {
  return quantised !== undefined && quantisedFormat(quantised.format).decisions[operation] === 'refused'
}

/**
 * Refuses what would be wrong on tensors in a quantised format.
 * @param what they belong to, for people: "the UNet", "base.safetensors"
 * @throws SCALED_FP8, QUANTISED, TENSOR_NOT_CONVERTIBLE (exit 3)
 */
export function checkOperation(operation: QuantisedOperation, tensors: Iterable<Tensor>, what: string): void {
  const refused: Tensor[] = []
  for (const tensor of tensors) if (isRefused(tensor, operation)) refused.push(tensor)
  if (refused.length === 0) return
  const codes = refused.filter(({ quantised }) => quantised?.role === 'codes')
  const [first] = codes.length > 0 ? codes : refused
  const { name, dtype, quantised } = first!
  const formats = [...new Set(refused.map((tensor) => quantisedFormat(tensor.quantised!.format).title))]
  throw quantisedError(
    operation === 'copy' ? 'TENSOR_NOT_CONVERTIBLE' : codeOf(quantised!.format),
    messages[CANNOT[operation]](messages.encodedWeights(what, codes.length, formats, name, dtype)),
  )
}

/**
 * The last line of defence: no number is made of the codes of a weight, whatever asks for it.
 * @throws SCALED_FP8, QUANTISED (exit 3)
 */
export function checkNumbers(tensor: Tensor): void {
  if (!isEncoded(tensor)) return
  const { format, role } = tensor.quantised!
  const { title } = quantisedFormat(format)
  throw quantisedError(
    codeOf(format),
    role === 'codes'
      ? messages.codesAreNotNumbers(tensor.name, title)
      : messages.tableIsNotNumbers(tensor.name, title),
  )
}

function codeOf(format: QuantisedId): string {
  return format.startsWith('fp8-') ? 'SCALED_FP8' : 'QUANTISED'
}

function quantisedError(code: string, message: string): SdtoolError {
  return refuse(code, message, messages.notDecoded)
}
