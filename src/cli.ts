#!/usr/bin/env node
import { ownEnvironment } from './api/environment.ts'
import { main } from './main.ts'
import { messages } from './messages.ts'
import { EXIT } from './system/errors.ts'
import { misspeltName } from './system/spelling.ts'

const abort = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // The first one stops the work and removes what is half written; a second one does not wait for that.
  process.on(signal, () => (abort.signal.aborted ? process.exit(EXIT.interrupted) : abort.abort()))
}
// A reader that goes away (`sdtool inspect x | head`) ends the output, not the work.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return
  process.stderr.write(`${messages.brokenOutput(String(error.code))}\n`)
  process.exitCode = EXIT.failed
})
process.stderr.on('error', () => {})

const argv = process.argv.slice(2)
const exitCode = await main(argv, {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  ...ownEnvironment(),
  partThread: new URL('./part-writer-worker.js', import.meta.url),
  signal: abort.signal,
  misspelt: misspeltName(argv.length),
})
process.exitCode ??= exitCode
