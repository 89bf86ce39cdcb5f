/**
 * Measures sdtool on the full-size files of generate.ts against `cp` of as many bytes in the same run, and against
 * torch.load + safetensors.save_file where a Python with both is named, and against kohya's scripts where their folder
 * is (with the Python that can run them), and against sd-mecha where a Python has it (LoRAs for SD 1.5 fail in its 1.1,
 * and work in 1.0.14). Medians of several rounds, peak memory of the whole process. Ratios count; seconds differ from
 * disk to disk.
 *
 *   npx tsx bench/run.ts [--data DIR] [--rounds 3] [--python python3] [--kohya sd-scripts --kohya-python python3]
 *     [--mecha-python python3] [inspect convert fp16 prune merge-sd15 merge-sdxl merge-models]
 */
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const root = join(import.meta.dirname, '..')
const cli = join(root, 'dist/cli.js')
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string', default: join(import.meta.dirname, 'data') },
    rounds: { type: 'string', default: '3' },
    python: { type: 'string' },
    kohya: { type: 'string' },
    'kohya-python': { type: 'string', default: 'python3' },
    'mecha-python': { type: 'string' },
  },
})
const rounds = Number(values.rounds)
const out = join(values.data, 'out')

interface Sample {
  readonly seconds: number
  /** Peak resident memory. */
  readonly megabytes: number
}

/** Runs a command under GNU time, which reports the peak memory of the process and its threads. */
function run(command: readonly string[]): Sample {
  const start = process.hrtime.bigint()
  const result = spawnSync('/usr/bin/time', ['-f', 'PEAK %M', ...command], {
    encoding: 'utf8',
    maxBuffer: 1e8,
  })
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  if (result.status !== 0 && command[0] === process.execPath)
    throw new Error(`${command.join(' ')}\n${result.stdout}\n${result.stderr}`)
  // a rival that fails, or is killed for its memory, is a result, too
  return {
    seconds: result.status === 0 ? seconds : Number.NaN,
    megabytes: Number(/PEAK (\d+)/.exec(result.stderr)?.[1] ?? Number.NaN) / 1024,
  }
}

/** Nothing half-flushed from the case before, and the input in the page cache for all contestants alike. */
function settle(input: string): void {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  spawnSync('sync')
  const fd = openSync(input, 'r')
  const buffer = Buffer.alloc(16 * 1024 * 1024)
  while (readSync(fd, buffer, 0, buffer.byteLength, null) > 0);
  closeSync(fd)
}

interface Contest {
  readonly name: string
  readonly file: string
  readonly sdtool: readonly string[]
  /** Bytes `cp` has to write: as many as the output has, or the input. */
  readonly copies?: 'output' | 'input'
  readonly python?: string
  /** kohya's script for the same, and its arguments. */
  readonly kohya?: readonly string[]
  /** The same with sd-mecha. */
  readonly mecha?: string
}

const LOAD =
  'import torch; from safetensors.torch import save_file; sd = torch.load(IN, weights_only=False)["state_dict"]'
const MECHA = 'import torch as t, sd_mecha as m'
const MECHA_OUTPUT = 'output=OUT, merge_dtype=t.float32, output_dtype=t.float16'
const CONTESTS: readonly Contest[] = [
  { name: 'inspect', file: 'sd15-full.ckpt', sdtool: ['inspect', 'IN'] },
  {
    name: 'convert',
    file: 'sd15.ckpt',
    sdtool: ['convert', 'IN', '-o', 'OUT', '--quiet'],
    copies: 'output',
    python: `${LOAD}; save_file({k: v.contiguous() for k, v in sd.items()}, OUT)`,
  },
  {
    name: 'fp16',
    file: 'sd15.ckpt',
    sdtool: ['convert', 'IN', '-o', 'OUT', '--dtype', 'fp16', '--quiet'],
    copies: 'input',
    python: `${LOAD}; save_file({k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in sd.items()}, OUT)`,
  },
  {
    name: 'prune',
    file: 'sd15-full.ckpt',
    sdtool: ['prune', 'IN', '-o', 'OUT', '--quiet'],
    copies: 'output',
    python: `${LOAD}; ema = {k: "model_ema." + k[6:].replace(".", "") for k in sd if k.startswith("model.")}; save_file({k: sd[ema.get(k, k)].contiguous() for k in sd if not k.startswith("model_ema.")}, OUT)`,
  },
  merge('merge-sd15', 'sd15-fp16.safetensors', 'sd15-lora64.safetensors', 'merge_lora.py'),
  merge('merge-sdxl', 'sdxl.safetensors', 'sdxl-lora32.safetensors', 'sdxl_merge_lora.py'),
  {
    name: 'merge-models',
    file: 'sdxl.safetensors',
    sdtool: [
      'merge',
      'IN',
      join(values.data, 'sdxl-b.safetensors'),
      '--alpha',
      '0.3',
      '-o',
      'OUT',
      '--quiet',
    ],
    copies: 'input',
    mecha: `${MECHA}; m.merge(m.weighted_sum(m.model(IN), m.model(${JSON.stringify(join(values.data, 'sdxl-b.safetensors'))}), alpha=0.3), ${MECHA_OUTPUT})`,
  },
]

