import { main } from '../../src/main.ts'

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

interface World {
  readonly signal: AbortSignal
  readonly env: Readonly<Record<string, string>>
  readonly terminal?: { readonly isTTY: true; readonly columns: number }
}

async function run(args: readonly string[], { signal, env, terminal }: World): Promise<CliResult> {
  let stdout = ''
  let stderr = ''
  const code = await main(args, {
    stdout: { write: (text) => (stdout += text), ...terminal },
    stderr: { write: (text) => (stderr += text) },
    env,
    now: () => new Date('2026-01-02T03:04:05Z'),
    threads: 0,
    signal,
    version: '9.9.9',
  })
  return { code, stdout, stderr }
}
