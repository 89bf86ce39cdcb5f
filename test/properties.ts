/**
 * fast-check with one seed for all, so that no run of the tests fails by chance.
 * `FAST_CHECK_SEED=7 npx vitest run FILE` tries other values.
 */
import fc from 'fast-check'

fc.configureGlobal({ seed: Number(process.env.FAST_CHECK_SEED ?? 1) })

export { fc }