/** As it is used: with the check afterwards. kohya's scripts merge in fp32, too, and check nothing. */
function merge(name: string, file: string, lora: string, script: string): Contest {
  const path = join(values.data, lora)
  const kohya = ['--sd_model', 'IN', '--models', path, '--ratios', '0.7', '--save_to', 'OUT']
  return {
    name,
    file,
    sdtool: ['merge-lora', 'IN', path, '--ratio', '0.7', '-o', 'OUT', '--quiet'],
    copies: 'input',
    kohya: [script, ...kohya, '--precision', 'float', '--save_precision', 'fp16'],
    mecha: `${MECHA}; from sd_mecha.extensions.builtin.merge_methods.linear import add_difference; a = m.model(IN); m.merge(add_difference(a, m.convert(m.model(${JSON.stringify(path)}), a), alpha=0.7) | a, ${MECHA_OUTPUT})`,
  }
}

function filled(words: readonly string[], input: string): string[] {
  return words.map((word) => (word === 'IN' ? input : word === 'OUT' ? join(out, 'out.safetensors') : word))
}

/** A file of `bytes` bytes for `cp`, cut from a copy of the input. */
function copySource(input: string, bytes: number): string {
  const path = join(values.data, 'cp-source.bin')
  if (!existsSync(path) || statSync(path).size !== bytes) {
    copyFileSync(input, path)
    truncateSync(path, bytes)
  }
  return path
}

function median(samples: readonly Sample[]): Sample {
  const middle = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!
  return {
    seconds: middle(samples.map(({ seconds }) => seconds)),
    megabytes: middle(samples.map(({ megabytes }) => megabytes)),
  }
}

function contestants(contest: Contest, input: string): Map<string, readonly string[]> {
  const all = new Map<string, readonly string[]>([
    ['sdtool', [process.execPath, cli, ...filled(contest.sdtool, input)]],
  ])
  if (!contest.copies) all.set('node -e 0', [process.execPath, '-e', '0'])
  else {
    settle(input)
    run(all.get('sdtool')!)
    const bytes =
      contest.copies === 'input' ? statSync(input).size : statSync(join(out, 'out.safetensors')).size
    const source = copySource(input, bytes)
    all.set('cp', ['cp', source, join(out, 'copy')])
    all.set('cp + sync', ['sh', '-c', `cp '${source}' '${out}/copy' && sync '${out}/copy'`])
  }
  if (values.python && contest.python) {
    const prelude = `IN = ${JSON.stringify(input)}; OUT = ${JSON.stringify(join(out, 'out.safetensors'))}`
    const fakes =
      'import sys, types\nm = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint"); m.ModelCheckpoint = type("ModelCheckpoint", (), {})\nfor n in ("pytorch_lightning", "pytorch_lightning.callbacks"): sys.modules[n] = types.ModuleType(n)\nsys.modules[m.__name__] = m'
    all.set('torch', [values.python, '-c', `${fakes}\n${prelude}\n${contest.python}`])
  }
  if (values.kohya && contest.kohya) {
    const words = filled(contest.kohya, input).map((word) => `'${word}'`)
    const start = `cd '${values.kohya}/networks' && PYTHONPATH=..`
    all.set('kohya', ['sh', '-c', `${start} exec '${values['kohya-python']}' ${words.join(' ')}`])
  }
  if (values['mecha-python'] && contest.mecha) {
    const prelude = `from pathlib import Path; IN = ${JSON.stringify(input)}; OUT = Path(${JSON.stringify(join(out, 'out.safetensors'))})`
    all.set('sd-mecha', [values['mecha-python'], '-c', `${prelude}; ${contest.mecha}`])
  }
  if (contest.sdtool[0]!.startsWith('merge')) {
    all.set('--no-verify', [...all.get('sdtool')!, '--no-verify'])
  }
  return all
}

process.stdout.write('case        contestant   seconds   ratio to cp   peak MB\n')
for (const contest of CONTESTS) {
  if (positionals.length > 0 && !positionals.includes(contest.name)) continue
  const input = join(values.data, contest.file)
  const all = contestants(contest, input)
  const samples = new Map([...all.keys()].map((name) => [name, [] as Sample[]]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, command] of all) {
      settle(input)
      samples.get(name)!.push(run(command))
    }
  }
  const base = median(samples.get('cp') ?? samples.get('node -e 0')!).seconds
  for (const [name, list] of samples) {
    const { seconds, megabytes } = median(list)
    const time = Number.isNaN(seconds) ? 'failed' : seconds.toFixed(2)
    const columns = [contest.name.padEnd(11), name.padEnd(12), time.padStart(7)]
    process.stdout.write(
      `${columns.join(' ')}  ${(seconds / base).toFixed(2).padStart(12)}  ${megabytes.toFixed(0).padStart(8)}\n`,
    )
  }
}
rmSync(out, { recursive: true, force: true })
