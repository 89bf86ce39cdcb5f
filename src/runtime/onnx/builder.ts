import type { Tensor } from '../../tensor/values/table.ts'
import type { Attribute, ElementType, Initializer, Node, Value } from './model.ts'

/** A value of a graph under construction. Its shape is known: graphs are built anew for every size of picture. */
export interface Operand {
  readonly name: string
  readonly type: ElementType
  readonly shape: readonly number[]
}

/** A constant whose bytes are those of a lazy tensor, or of some of its rows. */
export interface WeightUse {
  readonly name: string
  readonly type: ElementType
  readonly shape: readonly number[]
  readonly tensor: Tensor
  /** First element of the tensor. */
  readonly begin: number
}

/** A graph whose weights have no place yet. */
export interface PlannedGraph {
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  readonly nodes: readonly Node[]
  /** Small ones, in the model itself. */
  readonly constants: readonly Initializer[]
  readonly weights: readonly WeightUse[]
}

export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, Attribute>>
  readonly domain?: 'com.microsoft'
  /** Of the output; that of the first input unless said otherwise. */
  readonly type?: ElementType
  /** Where in the network, as checkpoints name it: what onnxruntime says of a node leads there. */
  readonly at?: string
}

export interface GraphBuilder {
  input(name: string, shape: readonly number[], type?: ElementType): Operand
  /** Gives a value a name that the caller of the graph knows. */
  output(name: string, value: Operand): void
  /** The same weight used twice is one constant. */
  weight(use: WeightUse): Operand
  /** Numbers that stand in the graph itself; the same numbers used twice are one constant. */
  constant(values: Float32Array | BigInt64Array, shape: readonly number[]): Operand
  /** Adds a node with one output of `shape`. `undefined` leaves an optional input out. */
  node(
    op: string,
    inputs: readonly (Operand | undefined)[],
    shape: readonly number[],
    options?: NodeOptions,
  ): Operand
  /** The same for several outputs of the first input's type. */
  nodes(
    op: string,
    inputs: readonly Operand[],
    shapes: readonly (readonly number[])[],
    attributes: Readonly<Record<string, Attribute>>,
  ): Operand[]
  build(): PlannedGraph
}

/** Starts an empty graph. Nodes come out in the order they were added in, which is one they can be run in. */
export function graphBuilder(): GraphBuilder {
  const inputs: Value[] = []
  const outputs: Value[] = []
  const nodes: Node[] = []
  const constants = new Map<string, Initializer>()
  const weights = new Map<string, WeightUse>()
  const unique = uniqueNames()
  const add: GraphBuilder['nodes'] = (op, operands, shapes, attributes) => {
    const made = shapes.map((shape) => ({ name: unique(op), type: operands[0]!.type, shape }))
    nodes.push({ op, inputs: operands.map(nameOf), outputs: made.map(nameOf), attributes })
    return made
  }
  return {
    input(name, shape, type = 'float32') {
      inputs.push({ name, type, shape })
      return { name, type, shape }
    },
    output(name, value) {
      nodes.push({ op: 'Identity', inputs: [value.name], outputs: [name] })
      outputs.push({ ...value, name })
    },
    weight(use) {
      weights.set(use.name, use)
      return use
    },
    constant(values, shape) {
      const type = values instanceof Float32Array ? 'float32' : 'int64'
      const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
      const key = `${type} ${shape} ${Buffer.from(data).toString('base64')}`
      const known = constants.get(key) ?? { name: unique('constant'), type, shape, data }
      constants.set(key, known)
      return { name: known.name, type, shape }
    },
    node(op, operands, shape, { attributes = {}, domain, at, type = operands[0]!.type } = {}) {
      const name = unique(at === undefined ? op : `${at}/${op}`)
      const node = { op, inputs: operands.map(nameOf), outputs: [name], attributes }
      nodes.push({ ...node, ...(domain && { domain }) })
      return { name, type, shape }
    },
    nodes: add,
    build: () => ({
      inputs,
      outputs,
      nodes,
      constants: [...constants.values()],
      weights: [...weights.values()],
    }),
  }
}

function nameOf(operand: Operand | undefined): string {
  return operand?.name ?? ''
}

/** Names of values: what they are, and from the second one on a number. */
function uniqueNames(): (base: string) => string {
  const counts = new Map<string, number>()
  return (base) => {
    const count = counts.get(base) ?? 0
    counts.set(base, count + 1)
    return count === 0 ? base : `${base}_${count}`
  }
}
