import type { World } from '../src/system/world.ts'

/** A world that nothing is printed to, at the beginning of time, without threads. */
export const QUIET_WORLD: World = {
  stdout: { write: () => {} },
  stderr: { write: () => {} },
  env: {},
  now: () => new Date(0),
  threads: 0,
  signal: new AbortController().signal,
  version: '9.9.9',
}
