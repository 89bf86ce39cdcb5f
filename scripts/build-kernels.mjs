/** Compiles src/tensor/float.wat to src/tensor/float-wasm.ts. Run it after a change of the .wat; a test holds both together. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import wabt from 'wabt'

const folder = join(import.meta.dirname, '../src/tensor')
const parsed = (await wabt()).parseWat('float.wat', readFileSync(join(folder, 'float.wat'), 'utf8'), {
  simd: true,
})
const base64 = Buffer.from(parsed.toBinary({}).buffer).toString('base64')
writeFileSync(
  join(folder, 'float-wasm.ts'),
  `/** WebAssembly of float.wat, written by scripts/build-kernels.mjs. */\nexport const FLOAT_WASM =\n  '${base64}'\n`,
)
