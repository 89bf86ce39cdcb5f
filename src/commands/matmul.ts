import type { Io } from '../system/world.ts'
import type { MatMul } from '../tensor/algebra/matmul.ts'
import { WASM_ENGINE, wasmMatMul } from '../tensor/algebra/wasm-matmul.ts'
import type { MatMulModule } from '../tensor/executor.ts'

/** What computes products, under the name that recipes tell it by. */
export interface Engine {
  readonly matmul: MatMul
  readonly name: string
}

/**
 * The engine for products that a command computes itself, and that the writer uses. The same engine gives the same
 * bits whatever the number of threads is; native code may give others on a processor with other instructions, our own
 * kernel never does.
 */
export async function engineOf({ matmul }: Pick<Io, 'matmul'>): Promise<Engine> {
  if (matmul === undefined) return { matmul: wasmMatMul, name: WASM_ENGINE }
  const loaded = (await import(matmul.href)) as MatMulModule
  return { matmul: loaded.matmul, name: loaded.engine }
}

/** The world for doing again what was computed by `engine`: with our own kernel if that was it. */
export function worldOf(engine: unknown, io: Io): Io {
  if (engine !== WASM_ENGINE) return io
  const { matmul: _, ...others } = io
  return others
}
