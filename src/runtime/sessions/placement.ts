/** Where the bytes of a network's weights are, so that a session can be pointed to them. */
import { realpath } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, parse, sep } from 'node:path'
import { temporaryFolder } from '../../system/leftovers.ts'
import { DTYPES, type DType, type OutputDType } from '../../tensor/values/dtype.ts'
import { renamed } from '../../tensor/values/expr.ts'
import type { StoredSource, Tensor } from '../../tensor/values/table.ts'
import { layoutOf } from '../../tensor/write/layout.ts'
import { writeSafetensors } from '../../tensor/write/write.ts'
import { elementTypeOf } from '../networks/weights.ts'
import type { PlannedGraph, WeightUse } from '../onnx/builder.ts'
import { type ElementType, type ExternalData, encodeModel } from '../onnx/model.ts'

export interface PlacementOptions {
  /** Folder for the file of evaluated weights; the system's for temporary files if absent. */
  readonly scratch?: string
  readonly threads: number
  readonly matmul?: URL
  readonly signal?: AbortSignal
  /** While weights are evaluated. */
  onProgress?(doneBytes: number, totalBytes: number): void
}

/** Weights that lie in files as a session needs them. */
export interface Placement {
  /** Folder that all locations are relative to: the root of a drive. */
  readonly root: string
  has(tensor: Tensor): boolean
  locate(use: WeightUse): ExternalData
  /** Bytes that were evaluated and lie in the temporary file. */
  readonly evaluatedBytes: number
  /** Removes the file of evaluated weights. Never throws. */
  close(): Promise<void>
}

/** First byte of a whole tensor. */
interface WeightPlace {
  readonly path: string
  readonly offset: number
}

/**
 * Weights that a file holds as they are needed stay where they are: the session maps the user's own file. All others
 * (patched, cast, strided, in types a session does not know) are written to one temporary file by the writer that
 * writes every output, block by block and with the same expressions: a merge is drawn with exactly the bytes that it
 * would be written with, and memory stays bounded. Bytes handed to the session in memory instead would be held twice
 * while it loads. On Windows a session reads from one drive only, and what lies on another is copied, too.
 * @throws what `writeSafetensors` throws, or the signal's reason
 */
export async function placeWeights(tensors: Iterable<Tensor>, options: PlacementOptions): Promise<Placement> {
  const scratch = options.scratch ?? tmpdir()
  const all = [...new Set(tensors)]
  const paths = await realPaths(all)
  const root = rootFor(all, paths, await realpath(scratch))
  const stays = (tensor: Tensor) =>
    isAsNeeded(tensor) && parse(paths.get(tensor.source.file.path)!).root === root
  const stored = all.filter(stays)
  const evaluated = await evaluate(
    all.filter((tensor) => !stays(tensor)),
    scratch,
    options,
  )
  const places = new Map<Tensor, WeightPlace>(evaluated.places)
  for (const tensor of stored) {
    const { file, offset } = tensor.source as StoredSource
    places.set(tensor, { path: paths.get(file.path)!, offset })
  }
  return {
    root,
    has: (tensor) => places.has(tensor),
    locate: (use) => locate(use, places.get(use.tensor)!, root),
    evaluatedBytes: evaluated.bytes,
    close: evaluated.close,
  }
}

const AS_NEEDED: ReadonlySet<DType> = new Set(['F32', 'F16', 'BF16'])

function isAsNeeded(tensor: Tensor): tensor is Tensor & { source: StoredSource } {
  const { source, dtype } = tensor
  return source.kind === 'stored' && !source.strides && !source.bigEndian && AS_NEEDED.has(dtype)
}

/** Links resolved: a session refuses those that lead out of its folder. */
async function realPaths(tensors: readonly Tensor[]): Promise<Map<string, string>> {
  const paths = new Map<string, string>()
  for (const { source } of tensors) {
    if (source.kind === 'stored' && !paths.has(source.file.path))
      paths.set(source.file.path, await realpath(source.file.path))
  }
  return paths
}

/** The drive of the files if they are all on one and nothing must be evaluated, else that of the temporary file. */
function rootFor(tensors: readonly Tensor[], paths: ReadonlyMap<string, string>, scratch: string): string {
  const roots = new Set([...paths.values()].map((path) => parse(path).root))
  return roots.size === 1 && tensors.every(isAsNeeded) ? [...roots][0]! : parse(scratch).root
}

interface Evaluated {
  readonly places: ReadonlyMap<Tensor, WeightPlace>
  readonly bytes: number
  close(): Promise<void>
}

async function evaluate(
  tensors: readonly Tensor[],
  scratch: string,
  options: PlacementOptions,
): Promise<Evaluated> {
  if (tensors.length === 0) return { places: new Map(), bytes: 0, close: async () => {} }
  const made = await temporaryFolder(scratch, 'sdtool-weights')
  const close = made.remove
  try {
    const path = join(await realpath(made.path), 'weights.safetensors')
    // numbered, as tensors of several tables may have the same name
    const wanted = new Map(tensors.map((tensor, i) => [`${i}`, asNeeded(tensor, `${i}`)]))
    const table = { tensors: wanted, metadata: {} }
    const { headerBytes, bytes } = await writeSafetensors(table, path, { ...options, temporary: true })
    const places = layoutOf(table).entries.map(({ tensor: { name }, begin }): [Tensor, WeightPlace] => {
      return [tensors[Number(name)]!, { path, offset: headerBytes + begin }]
    })
    return { places: new Map(places), bytes, close }
  } catch (error) {
    await close()
    throw error
  }
}

const DTYPE_OF: Readonly<Partial<Record<ElementType, OutputDType>>> = {
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
}

/**
 * The tensor in the type a session knows, under a name of its own. A patched one is rounded to its own type first, as
 * it would be in the file it is written to.
 */
function asNeeded(tensor: Tensor, name: string): Tensor {
  const dtype = DTYPE_OF[elementTypeOf(tensor)]!
  if (dtype === tensor.dtype) return renamed(tensor, name)
  return { name, dtype, shape: tensor.shape, source: { kind: 'cast', of: tensor } }
}

function locate({ type, shape, begin }: WeightUse, place: WeightPlace, root: string): ExternalData {
  const { bytes } = DTYPES[DTYPE_OF[type]!]
  return {
    location: place.path.slice(root.length).split(sep).join('/'),
    offset: place.offset + begin * bytes,
    length: shape.reduce((product, n) => product * n, bytes),
  }
}

/** The serialised model whose weights are where `placement` says. */
export function encodePlaced(graph: PlannedGraph, placement: Placement): Uint8Array {
  const weights = graph.weights.map((use) => {
    const { name, type, shape } = use
    return { name, type, shape, data: placement.locate(use) }
  })
  return encodeModel({ ...graph, initializers: [...graph.constants, ...weights] })
}
