import type { Io } from '../report/io.ts'
import { type MatMul, plainMatMul } from '../tensor/algebra/matmul.ts'
import type { MatMulModule } from '../tensor/executor.ts'

/** The engine for products that a command computes itself; plain loops where there is none. */
export async function matmulOf({ matmul }: Io): Promise<MatMul> {
  return matmul === undefined ? plainMatMul : ((await import(matmul.href)) as MatMulModule).matmul
}
