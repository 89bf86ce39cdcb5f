/**
 * Measures `sdtool extract lora` on SD 1.5 in fp16 against torch in the same run (extract_lora_rival.py). The tuned model
 * is the base with a LoRA of rank 64 merged in, both of generate.ts; what is extracted has rank 32, so that there is
 * something to be lost.
 *
 *   npx tsx bench/generate.ts sd15-fp16 sd15-lora64
 *   npx tsx bench/extract-lora.ts --python python3 [--data DIR] [--rank 32]
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const root = join(import.meta.dirname, '..')
const cli = join(root, 'dist/cli.js')
const { values } = parseArgs({
  options: {
    data: { type: 'string', default: join(import.meta.dirname, 'data') },
    rank: { type: 'string', default: '32' },
    python: { type: 'string', default: 'python3' },
  },
})
const [base, lora] = ['sd15-fp16.safetensors', 'sd15-lora64.safetensors'].map((name) =>
  join(values.data, name),
) as [string, string]
const out = join(values.data, 'out')
const tuned = join(out, 'tuned.safetensors')

/** Runs under GNU time: seconds, peak memory, what was printed. */
function run(command: readonly string[]): { seconds: number; megabytes: number; stdout: string } {
  const start = process.hrtime.bigint()
  const { status, stdout, stderr } = spawnSync('/usr/bin/time', ['-f', 'PEAK %M', ...command], {
    encoding: 'utf8',
    maxBuffer: 1e8,
  })
  if (status !== 0) throw new Error(`${command.join(' ')}\n${stdout}\n${stderr}`)
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  return { seconds, megabytes: Number(/PEAK (\d+)/.exec(stderr)?.[1]) / 1024, stdout }
}

mkdirSync(out, { recursive: true })
if (!existsSync(tuned)) run([process.execPath, cli, 'merge-lora', base, lora, '-o', tuned, '--quiet'])
const target = join(out, 'extracted.safetensors')
const own = run([
  process.execPath,
  cli,
  'extract',
  'lora',
  tuned,
  base,
  '--rank',
  values.rank,
  '--only',
  'unet',
  '-o',
  target,
  '--force',
  '--quiet',
])
const all = own.stdout.split('\n').find((line) => line.startsWith('  all'))
process.stdout.write(`sdtool: ${own.seconds.toFixed(1)} s, peak ${own.megabytes.toFixed(0)} MB\n${all}\n`)
for (const method of ['lowrank', 'full']) {
  const rival = run([
    values.python,
    join(import.meta.dirname, 'extract_lora_rival.py'),
    tuned,
    base,
    values.rank,
    method,
  ])
  const seconds = method === 'full' ? Number(/([\d.]+) s/.exec(rival.stdout)?.[1]) : rival.seconds
  process.stdout.write(
    `${rival.stdout.trim()}, peak ${rival.megabytes.toFixed(0)} MB: ${(seconds / own.seconds).toFixed(1)} times as long as sdtool\n`,
  )
}
