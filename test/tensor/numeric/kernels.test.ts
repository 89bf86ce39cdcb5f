import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, it } from 'vitest'
import wabt from 'wabt'

const FOLDER = join(import.meta.dirname, '../../../src/tensor/numeric')
const NAMES = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.wat'))
  .map((file) => basename(file, '.wat'))

it('there are kernels', () => expect(NAMES).toEqual(expect.arrayContaining(['compare', 'float', 'matmul'])))

it.each(NAMES)('the module of %s.wat holds what it says: npm run build-kernels writes it', async (name) => {
  const source = readFileSync(join(FOLDER, `${name}.wat`), 'utf8')
  const { buffer } = (await wabt()).parseWat(`${name}.wat`, source, { simd: true }).toBinary({})
  const module: Record<string, string> = await import(`${join(FOLDER, name)}-wasm.ts`)
  expect({ ...module }).toEqual({ [`${name.toUpperCase()}_WASM`]: Buffer.from(buffer).toString('base64') })
})
