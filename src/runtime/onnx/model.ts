import { bytes, int, message } from './protobuf.ts'

/** Element types of ONNX. Source: onnx.proto, TensorProto.DataType */
export const ELEMENT_TYPES = { float32: 1, int64: 7, float16: 10, float64: 11, bfloat16: 16 } as const

export type ElementType = keyof typeof ELEMENT_TYPES

/** An input or output of a graph; a dimension that has a name is known when it runs. */
export interface Value {
  readonly name: string
  readonly type: ElementType
  readonly shape: readonly (number | string)[]
}

export interface Node {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
}

export interface Graph {
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  readonly nodes: readonly Node[]
}

/** The IR of ONNX 1.15 with opset 20: old enough for every onnxruntime that runs on Node 20. */
const IR_VERSION = 9
const OPSET = 20

/** A serialised ModelProto. Source of the field numbers: onnx.proto of ONNX 1.15 */
export function encodeModel(graph: Graph): Uint8Array {
  return message(
    int(1, IR_VERSION),
    bytes(2, 'sdtool'),
    bytes(7, encodeGraph(graph)),
    bytes(8, message(bytes(1, ''), int(2, OPSET))),
  )
}

function encodeGraph({ nodes, inputs, outputs }: Graph): Uint8Array {
  return message(
    nodes.map((node) => bytes(1, encodeNode(node))),
    bytes(2, 'graph'),
    inputs.map((value) => bytes(11, encodeValue(value))),
    outputs.map((value) => bytes(12, encodeValue(value))),
  )
}

function encodeNode({ op, inputs, outputs }: Node): Uint8Array {
  return message(
    inputs.map((name) => bytes(1, name)),
    outputs.map((name) => bytes(2, name)),
    bytes(4, op),
  )
}

function encodeValue({ name, type, shape }: Value): Uint8Array {
  const dims = shape.map((dim) =>
    bytes(1, typeof dim === 'number' ? message(int(1, dim)) : message(bytes(2, dim))),
  )
  const tensor = message(int(1, ELEMENT_TYPES[type]), bytes(2, message(dims)))
  return message(bytes(1, name), bytes(2, message(bytes(1, tensor))))
}
