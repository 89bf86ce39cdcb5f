/** Compiles the .wat files of src/tensor/numeric to modules that hold them in base64. Run it after a change; tests hold both together. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import wabt from 'wabt'

const folder = join(import.meta.dirname, '../src/tensor/numeric')
const assembler = await wabt()
for (const name of ['float', 'compare', 'matmul']) {
  const source = readFileSync(join(folder, `${name}.wat`), 'utf8')
  const { buffer } = assembler.parseWat(`${name}.wat`, source, { simd: true }).toBinary({})
  const base64 = Buffer.from(buffer).toString('base64')
  writeFileSync(
    join(folder, `${name}-wasm.ts`),
    `/** WebAssembly of ${name}.wat, written by scripts/build-kernels.mjs. */\nexport const ${name.toUpperCase()}_WASM =\n  '${base64}'\n`,
  )
}
