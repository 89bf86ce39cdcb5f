/**
 * Compiles the .wat files of src/tensor/numeric to modules that hold them in base64. Run it after a change:
 * test/tensor/numeric/kernels.test.ts fails while the two differ.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import wabt from 'wabt'

const folder = join(import.meta.dirname, '../src/tensor/numeric')
const assembler = await wabt()
for (const file of readdirSync(folder).filter((entry) => entry.endsWith('.wat'))) {
  const name = basename(file, '.wat')
  const source = readFileSync(join(folder, file), 'utf8')
  const { buffer } = assembler.parseWat(file, source, { simd: true }).toBinary({})
  const base64 = Buffer.from(buffer).toString('base64')
  writeFileSync(
    join(folder, `${name}-wasm.ts`),
    `/** WebAssembly of ${file}, written by scripts/build-kernels.mjs. */\nexport const ${name.toUpperCase()}_WASM =\n  '${base64}'\n`,
  )
}
