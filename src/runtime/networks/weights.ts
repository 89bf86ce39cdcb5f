import { type Component, tensorsOf } from '../../model/networks/components.ts'
import { deriveUnet } from '../../model/networks/topology/derive.ts'
import { unetNaming } from '../../model/networks/topology/diffusers.ts'
import type { Shape, ShapeOf } from '../../model/networks/topology/match.ts'
import { type UnetConfig, unetTopology } from '../../model/networks/topology/unet.ts'
import { refuse, type SdtoolError } from '../../system/errors.ts'
import { checkNumbers, checkOperation } from '../../tensor/quantised/check.ts'
import type { DType } from '../../tensor/values/dtype.ts'
import type { Tensor, TensorTable } from '../../tensor/values/table.ts'
import type { ElementType } from '../onnx/model.ts'
import { messages } from './messages.ts'

/** The tensors of one network by the names its graph is built with, without prefix. */
export interface NetworkWeights {
  /** "UNet": for messages. */
  readonly title: string
  has(name: string): boolean
  /** @throws COMPONENT_INCOMPLETE (exit 3) */
  get(name: string): Tensor
}

/**
 * @param title of the network, for messages
 * @throws COMPONENT_INCOMPLETE (exit 3), from the `get` of what is returned
 */
export function weightsOf(title: string, tensors: ReadonlyMap<string, Tensor>): NetworkWeights {
  return {
    title,
    has: (name) => tensors.has(name),
    get(name) {
      const tensor = tensors.get(name)
      if (tensor) return tensor
      throw incomplete(messages.lacksTensor(title, name))
    },
  }
}

function incomplete(message: string): SdtoolError {
  return refuse('COMPONENT_INCOMPLETE', message, messages.inspectShows)
}

/**
 * A layer that lost its bias would run, and give something else; so would codes without their scales.
 * @throws COMPONENT_INCOMPLETE, SCALED_FP8, QUANTISED (exit 3)
 */
export function checkComplete(table: TensorTable, component: Component): void {
  const { title, match } = component
  checkOperation('render', tensorsOf(table, component), messages.theComponent(title))
  const [missing] = match?.missing ?? []
  if (missing) throw incomplete(messages.lacksTensor(title, missing.name))
  const [misshapen] = match?.misshapen ?? []
  if (misshapen) {
    const { name, actual, expected } = misshapen
    throw incomplete(messages.otherShape(title, name, actual, expected))
  }
}

/** The tensors of a component with its prefix taken off their names. */
export function localTensors(table: TensorTable, { names, prefix }: Component): Map<string, Tensor> {
  const local = names.filter((name) => name.startsWith(prefix))
  return new Map(local.map((name) => [name.slice(prefix.length), table.tensors.get(name)!]))
}

export interface UnetWeights {
  readonly weights: NetworkWeights
  readonly config: UnetConfig
}

/**
 * A UNet under its ldm names, whichever layout the file has.
 * @param resBlocks of a level of this architecture, by which diffusers' names are numbered
 * @throws NOT_RENDERABLE (exit 3) if its blocks make no UNet
 */
export function unetWeights(table: TensorTable, component: Component, resBlocks: number): UnetWeights {
  const stored = localTensors(table, component)
  const shapeOf: ShapeOf = (name) => stored.get(name)?.shape
  const naming = component.layout === 'diffusers' ? unetNaming(resBlocks, shapeOf) : (name: string) => name
  const config = deriveUnet((name) => shapeOf(naming(name)))
  if (config === undefined) {
    throw refuse('NOT_RENDERABLE', messages.notANetwork(component.title))
  }
  const named = [...unetTopology(config).keys()].flatMap((name): [string, Tensor][] => {
    const tensor = stored.get(naming(name))
    return tensor ? [[name, tensor]] : []
  })
  return { weights: weightsOf(component.title, new Map(named)), config }
}

/**
 * How a session sees weights of each type. Eight-bit floats are exact in float16; the rounding of binary64 is the one
 * that every program does that runs such a file.
 */
const ELEMENTS: Readonly<Partial<Record<DType, ElementType>>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  F64: 'float32',
  F8_E4M3: 'float16',
  F8_E5M2: 'float16',
  F8_E4M3FNUZ: 'float16',
  F8_E5M2FNUZ: 'float16',
}

/** @throws NOT_RENDERABLE (exit 3) for types that are not simply numbers */
export function elementTypeOf(tensor: Tensor): ElementType {
  const { name, dtype } = tensor
  checkNumbers(tensor)
  const type = ELEMENTS[dtype]
  if (type) return type
  throw refuse('NOT_RENDERABLE', messages.unusableType(name, dtype), messages.useOriginal)
}

/** Elements of a shape from its second dimension on: a row. */
export function rowSize(shape: Shape): number {
  return shape.slice(1).reduce((product, n) => product * n, 1)
}
