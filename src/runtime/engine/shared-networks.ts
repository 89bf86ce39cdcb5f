/** Networks for several jobs one after the other whose models are alike: a sweep over a LoRA, over settings. */
import { createHash } from 'node:crypto'
import type { Model } from '../../model/model.ts'
import type { Tensor } from '../../tensor/values/table.ts'
import { availableMemory } from '../sessions/memory.ts'
import type { Engine, TextEncoder, TextInput, TextOutput, TextTower, Vae } from './engine.ts'
import { joinFloats } from './floats.ts'

export interface SharedEngine extends Engine {
  /** Gives back what is still there. Never throws. */
  close(): Promise<void>
}

/** Free memory with which a VAE is kept while the next UNet is there: the UNet of SDXL fits beside it. */
const ROOMY_BYTES = 14e9

/**
 * The networks of `engine`, of which a text encoder is asked the same only once and a VAE stays from one job to the
 * next, both where their weights lie in the same place of the same file. A UNet is never kept: it is most of the memory.
 */
export function sharedEngine(engine: Engine, freeBytes: () => number = availableMemory): SharedEngine {
  const texts = new Map<string, TextOutput>()
  let kept: { readonly key: string; readonly vae: Vae } | undefined
  const drop = async (): Promise<void> => {
    const { vae } = kept ?? {}
    kept = undefined
    await vae?.close()
  }
  return {
    textTowers: engine.textTowers,
    openDenoiser: engine.openDenoiser,
    async openTextEncoder(model, tower, options) {
      const key = placesOf(towerTensors(model, tower))
      const open = () => engine.openTextEncoder(model, tower, options)
      return key === undefined ? open() : rememberingEncoder(tower, open, key, texts)
    },
    async openVae(model, format, options) {
      const places = placesOf(vaeTensors(model))
      const key = places && `${JSON.stringify(format)} ${places}`
      if (key !== undefined && kept?.key === key) return borrowed(kept.vae)
      await drop()
      const vae = await engine.openVae(model, format, options)
      if (key === undefined) return vae
      kept = { key, vae }
      return borrowed(vae)
    },
    close: drop,
  }

  /** The VAE for one job: it is closed only if there is no room for it. */
  function borrowed(vae: Vae): Vae {
    return { ...vae, close: async () => (freeBytes() < ROOMY_BYTES ? drop() : undefined) }
  }
}

/** An encoder that is opened for what it was not asked yet. */
function rememberingEncoder(
  tower: TextTower,
  open: () => Promise<TextEncoder>,
  weights: string,
  known: Map<string, TextOutput>,
): TextEncoder {
  let opened: Promise<TextEncoder> | undefined
  return {
    title: tower.title,
    tower,
    async encode(inputs, options = {}) {
      const keys = inputs.map((input) => `${weights} ${options.skip} ${textKey(input)}`)
      const asked = inputs.filter((_, i) => !known.has(keys[i]!))
      if (asked.length > 0) {
        opened ??= open()
        const encoder = await opened
        for (const input of asked) {
          const key = keys[inputs.indexOf(input)]!
          if (!known.has(key)) known.set(key, await encoder.encode([input], options))
        }
      }
      return concatenateOutputs(keys.map((key) => known.get(key)!))
    },
    async close() {
      const encoder = await opened?.catch(() => undefined)
      await encoder?.close()
    },
  }
}

function textKey({ ids, vectors = [] }: TextInput): string {
  return JSON.stringify([ids, vectors.map(({ position, values }) => [position, [...values]])])
}

/** Copies: weights of prompts are multiplied into them. */
function concatenateOutputs(outputs: readonly TextOutput[]): TextOutput {
  const { width, pooledWidth } = outputs[0]!
  const hidden = joinFloats(outputs.map((output) => output.hidden))
  if (pooledWidth === undefined) return { hidden, width }
  return { hidden, width, pooled: joinFloats(outputs.map(({ pooled }) => pooled!)), pooledWidth }
}

function towerTensors({ file, identity }: Model, { component }: TextTower): Tensor[] {
  return identity.components[component]!.names.map((name) => file.tensors.get(name)!)
}

/** A TAESD is all of its file. */
function vaeTensors({ file, identity }: Model): Tensor[] {
  const component = identity.components.find(({ role }) => role === 'vae')
  return [...(component?.names ?? file.tensors.keys())].map((name) => file.tensors.get(name)!)
}

/** A name for where tensors lie, which says what they are; undefined if some lie nowhere yet, as they are computed. */
function placesOf(tensors: readonly Tensor[]): string | undefined {
  const hash = createHash('sha256')
  for (const { name, dtype, shape, source } of tensors) {
    if (source.kind !== 'stored') return undefined
    hash.update(JSON.stringify([name, dtype, shape, source]))
  }
  return hash.digest('hex')
}
