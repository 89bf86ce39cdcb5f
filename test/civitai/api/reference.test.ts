import { describe, expect, it } from 'vitest'
import { looksRemote, parseReference } from '../../../src/civitai/api/reference.ts'
import { DEFAULT_URL, type Site } from '../../../src/civitai/http/hosts.ts'

const SITE: Site = { base: new URL(DEFAULT_URL), configured: false }
const OWN: Site = { base: new URL('http://127.0.0.1:8080/mirror'), configured: true }

function parsed(text: string, site = SITE) {
  const { site: asked, ...reference } = parseReference(text, site)
  return { ...reference, base: asked.base.origin }
}

const COM = { base: 'https://civitai.com', wish: {} }

describe('a reference', () => {
  it.each([
    ['https://civitai.com/models/7984', { kind: 'model', id: 7984 }],
    ['https://www.civitai.com/models/7984/figma-anime-figures', { kind: 'model', id: 7984 }],
    [
      'https://civitai.com/models/7984/布川?modelVersionId=9413#files',
      { kind: 'model', id: 7984, versionId: 9413 },
    ],
    ['https://civitai.com/models/7984?modelVersionId=9413', { kind: 'model', id: 7984, versionId: 9413 }],
    ['https://civitai.com/de/models/7984', { kind: 'model', id: 7984 }],
    ['https://civitai.com/model-versions/9413', { kind: 'version', id: 9413 }],
    ['https://civitai.com/api/v1/models/7984', { kind: 'model', id: 7984 }],
    ['https://api.civitai.com/api/v1/model-versions/9413', { kind: 'version', id: 9413 }],
    ['https://civitai.com/api/v1/model-versions/by-hash/6F6D687FE0', { kind: 'hash', hash: '6f6d687fe0' }],
    ['model:7984', { kind: 'model', id: 7984 }],
    ['model:7984@9413', { kind: 'model', id: 7984, versionId: 9413 }],
    ['7984@9413', { kind: 'model', id: 7984, versionId: 9413 }],
    ['version:9413', { kind: 'version', id: 9413 }],
    ['civitai:9413', { kind: 'number', id: 9413 }],
    [' 9413 ', { kind: 'number', id: 9413 }],
    ['hash:2577CD588C', { kind: 'hash', hash: '2577cd588c' }],
    ['urn:air:sd1:lora:civitai:7984@9413', { kind: 'model', id: 7984, versionId: 9413 }],
    ['urn:air:other:upscaler:civitai:147759@164821', { kind: 'model', id: 147759, versionId: 164821 }],
    ['air:sdxl:checkpoint:civitai:4384', { kind: 'model', id: 4384 }],
    ['sdxl:lora:civitai:357756@399893', { kind: 'model', id: 357756, versionId: 399893 }],
  ])('%s', (text, expected) => {
    expect(parsed(text)).toEqual({ ...COM, ...expected })
  })

  it('takes the format off the version of an AIR, and the file id behind a plus', () => {
    expect(parsed('urn:air:flux1:lora:civitai:802130@900661.safetensor')).toMatchObject({
      id: 802130,
      versionId: 900661,
    })
    expect(parsed('urn:air:sdxl:lora:civitai:1@2+3.safetensors')).toMatchObject({
      versionId: 2,
      wish: { fileId: 3 },
    })
  })

  it('asks civitai.red for its own pages, unless another address is configured', () => {
    expect(parsed('https://civitai.red/models/3').base).toBe('https://civitai.red')
    expect(parsed('https://civitai.red/models/3', OWN).base).toBe('http://127.0.0.1:8080')
    expect(parsed('http://127.0.0.1:8080/mirror/models/3', OWN)).toMatchObject({ kind: 'model', id: 3 })
  })

  it('keeps what a download address says of the file, and drops its token', () => {
    const url =
      'https://civitai.com/api/download/models/128713?type=Model&format=SafeTensor&size=pruned&fp=fp16&token=sesame'
    expect(parsed(url)).toEqual({
      base: 'https://civitai.com',
      kind: 'version',
      id: 128713,
      wish: { type: 'Model', format: 'SafeTensor', size: 'pruned', fp: 'fp16' },
    })
    expect(JSON.stringify(parseReference(url, SITE))).not.toContain('sesame')
  })

  it.each([
    ['https://civitai.com.evil.org/models/3'],
    ['https://evil.org/civitai.com/models/3'],
    ['https://civitai.com:8443/models/3'],
    ['https://b2.civitai.com/models/3'],
    ['https://civitai.com/user/someone'],
    ['https://'],
    ['urn:air:sdxl:lora:huggingface:stabilityai'],
    ['urn:air:sdxl:lora:civitai:abc'],
    ['urn:air:sdxl'],
    ['hash:123'],
    ['hash:zzzzzzzz'],
    ['model:0'],
    ['model:99999999999'],
    ['version:1e3'],
    ['dreamshaper'],
  ])('%s is refused with exit code 2', (text) => {
    expect(() => parseReference(text, SITE)).toThrow(expect.objectContaining({ code: 'USAGE', exitCode: 2 }))
  })

  it.each([
    ['https://civitai.com/models/0?x=1', '"https://civitai.com/models/0": "0" is not a model ID'],
    [
      'https://civitai.com/api/download/models/0',
      '"https://civitai.com/api/download/models/0": "0" is not a version ID',
    ],
    [
      'https://civitai.com/models/3?modelVersionId=x',
      '"https://civitai.com/models/3": "x" is not a version ID',
    ],
    ['version:1e3', '"version:1e3": "1e3" is not a version ID'],
    ['urn:air:sd1:lora:civitai:1@0', '"urn:air:sd1:lora:civitai:1@0": "0" is not a version ID'],
  ])('%s names the part that is wrong', (text, message) => {
    expect(() => parseReference(text, SITE)).toThrow(message)
  })

  it('never repeats the query of an address it refuses', () => {
    for (const text of [
      'https://evil.org/models/3?token=sesame',
      'https://civitai.com/x?token=sesame',
      'https://?token=sesame',
    ]) {
      let message = ''
      try {
        parseReference(text, SITE)
      } catch (error) {
        message = `${(error as Error).message} ${(error as { hint?: string }).hint}`
      }
      expect(message).not.toBe('')
      expect(message).not.toContain('sesame')
    }
  })

  it('is distinguished from the name of a file', () => {
    for (const text of ['https://x.org/a', 'hash:aa', 'urn:air:sd1:lora:civitai:1', 'model:3'])
      expect(looksRemote(text)).toBe(true)
    for (const text of ['model.ckpt', '123', 'C:/models/x', './hash:aa', 'lora:0.7'])
      expect(looksRemote(text)).toBe(false)
  })
})
