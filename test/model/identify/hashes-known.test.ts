import { describe, expect, it } from 'vitest'
import {
  KNOWN_CHECKPOINTS,
  KNOWN_VAES,
  knownBySha256,
  knownByShortHash,
  knownVaesByAutoV1,
} from '../../../src/model/identify/hashes-known.ts'
import { describeReal } from '../../real-files.ts'
import { realTable } from '../shape-table.ts'

describe('known files', () => {
  it('have well-formed hashes, each once', () => {
    const all = [...KNOWN_CHECKPOINTS, ...KNOWN_VAES]
    const hashes = all.flatMap(({ sha256 }) => sha256 ?? [])
    expect(hashes.every((hash) => /^[0-9a-f]{64}$/.test(hash))).toBe(true)
    expect(new Set(hashes).size).toBe(hashes.length)
    expect(all.every(({ sha256, autoV1 }) => (sha256 ?? autoV1) !== undefined)).toBe(true)
    expect(all.every(({ autoV1 }) => autoV1 === undefined || /^[0-9a-f]{8}$/.test(autoV1))).toBe(true)
  })

  it('are found by sha256 in any case', () => {
    const hash = '735E4C3A447A3255760D7F86845F09F937809BAA529C17370D83E4C3758F3C75'
    expect(knownBySha256(hash)?.name).toBe('vae-ft-mse-840000-ema-pruned.safetensors')
    expect(knownBySha256('0'.repeat(64))).toBeUndefined()
  })

  it('are found by AutoV1 and by the first ten digits of the sha256', () => {
    expect(knownByShortHash('81761151').map(({ name }) => name)).toEqual(['v1-5-pruned-emaonly.ckpt'])
    expect(knownByShortHash('31e35c80fc').map(({ name }) => name)).toEqual(['sd_xl_base_1.0.safetensors'])
  })

  it('are VAEs by AutoV1 only if the size is theirs, where it is known', () => {
    const names = (autoV1: string, bytes: number) => knownVaesByAutoV1(autoV1, bytes).map(({ name }) => name)
    expect(names('9f45927e', 404_662_241)).toEqual(['kl-f8-anime2.ckpt'])
    expect(names('9f45927e', 404_662_240)).toEqual([])
    expect(names('223531c6', 1)).toEqual(['vae-ft-mse-840000-ema-pruned.ckpt'])
    expect(names('81761151', 1)).toEqual([]) // a checkpoint
  })

  it.each(['', '3', '31e35c80f', 'not a hash', '../../etc'])('%j finds nothing', (hash) => {
    expect(knownByShortHash(hash)).toEqual([])
  })
})

describeReal('hashes in files other people made', () => {
  it('name the NovelAI model that the trainer names, too', () => {
    const { metadata } = realTable('loras/KohakuBlueleaf__LyCORIS__result__smart_falcon_4_lokr.safetensors')
    expect(metadata.ss_sd_model_name).toBe('animefull-final-pruned.safetensors')
    expect(knownByShortHash(metadata.ss_sd_model_hash!)[0]?.name).toContain('animefull-final-pruned')
  })
})
