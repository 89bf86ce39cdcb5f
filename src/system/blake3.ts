/** Apart from `hash.ts`, which loads it when it is needed: of a whole package that is loaded so, the bundle would keep all. */
export { createBLAKE3 } from 'hash-wasm'
