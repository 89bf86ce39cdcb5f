/** Calls float.wat on arrays of any length, through the megabyte of memory it has. */
import type { CastStats } from './float.ts'
import { FLOAT_WASM } from './float-wasm.ts'

/** Values a kernel takes at once: 512 KiB of binary32, which with the output fits the second-level cache. */
const MAX_VALUES = 131_072
/** Byte of the output in the memory, as in float.wat. */
const OUT = 0x80000
/** Values a kernel takes in one step; the rest of a last step is filled with zeros, which count as nothing. */
const STEP = 4

type Kernel = (count: number) => void

interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly overflow: { readonly value: number }
  readonly underflow: { readonly value: number }
  readonly f32ToF16: Kernel
  readonly f32ToBF16: Kernel
  readonly f16ToF32: Kernel
  readonly bf16ToF32: Kernel
}

let instance: Kernels | undefined

/** What of WebAssembly is used; the types of Node 20 leave it out. */
interface Engine {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

function kernels(): Kernels {
  if (!instance) {
    const { WebAssembly: engine } = globalThis as unknown as { WebAssembly: Engine }
    const module = new engine.Module(Buffer.from(FLOAT_WASM, 'base64'))
    instance = new engine.Instance(module).exports as Kernels
  }
  return instance
}

/** Binary32 bytes to 16-bit codes, rounded to nearest, ties to even; adds to `stats`. */
export function narrow(to: 'F16' | 'BF16', bytes: Uint8Array, out: Uint8Array, stats: CastStats): void {
  const { overflow, underflow, ...all } = kernels()
  const kernel = to === 'F16' ? all.f32ToF16 : all.f32ToBF16
  const count = bytes.byteLength / 4
  for (let at = 0; at < count; at += MAX_VALUES) {
    const values = Math.min(MAX_VALUES, count - at)
    runKernel(
      kernel,
      values,
      bytes.subarray(at * 4, (at + values) * 4),
      out.subarray(at * 2, (at + values) * 2),
    )
    stats.overflow += overflow.value
    stats.underflow += underflow.value
  }
}

/** 16-bit codes to binary32 bytes, exact. A signalling NaN becomes quiet. */
export function widen(from: 'F16' | 'BF16', bytes: Uint8Array, out: Uint8Array): void {
  const kernel = from === 'F16' ? kernels().f16ToF32 : kernels().bf16ToF32
  const count = bytes.byteLength / 2
  for (let at = 0; at < count; at += MAX_VALUES) {
    const values = Math.min(MAX_VALUES, count - at)
    runKernel(
      kernel,
      values,
      bytes.subarray(at * 2, (at + values) * 2),
      out.subarray(at * 4, (at + values) * 4),
    )
  }
}

function runKernel(kernel: Kernel, count: number, input: Uint8Array, output: Uint8Array): void {
  const memory = new Uint8Array(kernels().memory.buffer)
  const steps = Math.ceil(count / STEP) * STEP
  memory.set(input)
  memory.fill(0, input.byteLength, (input.byteLength / count) * steps)
  kernel(steps)
  output.set(memory.subarray(OUT, OUT + output.byteLength))
}
