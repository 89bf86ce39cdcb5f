/** Products of matrices by matmul.wat: what multiplies where there is no native code for it. */
import { setImmediate } from 'node:timers/promises'
import type { Floats, MatMul, ProductSize } from '../algebra/matmul.ts'
import { MATMUL_WASM } from './matmul-wasm.ts'
import { lazyWasm } from './wasm.ts'

/** For recipes. No product is shared between threads, and none depends on the processor. */
export const WASM_ENGINE = 'sdtool wasm 1'

/** Of a block: rows of a, columns of a, columns of b, see `PLACES`. */
const BLOCK = { m: 256, k: 256, n: 1024 } as const
/** Of the tile that the kernel holds in registers; columns in bytes. `k` it takes two at a time. */
const TILE = { rows: 4, columnBytes: 32, k: 2 } as const

/** Bytes in the memory, with room for binary64. */
const PLACES = {
  a: 0, // [256, 256], 512 KiB
  rows: 0x80000, // of b as they are, [256, 1024], 2 MiB
  panels: 0x280000, // the same as panels
  c: 0x480000, // [256, 1024], 2 MiB
} as const

type Multiply = (a: number, b: number, c: number, m: number, k: number, n: number) => void

interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer }
  pack(rows: number, panels: number, k: number, bytes: number): void
  readonly multiply32: Multiply
  readonly multiply64: Multiply
}

const kernels = lazyWasm<Kernels>(MATMUL_WASM)

/** Products after which others have their turn: about a tenth of a second. */
const TURN = 2 ** 29

/**
 * Sums of up to 256 products are made in the precision of the matrices, and added to what is there. Between two blocks
 * of the result nothing of it lies in the memory, so other products may come between.
 */
export const wasmMatMul: MatMul = async (a, b, out, [m, k, n], add = false) => {
  if (!add) out.fill(0, 0, m * n)
  let products = 0
  for (const place of blocksOf(m, n)) {
    addBlock(a, b, out, place, [m, k, n])
    products += place.rows * place.columns * k
    if (products < TURN) continue
    products = 0
    await setImmediate()
  }
}

/** Part of a matrix. */
interface Rectangle {
  readonly row: number
  readonly column: number
  readonly rows: number
  readonly columns: number
}

function* blocksOf(m: number, n: number): Generator<Rectangle> {
  for (let column = 0; column < n; column += BLOCK.n) {
    const columns = Math.min(BLOCK.n, n - column)
    for (let row = 0; row < m; row += BLOCK.m)
      yield { row, column, rows: Math.min(BLOCK.m, m - row), columns }
  }
}

/** Adds a[rows, :] @ b[:, columns] to that block of `out`. */
function addBlock(a: Floats, b: Floats, out: Floats, block: Rectangle, [, k, n]: ProductSize): void {
  const { memory, pack, multiply32, multiply64 } = kernels()
  const bytes = out.BYTES_PER_ELEMENT
  const multiply = bytes === 4 ? multiply32 : multiply64
  const [rows, columns] = [up(block.rows, TILE.rows), up(block.columns, TILE.columnBytes / bytes)]
  const place = (at: number, length: number): Floats =>
    bytes === 4 ? new Float32Array(memory.buffer, at, length) : new Float64Array(memory.buffer, at, length)
  const c = place(PLACES.c, rows * columns)
  copyIn(out, n, block, c, columns)
  for (let depth = 0; depth < k; depth += BLOCK.k) {
    const taken = Math.min(BLOCK.k, k - depth)
    const padded = up(taken, TILE.k)
    const ofA = { row: block.row, column: depth, rows: block.rows, columns: taken }
    const ofB = { row: depth, column: block.column, rows: taken, columns: block.columns }
    copyIn(a, k, ofA, place(PLACES.a, rows * padded), padded)
    copyIn(b, n, ofB, place(PLACES.rows, padded * columns), columns)
    pack(PLACES.rows, PLACES.panels, padded, columns * bytes)
    multiply(PLACES.a, PLACES.panels, PLACES.c, rows, padded, columns)
  }
  for (let r = 0; r < block.rows; r++)
    out.set(c.subarray(r * columns, r * columns + block.columns), (block.row + r) * n + block.column)
}

/** Part of a matrix of `width` columns into `place`, of `padded` ones; what it does not fill becomes zeros. */
function copyIn(
  matrix: Floats,
  width: number,
  { row, column, rows, columns }: Rectangle,
  place: Floats,
  padded: number,
): void {
  if (columns === width && columns === padded) {
    place.set(matrix.subarray(row * width, (row + rows) * width))
  } else {
    for (let r = 0; r < rows; r++) {
      const from = (row + r) * width + column
      place.set(matrix.subarray(from, from + columns), r * padded)
      place.fill(0, r * padded + columns, (r + 1) * padded)
    }
  }
  place.fill(0, rows * padded)
}

function up(count: number, step: number): number {
  return Math.ceil(count / step) * step
}
