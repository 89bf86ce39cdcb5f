import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // test/cli/process.test.ts runs dist/: `npm test` builds it first, a bare `vitest` does not
    testTimeout: 120_000,
    // by default one core is left idle, which is half of a small machine
    maxWorkers: '100%',
  },
})
