/**
 * Mutation testing: makes small faults, one at a time, in a copy of the repository, and tells which of them no test
 * notices. `node scripts/mutate.mjs src/tensor src/model/adapters --sample 300 --report faults.json`
 *
 * Each fault is met by the tests that reach its file through imports: first those that mirror or import it, then the
 * others of the folders in `TESTS`. The same files, seed and sample give the same faults.
 */
import { spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { transform } from 'esbuild'
import { mutationsOf } from './mutations.mjs'

const say = (/** @type {string} */ text) => process.stdout.write(`${text}\n`)
const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Tests of sources; the first row that fits counts. Where none does, it is the folder that mirrors that of the source. */
const TESTS = [
  ['src/image', ['test/image', 'test/hostile/pictures.test.ts']],
  ['src/tensor/formats', ['test/tensor/formats', 'test/hostile']],
  ['src/tensor/merge', ['test/tensor/merge', 'test/operations/merge']],
  [
    'src/tensor/quantised',
    [
      'test/tensor/quantised',
      'test/model/diff',
      'test/operations/convert',
      'test/hostile/identify.test.ts',
      'test/cli/quantised.test.ts',
    ],
  ],
  ['src/tensor', ['test/tensor']],
  [
    'src/model/adapters',
    [
      'test/model/adapters',
      'test/model/lora',
      'test/operations/merge-lora',
      'test/operations/lora-merge',
      'test/operations/lora-resize',
    ],
  ],
  ['src/operations/merge-lora', ['test/operations/merge-lora', 'test/model/adapters']],
  ['src/model', ['test/model']],
  ['src/runtime/sampling', ['test/runtime/sampling']],
  ['src/runtime', ['test/runtime']],
]

const gone = TESTS.flat(2).filter((path) => !existsSync(join(root, path)))
if (gone.length > 0) throw new Error(`TESTS of this script names what is not there: ${gone}`)

const USAGE = `Usage: node scripts/mutate.mjs FILE_OR_FOLDER... [options]

  --sample N     so many faults, chosen at random; without it all
  --seed N       of the choice (1)
  --lanes N      copies of the repository that are tested at once (2)
  --report FILE  everything that was found, as JSON
  --again FILE   only what survived in such a report
  --list         only list the faults
`

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    lanes: { type: 'string', default: '2' },
    report: { type: 'string' },
    again: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (options.help || positionals.length === 0) {
  say(USAGE)
  process.exit(options.help ? 0 : 2)
}

/** Files with an ending below a file or folder, relative to the root, sorted. */
function filesBelow(path, ending) {
  if (path.endsWith(ending)) return [path]
  const names = readdirSync(join(root, path), { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => name.endsWith(ending))
    .map((name) => join(path, name))
    .sort()
}

/** The mutations of a file that change the JavaScript it becomes, and leave it JavaScript. */
async function mutantsOf(file) {
  const source = readFileSync(join(root, file), 'utf8')
  const compiled = async (text) => (await transform(text, { loader: 'ts', logLevel: 'silent' })).code
  const original = await compiled(source)
  const mutants = mutationsOf(source).map(async ({ at, end, text, operator }) => {
    const mutated = source.slice(0, at) + text + source.slice(end)
    const code = await compiled(mutated).catch(() => original)
    if (code === original) return []
    const line = source.slice(0, at).split('\n').length
    const column = at - source.lastIndexOf('\n', at - 1)
    const place = { file, line, column, operator, before: source.slice(at, end), after: text }
    return [{ ...place, context: source.split('\n')[line - 1].trim(), mutated }]
  })
  return (await Promise.all(mutants)).flat()
}

/** The first of a shuffled list (Fisher and Yates), in their old order. Source of the numbers: mulberry32. */
function sampled(list, count, seed) {
  let state = seed >>> 0
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const order = list.map((_, i) => i)
  for (let i = order.length - 1; i > 0; i--) {
    const k = Math.floor(uniform() * (i + 1))
    ;[order[i], order[k]] = [order[k], order[i]]
  }
  return order
    .slice(0, count)
    .sort((a, b) => a - b)
    .map((i) => list[i])
}

/** Modules that a module names: what it imports, and what it starts in a thread. */
const imports = new Map()
function importsOf(file) {
  const known = imports.get(file)
  if (known) return known
  const text = readFileSync(join(root, file), 'utf8')
  const paths = [...text.matchAll(/'(\.{1,2}\/[^'\n]+\.ts)'/g)].map((match) =>
    relative(root, resolve(root, dirname(file), match[1])),
  )
  const found = paths.filter((path) => sources.has(path))
  imports.set(file, found)
  return found
}
const sources = new Set(['src', 'test', 'fixtures'].flatMap((folder) => filesBelow(folder, '.ts')))

/** Imports from a test to each module it reaches. */
const distances = new Map()
function distancesFrom(test) {
  const known = distances.get(test)
  if (known) return known
  const found = new Map([[test, 0]])
  // a Map gives what is added while it is walked, too: nearest first
  for (const [file, distance] of found)
    for (const next of importsOf(file)) if (!found.has(next)) found.set(next, distance + 1)
  distances.set(test, found)
  return found
}

/** The tests of a source in the order they are asked: lists, of which the later ones are run if the earlier ones pass. */
function testsOf(file) {
  const folders = TESTS.find(([folder]) => file.startsWith(`${folder}/`))?.[1] ?? [
    dirname(file).replace(/^src/, 'test'),
  ]
  const all = [...sources].filter(
    (test) =>
      test.endsWith('.test.ts') && folders.some((folder) => test === folder || test.startsWith(`${folder}/`)),
  )
  const reaching = all.filter((test) => distancesFrom(test).has(file))
  const mirror = file.replace(/^src/, 'test').replace(/\.ts$/, '.test.ts')
  const isNear = (test) => test === mirror || distancesFrom(test).get(file) === 1
  return [reaching.filter(isNear), reaching.filter((test) => !isNear(test))].filter(
    (tests) => tests.length > 0,
  )
}

/** A copy of what the tests need. The packages stay where they are, but for a folder of links for the caches. */
function makeLane(folder) {
  for (const name of [
    'src',
    'test',
    'fixtures',
    'scripts',
    'package.json',
    'tsconfig.json',
    'vitest.config.ts',
  ])
    cpSync(join(root, name), join(folder, name), { recursive: true })
  const packages = join(folder, 'node_modules')
  mkdirSync(packages)
  for (const name of readdirSync(join(root, 'node_modules')))
    if (name !== '.vite') symlinkSync(join(root, 'node_modules', name), join(packages, name))
  return folder
}

const running = new Set()

/** Runs tests until one fails. @returns the exit code; undefined if they did not end in time */
function runTests(lane, tests, timeout, more = []) {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const child = spawn(process.execPath, [vitest, 'run', '--bail=1', '--maxWorkers=1', ...more, ...tests], {
    cwd: lane,
    stdio: 'ignore',
    env: { ...process.env, SDTOOL_TEST_WITHOUT_BUILD: '1' },
    detached: true, // a group of its own, so that its workers end with it
  })
  running.add(child)
  return new Promise((done) => {
    const timer = setTimeout(() => end(child), timeout)
    child.on('exit', (code) => {
      clearTimeout(timer)
      end(child)
      running.delete(child)
      done(code ?? undefined)
    })
  })
}

function end(child) {
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // it has ended
  }
}

