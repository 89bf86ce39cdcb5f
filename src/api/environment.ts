/** What calls of the library, and the command, work with where nobody says otherwise. Nothing of it is shared by two calls. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { defined } from '../system/defined.ts'
import type { Environment } from '../system/world.ts'
import type { CallOptions } from './types.ts'

/** In `dist` all files lie in one folder, this one bundled into another. */
const HERE = import.meta.url

const NEVER = (): AbortSignal => new AbortController().signal

/** Of the package, as `sdtool --version` prints it. */
export function packageVersion(): string {
  const path = HERE.endsWith('.ts') ? '../../package.json' : '../package.json'
  const { version } = JSON.parse(readFileSync(new URL(path, HERE), 'utf8')) as { version: string }
  return version
}

/**
 * Threads, scripts and environment variables of this process. From source there are no built scripts: products are
 * multiplied by our own kernel, and networks are held by the calling process.
 */
export function ownEnvironment(): Omit<Environment, 'signal' | 'progress'> {
  const isBuilt = !HERE.endsWith('.ts')
  return {
    env: process.env,
    now: () => new Date(),
    threads: isBuilt ? availableParallelism() : 0,
    ...(isBuilt && {
      matmul: new URL('./matmul.js', HERE),
      sessions: new URL('./session-process.js', HERE),
    }),
    version: packageVersion(),
  }
}

/** What one call works with. */
export function environmentFor({ signal, onProgress, threads, env }: CallOptions): Environment {
  return {
    ...ownEnvironment(),
    ...defined({ threads, env, progress: onProgress }),
    signal: signal ?? NEVER(),
  }
}
