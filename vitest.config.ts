import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Builds dist once, so that tests of the installed command never run a stale build.
    testTimeout: 30_000,
  },
})