/** Milliseconds of each test file without a fault; they must all pass. */
async function baseline(lane, tests) {
  if (tests.length === 0) return new Map()
  const report = join(lane, 'baseline.json')
  const code = await runTests(lane, tests, 3_600_000, ['--reporter=json', `--outputFile=${report}`])
  if (code !== 0) throw new Error('tests fail already without a fault: run them, then come back')
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
  return new Map(
    testResults.map(({ name, startTime, endTime }) => [relative(lane, name), endTime - startTime]),
  )
}

async function outcomeOf(lane, { file, mutated }, times) {
  const path = join(lane, file)
  writeFileSync(path, mutated)
  try {
    for (const tests of testsOf(file)) {
      const usual = tests.reduce((sum, test) => sum + (times.get(test) ?? 0) + 500, 0)
      const code = await runTests(lane, tests, 20_000 + 5 * usual)
      if (code !== 0) return code === undefined ? 'timed out' : 'killed'
    }
    return 'survived'
  } finally {
    cpSync(join(root, file), path)
  }
}

function describe({ file, line, operator, before, after, context }) {
  const short = (text) => (text.length > 60 ? `${text.slice(0, 57)}...` : text)
  return `${file}:${line} [${operator}] ${short(before)} -> ${short(after).trim() || '(nothing)'}   | ${context}`
}

