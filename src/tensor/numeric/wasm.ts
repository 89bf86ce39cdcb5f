/** WebAssembly that is kept in the sources as base64: compiled when it is first used, once in a thread. */

/** The part of WebAssembly that is used; the types of Node 20 leave it out. */
interface WasmEngine {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

/** Gives the exports of a module without imports, as `T`. Compiles it at the first call. */
export function lazyWasm<T>(base64: string): () => T {
  let instance: T | undefined
  return () => {
    if (instance === undefined) {
      const { WebAssembly: engine } = globalThis as unknown as { WebAssembly: WasmEngine }
      instance = new engine.Instance(new engine.Module(Buffer.from(base64, 'base64'))).exports as T
    }
    return instance
  }
}
