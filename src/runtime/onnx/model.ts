import { bytes, type Field, float, int, ints, message } from './protobuf.ts'

/** Element types of ONNX. Source: onnx.proto, TensorProto.DataType */
export const ELEMENT_TYPES = { float32: 1, int64: 7, float16: 10, float64: 11, bfloat16: 16 } as const

export type ElementType = keyof typeof ELEMENT_TYPES

/** An input or output of a graph; a dimension that has a name is known when it runs. */
export interface Value {
  readonly name: string
  readonly type: ElementType
  readonly shape: readonly (number | string)[]
}

/** An attribute says its type, as 1 could be an integer or a float. */
export type Attribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly text: string }
  | { readonly ints: readonly number[] }

export interface Node {
  readonly op: string
  /** '' where an optional input is left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, Attribute>>
  /** Operators of onnxruntime that are not in the standard. */
  readonly domain?: 'com.microsoft'
}

/** Bytes of a file outside of the model, little-endian and row-major. They need no alignment. */
export interface ExternalData {
  /** Relative to the folder that the session is given, with `/` between its parts. */
  readonly location: string
  readonly offset: number
  readonly length: number
}

/** A constant of the graph. Its shape may be any that its bytes fill. */
export interface Initializer {
  readonly name: string
  readonly type: ElementType
  readonly shape: readonly number[]
  readonly data: Uint8Array | ExternalData
}

export interface Graph {
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  readonly nodes: readonly Node[]
  readonly initializers?: readonly Initializer[]
}

/** The IR of ONNX 1.15 with opset 20: old enough for every onnxruntime that runs on Node 20. */
const IR_VERSION = 9
const OPSET = 20
const MICROSOFT_OPSET = 1

/** A serialised ModelProto. Source of the field numbers: onnx.proto of ONNX 1.15 */
export function encodeModel(graph: Graph): Uint8Array {
  return message(
    int(1, IR_VERSION),
    bytes(2, 'sdtool'),
    bytes(7, encodeGraph(graph)),
    bytes(8, message(bytes(1, ''), int(2, OPSET))),
    bytes(8, message(bytes(1, 'com.microsoft'), int(2, MICROSOFT_OPSET))),
  )
}

function encodeGraph({ nodes, inputs, outputs, initializers = [] }: Graph): Uint8Array {
  return message(
    nodes.map((node) => bytes(1, encodeNode(node))),
    bytes(2, 'graph'),
    initializers.map((initializer) => bytes(5, encodeInitializer(initializer))),
    inputs.map((value) => bytes(11, encodeValue(value))),
    outputs.map((value) => bytes(12, encodeValue(value))),
  )
}

/** A node is called as its output, so that what onnxruntime says of it leads to a key of the checkpoint. */
function encodeNode({ op, inputs, outputs, attributes = {}, domain }: Node): Uint8Array {
  return message(
    inputs.map((name) => bytes(1, name)),
    outputs.map((name) => bytes(2, name)),
    bytes(3, outputs[0]!),
    bytes(4, op),
    Object.entries(attributes).map(([name, value]) => bytes(5, encodeAttribute(name, value))),
    domain === undefined ? [] : bytes(7, domain),
  )
}

/** AttributeProto.AttributeType */
const ATTRIBUTE_TYPES = { float: 1, int: 2, text: 3, ints: 7 } as const

function encodeAttribute(name: string, value: Attribute): Uint8Array {
  const [type, field] = attributeField(value)
  return message(bytes(1, name), field, int(20, ATTRIBUTE_TYPES[type]))
}

function attributeField(value: Attribute): [keyof typeof ATTRIBUTE_TYPES, Field] {
  if ('int' in value) return ['int', int(3, value.int)]
  if ('float' in value) return ['float', float(2, value.float)]
  if ('text' in value) return ['text', bytes(4, value.text)]
  return ['ints', ints(8, value.ints)]
}

/** TensorProto.DataLocation */
const EXTERNAL = 1

function encodeInitializer({ name, type, shape, data }: Initializer): Uint8Array {
  return message(
    ints(1, shape),
    int(2, ELEMENT_TYPES[type]),
    bytes(8, name),
    data instanceof Uint8Array
      ? bytes(9, data)
      : [
          bytes(13, entry('location', data.location)),
          bytes(13, entry('offset', `${data.offset}`)),
          bytes(13, entry('length', `${data.length}`)),
          int(14, EXTERNAL),
        ],
  )
}

function entry(key: string, value: string): Uint8Array {
  return message(bytes(1, key), bytes(2, value))
}

function encodeValue({ name, type, shape }: Value): Uint8Array {
  const dims = shape.map((dim) =>
    bytes(1, typeof dim === 'number' ? message(int(1, dim)) : message(bytes(2, dim))),
  )
  const tensor = message(int(1, ELEMENT_TYPES[type]), bytes(2, message(dims)))
  return message(bytes(1, name), bytes(2, message(bytes(1, tensor))))
}
