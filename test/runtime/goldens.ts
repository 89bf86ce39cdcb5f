/** Goldens of fixtures/goldens/sampling.py. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { contentsOf, floatsOf } from '../model-files.ts'

const FOLDER = join(import.meta.dirname, '../../fixtures/goldens')

export const GOLDENS = JSON.parse(readFileSync(join(FOLDER, 'sampling.json'), 'utf8')) as {
  readonly random: {
    readonly pairs: readonly (readonly [seed: string, count: number])[]
    readonly big: { readonly seed: string; readonly count: number; readonly stride: number }
    readonly following: { readonly seed: string; readonly counts: readonly number[] }
  }
  readonly seedSequences: readonly {
    readonly entropy: string
    readonly key: readonly string[]
    readonly words: readonly number[]
  }[]
  readonly brownian: readonly {
    readonly seed: string
    readonly low: number
    readonly high: number
    readonly count: number
    readonly queries: readonly (readonly [number, number])[]
  }[]
  readonly schedules: {
    readonly sigmas: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>
    readonly timesteps: readonly (readonly [sigma: number, t: number])[]
    readonly levels: readonly (readonly [t: number, sigma: number])[]
  }
  readonly zeroTerminal: readonly number[]
  readonly samplers: readonly SamplerGolden[]
  readonly diffusers: readonly SamplerGolden[]
  readonly guidance: Readonly<Record<'text' | 'empty' | 'guided' | 'rescaled', readonly number[]>>
}

export interface SamplerGolden {
  readonly sampler: string
  readonly sigmas: readonly number[]
  readonly x: readonly number[]
}

/** Float tensors of a safetensors file by their names. */
export async function goldenTensors(name: string): Promise<(tensor: string) => Float32Array> {
  const contents = await contentsOf(join(FOLDER, name))
  return (tensor) => floatsOf(contents, tensor)
}

/** Largest absolute difference. */
export function worst(values: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (values.length !== expected.length) return Number.POSITIVE_INFINITY
  let most = 0
  for (let i = 0; i < values.length; i++) {
    const difference = Math.abs(values[i]! - expected[i]!)
    if (!(difference <= most)) most = difference
  }
  return most
}
