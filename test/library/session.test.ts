import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openModelFile } from '../../src/library/session.ts'

it('says of a folder of diffusers what it is, and how it becomes a model', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sdtool-session-'))
  try {
    mkdirSync(join(folder, 'transformer'))
    writeFileSync(join(folder, 'model_index.json'), '{}')
    await expect(openModelFile(folder, { signal: new AbortController().signal })).rejects.toMatchObject({
      code: 'NOT_A_FILE',
      exitCode: 3,
      message: `${folder} is a folder of diffusers, with its networks in folders of their own`,
      hint: expect.stringContaining(`sdtool convert ${folder}`),
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

it('says of any other folder that it is one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sdtool-session-'))
  try {
    writeFileSync(join(folder, 'adapter_model.safetensors'), '')
    await expect(openModelFile(folder, { signal: new AbortController().signal })).rejects.toMatchObject({
      code: 'NOT_A_FILE',
      message: `${folder} is a folder`,
      hint: 'Name a file in it.',
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
