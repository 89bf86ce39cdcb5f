/** The few values of an adapter that have to be known before a bake is planned: alpha, flags, sizes. */
import { refuse } from '../../system/errors.ts'
import { inParallel, PARALLEL_READS } from '../../system/parallel.ts'
import { elementCount } from '../../tensor/values/dtype.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import { isPlain, type ValueReader } from '../identify/evidence.ts'
import type { Algorithm, Numbers, PartRole, Parts } from './algorithm.ts'
import { messages } from './messages.ts'

interface Steered {
  readonly name: string
  readonly algorithm: Algorithm
  readonly parts: Parts
}

/**
 * The numbers (alpha, flags, sizes) that decide how each module is applied, by the name of the module. All are finite.
 * @throws BAD_ADAPTER_NUMBER (exit 3) for values that are not finite, too many or not plain numbers; what `read` throws
 */
export async function readNumbers(
  modules: readonly Steered[],
  read: ValueReader,
): Promise<ReadonlyMap<string, Numbers>> {
  const wanted = modules.flatMap(steeringTensors)
  const values = await inParallel(wanted, PARALLEL_READS, ({ tensor }) => readFinite(tensor, read))
  const numbers = new Map(modules.map(({ name }) => [name, new Map<PartRole, Float64Array>()]))
  wanted.forEach(({ module, role }, i) => void numbers.get(module)?.set(role, values[i]!))
  return numbers
}

interface SteeringTensor {
  readonly module: string
  readonly role: PartRole
  readonly tensor: Tensor
}

function steeringTensors({ name, algorithm, parts }: Steered): SteeringTensor[] {
  return Object.entries(algorithm.scalarInputs ?? {}).flatMap(([role, limit]) => {
    const tensor = parts.get(role)
    if (tensor === undefined) return []
    checkSize(tensor, role, limit)
    return { module: name, role, tensor }
  })
}

function checkSize(tensor: Tensor, role: PartRole, limit: number): void {
  const count = elementCount(tensor.shape)
  if (isPlain(tensor) && count > 0 && count <= limit) return
  throw refuse('BAD_ADAPTER_NUMBER', messages.notNumbers(tensor.name, role, limit, count, tensor.dtype))
}

async function readFinite(tensor: Tensor, read: ValueReader): Promise<Float64Array> {
  const values = await read(tensor)
  const bad = values.find((value) => !Number.isFinite(value))
  if (bad === undefined) return values
  throw refuse('BAD_ADAPTER_NUMBER', messages.notFinite(tensor.name, bad), messages.damaged)
}