function survivedIn(report, mutant) {
  return report.some(
    ({ outcome, ...place }) =>
      outcome === 'survived' && Object.entries(place).every(([key, value]) => mutant[key] === value),
  )
}

/** Rows of killed, survived, timed out; what ends in no time was noticed, too. */
function summary(results) {
  const folders = new Set(results.map(({ file }) => dirname(file)))
  const row = (name, list) => {
    const [killed, survived, late] = ['killed', 'survived', 'timed out'].map(
      (kind) => list.filter(({ outcome }) => outcome === kind).length,
    )
    const score = ((100 * (killed + late)) / list.length).toFixed(1)
    return `${name.padEnd(36)} ${killed} killed, ${survived} survived, ${late} timed out: ${score} %`
  }
  const rows = [...folders].map((name) =>
    row(
      name,
      results.filter(({ file }) => dirname(file) === name),
    ),
  )
  return [...rows, row('all', results)].join('\n')
}

const files = [
  ...new Set(positionals.flatMap((path) => filesBelow(relative(root, resolve(path)), '.ts'))),
].sort()
const again = options.again && JSON.parse(readFileSync(options.again, 'utf8'))
const all = (await Promise.all(files.map(mutantsOf)))
  .flat()
  .filter((mutant) => !again || survivedIn(again, mutant))
const mutants = sampled(all, Number(options.sample ?? all.length), Number(options.seed))
say(`${all.length} faults in ${files.length} files${options.list ? '' : `, ${mutants.length} are tried`}`)
if (options.list) {
  for (const mutant of mutants) say(describe(mutant))
  process.exit(0)
}

const folder = mkdtempSync(join(tmpdir(), 'mutants-'))
const clean = () => {
  for (const child of running) end(child)
  rmSync(folder, { recursive: true, force: true })
}
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    clean()
    process.exit(130)
  })
try {
  const lanes = Array.from({ length: Number(options.lanes) }, (_, i) => makeLane(join(folder, `${i}`)))
  const tests = [...new Set(mutants.flatMap(({ file }) => testsOf(file).flat()))]
  const times = await baseline(lanes[0], tests)
  const results = new Array(mutants.length)
  let [next, done] = [0, 0]
  await Promise.all(
    lanes.map(async (lane) => {
      while (next < mutants.length) {
        const i = next++
        const { mutated, ...place } = mutants[i]
        const outcome = await outcomeOf(lane, mutants[i], times)
        results[i] = { ...place, outcome }
        say(`${++done}/${mutants.length} ${outcome}: ${describe(place)}`)
        if (options.report)
          writeFileSync(options.report, JSON.stringify(results.filter(Boolean), undefined, 1))
      }
    }),
  )
  // a copy that broke on the way would call every fault noticed
  for (const lane of lanes) await baseline(lane, tests.slice(0, 1))
  say('\nNo test noticed:')
  for (const result of results.filter(({ outcome }) => outcome === 'survived')) say(describe(result))
  say(`\n${summary(results)}`)
} finally {
  clean()
}
