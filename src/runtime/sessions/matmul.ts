/**
 * Products of matrices: by onnxruntime where it can be loaded, else by our own kernel. A module of its own, as worker
 * threads load it by its address.
 */
import { WASM_ENGINE, wasmMatMul } from '../../tensor/numeric/wasm-matmul.ts'
import type { MatMulModule } from '../../tensor/write/executor.ts'
import { onnxMatMul } from './onnx-matmul.ts'
import { loadOnnxRuntime } from './onnxruntime.ts'

const chosen = (await nativeProducts()) ?? { matmul: wasmMatMul, engine: WASM_ENGINE }

export const { matmul, engine }: MatMulModule = chosen

/** Tried once: a library may load and yet have no code for this processor. */
async function nativeProducts(): Promise<MatMulModule | undefined> {
  try {
    const native = onnxMatMul(loadOnnxRuntime())
    const out = new Float32Array(1)
    await native.matmul(Float32Array.of(2), Float32Array.of(3), out, [1, 1, 1])
    return out[0] === 6 ? native : undefined
  } catch {
    return undefined // sdtool doctor says why
  }
}
