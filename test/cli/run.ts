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
): Promise<CliResult> {
  let stdout = ''
  let stderr = ''
  const code = await main(args, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    env,
    now: () => new Date('2026-01-02T03:04:05Z'),
    threads: 0,
    signal,
    version: '9.9.9',
  })
  return { code, stdout, stderr }
}
