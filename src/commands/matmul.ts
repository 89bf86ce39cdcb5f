import type { Io } from '../report/io.ts'
import { type MatMul, plainMatMul } from '../tensor/algebra/matmul.ts'
import type { MatMulModule } from '../tensor/executor.ts'

/** What computes products, under the name that recipes tell it by. */
export interface Engine {
  readonly matmul: MatMul
  readonly name: string
}

/**
 * The engine for products that a command computes itself; plain loops where there is none. The same engine gives the
 * same bits whatever the number of threads is; on a processor with other instructions, the last one may differ.
 */
export async function engineOf({ matmul }: Io): Promise<Engine> {
  if (matmul === undefined) return { matmul: plainMatMul, name: 'plain loops' }
  const loaded = (await import(matmul.href)) as MatMulModule
  return { matmul: loaded.matmul, name: loaded.engine }
}
