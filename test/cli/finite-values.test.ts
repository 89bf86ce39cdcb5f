import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { TensorTable } from '../../src/tensor/values/table.ts'
import { writeModel } from '../model-files.ts'
import { bytesTensor, floatTensor, tableOf } from '../tables.ts'
import { tempFolder } from '../temp-folder.ts'
import { ALL_MAKERS, MODEL_MAKERS, modelMakers, writeInputs } from './model-makers.ts'
import { runCli } from './run.ts'

/** With one value of every weight broken. */
function broken({ tensors, metadata }: TensorTable, value: number): TensorTable {
  const all = [...tensors.values()].map((tensor) => {
    if (tensor.source.kind !== 'bytes' || tensor.name.endsWith('.alpha')) return tensor
    const values = [...new Float32Array(tensor.source.data.slice().buffer)]
    return floatTensor(tensor.name, [...tensor.shape], [value, ...values.slice(1)])
  })
  return tableOf(all, metadata)
}

describe('values that are no numbers', () => {
  it('every command that makes models is looked at here', async () => {
    expect(Object.keys(MODEL_MAKERS).sort()).toEqual([...(await modelMakers())].sort())
  })

  it.each(ALL_MAKERS.filter(([, { brings }]) => brings !== undefined))(
    '%s: refused, exit 3, where they would come into a model',
    async (_, { args, brings }) => {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const folder = tempFolder()
        const path = await writeInputs(folder, (name, table) =>
          name === brings ? broken(table, value) : table,
        )
        const out = join(folder, 'out.safetensors')
        const { code, stdout, stderr } = await runCli(args(path, out))
        expect([code, stdout + stderr]).toEqual([3, expect.stringMatching(/NaN|infinite|finite/)])
        expect(existsSync(out)).toBe(false)
      }
    },
  )

  it.each(ALL_MAKERS.filter(([, { brings }]) => brings === undefined))(
    '%s: told, where they were there before',
    async (_, { args }) => {
      const folder = tempFolder()
      const path = await writeInputs(folder, (_, table) => broken(table, Number.NaN))
      const { code, stdout } = await runCli([...args(path, join(folder, 'out.safetensors')), '--json'])
      expect(code).toBe(0)
      const [{ findings }] = JSON.parse(stdout).results
      const found = findings.filter((finding: { code: string }) => finding.code === 'not-finite')
      expect(found).toMatchObject([
        {
          code: 'not-finite',
          severity: 'warning',
          message: expect.stringMatching(
            /^\d+ NaN or infinite values? in \d+ tensors? \(first ".*"\) kept as in the input/,
          ),
        },
      ])
    },
  )

  it('a folder of diffusers tells them of each network', async () => {
    const folder = tempFolder()
    const path = await writeInputs(folder, (_, table) => broken(table, Number.NaN))
    const args = ['convert', path('base'), '--to', 'diffusers', '-o', join(folder, 'out'), '--json']
    const [{ findings }] = JSON.parse((await runCli(args)).stdout).results
    const found = findings.filter(({ code }: { code: string }) => code === 'not-finite')
    expect(found.map(({ message }: { message: string }) => message.split(':')[0])).toEqual([
      'unet',
      'vae',
      'text_encoder',
    ])
  })

  it('the mask of OpenCLIP is infinite on purpose, in what is written as in what is looked at', async () => {
    const folder = tempFolder()
    const path = join(folder, 'mask.safetensors')
    const mask = bytesTensor('cond_stage_model.model.attn_mask', 'F16', [2], Uint8Array.of(0, 0, 0, 0xfc))
    const weight = floatTensor('cond_stage_model.model.ln_final.weight', [2], [1, 2])
    await writeModel(path, tableOf([mask, weight]))
    const out = join(folder, 'out.safetensors')
    const made = await runCli(['convert', path, '--dtype', 'bf16', '-o', out, '--json'])
    expect(JSON.parse(made.stdout).results[0].findings).toEqual([])
    const { code, stdout } = await runCli(['verify', path, '--json'])
    const { checks } = JSON.parse(stdout).results[0]
    expect([code, checks.filter(({ result }: { result: string }) => result === 'failed')]).toEqual([0, []])
  })
})
