import { describe, expect, it } from 'vitest'
import * as asm from '../../../fixtures/pickle-assembler.ts'
import * as torch from '../../../fixtures/torch-writer.ts'
import { memorySource } from '../../../src/system/bytes.ts'
import { FORMATS, openModel } from '../../../src/tensor/formats/open.ts'
import { refusal } from '../../hostile/outcome.ts'

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

function tar(member: string): Buffer {
  const bytes = Buffer.alloc(1024)
  bytes.write(member, 0, 'latin1')
  bytes.write('ustar', 257, 'latin1')
  return bytes
}

describe('files that are no model', () => {
  it.each<[string, RegExp, Buffer]>([
    ['NOT_A_MODEL', /web page/, latin1('<!DOCTYPE html>\n<html><head>')],
    ['NOT_A_MODEL', /web page/, latin1('\xef\xbb\xbf  <HTML>')],
    ['NOT_A_MODEL', /git-lfs pointer/, latin1('version https://git-lfs.github.com/spec/v1\noid sha256:0\n')],
    ['NOT_A_MODEL', /error message/, latin1('{"error":"Unauthorized"}')],
    ['EMPTY_FILE', /empty file/, Buffer.alloc(0)],
    ['EMPTY_FILE', /512 zero bytes/, Buffer.alloc(4000)],
    ['NOT_A_MODEL', /7z/, latin1("7z\xbc\xaf'\x1c\0\x04")],
    ['NOT_A_MODEL', /rar/, latin1('Rar!\x1a\x07\x01\0')],
    ['NOT_A_MODEL', /gzip/, latin1('\x1f\x8b\x08\0\0\0\0\0')],
    ['NOT_A_MODEL', /PNG/, latin1('\x89PNG\r\n\x1a\n')],
    ['NOT_A_MODEL', /JPEG/, latin1('\xff\xd8\xff\xe0')],
    ['NOT_A_MODEL', /numpy array/, latin1('\x93NUMPY\x01\0')],
    ['NOT_A_MODEL', /HDF5/, latin1('\x89HDF\r\n\x1a\n')],
    ['TORCH_TAR', /torch 0\.1/, tar('sys_info')],
    ['NOT_A_MODEL', /tar archive/, tar('model.safetensors')],
    ['FILE_TRUNCATED', /zip archive without its end/, latin1('PK\x03\x04').subarray(0, 4)],
    ['UNKNOWN_FORMAT', /"just text/, latin1('just text, no model')],
    ['UNKNOWN_FORMAT', /"\\u0001/, latin1('\x01')],
    // STOP of a pickle, of nothing
    ['UNKNOWN_FORMAT', /"\.\.\//, latin1('../model.safetensors')],
  ])('%s %s', async (code, message, bytes) => {
    const error = await refusal(bytes)
    expect(error).toMatchObject({ code, exitCode: 3 })
    expect(error!.message).toMatch(message)
    expect(error!.hint).toBeTruthy()
  })

  it('a zip cut at any place is called truncated', async () => {
    const whole = await torch.torchBytes(
      torch.dict({ w: torch.tensor(torch.storageOf('F32', Float32Array.of(1)), [1]) }),
    )
    for (let length = 4; length < whole.byteLength; length += 37)
      expect(await refusal(whole.subarray(0, length)), `${length} bytes`).toMatchObject({
        code: 'FILE_TRUNCATED',
      })
  })
})

describe('sniffing', () => {
  it.each([
    ['protocol 0', asm.pickle(asm.MARK, asm.LIST, asm.put(0), asm.int('1'), asm.APPEND, asm.STOP)],
    ['protocol 1', asm.pickle(asm.EMPTY_DICT, asm.put(0), asm.STOP)],
    ['protocol 5', asm.pickle(asm.proto(5), asm.frame(2), asm.NONE, asm.STOP)],
  ])('knows a bare pickle of %s by its opcodes', async (_, bytes) => {
    expect((await openModel(memorySource('x.bin', bytes))).format).toBe('pickle')
  })

  it('a safetensors header whose length looks like another magic number is safetensors', async () => {
    // 23,117 = 0x5a4d, "MZ" of a Windows program
    const header = Buffer.from('{"w":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'.padEnd(0x5a4d, ' '))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(header.byteLength))
    expect((await openModel(memorySource('x.ckpt', Buffer.concat([length, header])))).format).toBe(
      'safetensors',
    )
  })

  it('every registered format has an id and a title of its own', () => {
    expect(new Set(FORMATS.map(({ id }) => id)).size).toBe(FORMATS.length)
    expect(new Set(FORMATS.map(({ title }) => title)).size).toBe(FORMATS.length)
  })
})
