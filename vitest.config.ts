import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // test/cli/process.test.ts runs dist/: `npm test` builds it first, a bare `vitest` does not
    testTimeout: 120_000,
  },
})
