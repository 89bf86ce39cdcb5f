import { main } from '../../src/main.ts'
import type { InputStream } from '../../src/system/world.ts'

export interface CliResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command line in this process, with a fixed clock and no terminal. */
export async function runCli(
  args: readonly string[],
  signal = new AbortController().signal,
  env: Readonly<Record<string, string>> = {},
  terminal?: World['terminal'],
): Promise<CliResult> {
  return run(args, { signal, env, ...(terminal && { terminal }) })
}

/** The same for a person who looks at a terminal without colours. */
export async function runOnTerminal(args: readonly string[], columns: number): Promise<CliResult> {
  const signal = new AbortController().signal
  return run(args, { signal, env: { NO_COLOR: '1' }, terminal: { isTTY: true, columns } })
}

/** The same with pieces of input that come one after the other, from a terminal or a pipe. */
export async function runTyping(
  args: readonly string[],
  pieces: readonly string[],
  env: Readonly<Record<string, string>>,
  isTTY = false,
): Promise<CliResult> {
  async function* typed() {
    yield* pieces
  }
  const stdin = { isTTY, [Symbol.asyncIterator]: typed }
  return run(args, { signal: new AbortController().signal, env, stdin })
}

/** The same with something that happens whenever the program looks at the clock, which it does in the middle of its work. */
export function runDisturbed(args: readonly string[], disturb: () => void): Promise<CliResult> {
  return run(args, { signal: new AbortController().signal, env: {}, disturb })
}

interface World {
  readonly disturb?: () => void
  readonly signal: AbortSignal
  readonly stdin?: InputStream
  readonly env: Readonly<Record<string, string>>
  readonly terminal?: { readonly isTTY: true; readonly columns: number }
}

async function run(
  args: readonly string[],
  { signal, env, terminal, stdin, disturb }: World,
): Promise<CliResult> {
  let stdout = ''
  let stderr = ''
  const code = await main(args, {
    stdout: { write: (text) => (stdout += text), ...terminal },
    stderr: { write: (text) => (stderr += text) },
    env,
    ...(stdin && { stdin }),
    now: () => {
      disturb?.()
      return new Date('2026-01-02T03:04:05Z')
    },
    threads: 0,
    random: () => 1,
    sleep: async () => {},
    signal,
    version: '9.9.9',
  })
  return { code, stdout, stderr }
}
