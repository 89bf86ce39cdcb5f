/** What multiplies matrices: it decides the last bits, so recipes say which it was. */
import type { Recipe } from '../model/metadata/recipe.ts'
import type { Environment } from '../system/world.ts'
import type { MatMul } from '../tensor/algebra/matmul.ts'
import { WASM_ENGINE, wasmMatMul } from '../tensor/numeric/wasm-matmul.ts'
import type { MatMulModule } from '../tensor/write/executor.ts'
import { engineOfV1 } from './recipe-v1.ts'

/** What computes products, under the name that recipes tell it by. */
export interface MatMulEngine {
  readonly matmul: MatMul
  readonly name: string
}

/**
 * The engine for products that a command computes itself, and that the writer uses. The same engine gives the same
 * bits whatever the number of threads is; native code may give others on a processor with other instructions, our own
 * kernel never does.
 */
export async function engineOf({ matmul }: Pick<Environment, 'matmul'>): Promise<MatMulEngine> {
  if (matmul === undefined) return { matmul: wasmMatMul, name: WASM_ENGINE }
  const loaded = (await import(matmul.href)) as MatMulModule
  return { matmul: loaded.matmul, name: loaded.engine }
}

/** Name of the engine that a recipe of any version was made with; undefined where nothing was multiplied. */
export function recipeEngine({ version, engine, options }: Recipe): string | undefined {
  return version === 1 ? engineOfV1(options) : engine
}

/** The environment for doing a recipe again: with our own kernel if that was its engine. */
export function environmentOf<E extends Environment>(recipe: Recipe, environment: E): E {
  if (recipeEngine(recipe) !== WASM_ENGINE) return environment
  const { matmul: _, ...others } = environment
  return others as E
}
