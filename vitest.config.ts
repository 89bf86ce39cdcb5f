import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // some need dist/ (test/built.ts): `npm test` builds it first; after a bare `vitest` they say when it is old
    testTimeout: 120_000,
    // by default one core is left idle, which is half of a small machine
    maxWorkers: '100%',
  },
})
