/**
 * Builds dist/: the command, its worker threads, the process that holds a network, and its engines as a few bundled files.
 *
 * Bundled, because start-up is part of the product: a hundred small modules of our own and yargs' fifty took 0.3 s
 * of every call, most of it spent on finding and opening files. Commands stay separate files that are loaded only
 * when they are called. onnxruntime-node (native) stays a package of its own.
 */
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { buildTypes } from './build-types.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const dist = join(root, 'dist')
const require = createRequire(import.meta.url)
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

rmSync(dist, { recursive: true, force: true })
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: [
    'src/cli.ts',
    'src/index.ts',
    'src/civitai/transfer/part-writer-worker.ts',
    'src/tensor/write/executor-worker.ts',
    'src/runtime/sessions/matmul.ts',
    'src/runtime/sessions/session-process.ts',
  ],
  outdir: dist,
  entryNames: '[name]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  mainFields: ['module', 'main'], // the CommonJS build of hash-wasm loses its named exports in a bundle
  // yargs brings string-width 7 and 8, which load ICU's text segmenter three times over (25 ms each) to measure the
  // width of emoji in help texts. string-width 4 does for both.
  alias: {
    'string-width': require.resolve('string-width'),
    undici: join(root, 'scripts/undici-agents.mjs'),
  },
  external: Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }),
  minifySyntax: true,
  minifyWhitespace: true,
  metafile: true,
  logLevel: 'warning',
  // CommonJS packages inside an ES module still call require for what Node has built in
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
})
// what src/runtime/prompt/merges.ts reads: data that is kept here, scripts/build-merges.mjs says why
copyFileSync(join(root, 'src/runtime/prompt/clip-merges.br'), join(dist, 'clip-merges.br'))
// what src/image/webp/decode.ts reads
copyFileSync(
  join(dirname(require.resolve('@jsquash/webp/decode.js')), 'codec/dec/webp_dec.wasm'),
  join(dist, 'webp-decoder.wasm'),
)
buildTypes(dist)
writeFileSync(join(dist, 'THIRD-PARTY-LICENSES.txt'), licences(Object.keys(metafile.inputs)))

/** The licence texts of all packages and data that ended up in the bundle: they ask to travel with them. */
function licences(inputs) {
  const packages = new Set(
    inputs.map((path) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter(Boolean),
  )
  const inside = ['clip-vocabulary', 'libwebp'].map((name) =>
    readFileSync(join(root, 'scripts/licences', `${name}.txt`), 'utf8'),
  )
  return [...[...packages].sort().map(licenceOf), ...inside].join(`\n${'-'.repeat(80)}\n\n`)
}

function licenceOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
  const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry))
  const text =
    file && existsSync(join(root, folder, file)) ? readFileSync(join(root, folder, file), 'utf8') : ''
  return `${name} ${version} (${license})\n\n${text.trim()}\n`
}
