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
    ['NOT_A_MODEL', /web page/, latin1('<div class="x">')],
    ['NOT_A_MODEL', /web page/, latin1('<?xml version="1.0"?><Error><Code>AccessDenied</Code>')],
    ['NOT_A_MODEL', /error message/, latin1('\xef\xbb\xbf{ "message": "Bad credentials" }')],
    ['NOT_A_MODEL', /a JSON file/, latin1('{"ss_output_name": "x"}')],
    ['NOT_A_MODEL', /a JSON file/, latin1('[1, 2]')],
    ['NOT_A_MODEL', /list of the shards/, latin1('{"metadata": {"total_size": 5}, "weight_map": {}}')],
    ['NOT_A_MODEL', /a workflow/, latin1('{"last_node_id": 9, "nodes": []}')],
    ['NOT_A_MODEL', /a workflow/, latin1('{"3": {"inputs": {}, "class_type": "KSampler"}}')],
    ['NOT_A_MODEL', /the configuration/, latin1('{\n  "_class_name": "UNet2DConditionModel"\n}')],
    ['NOT_A_MODEL', /the configuration/, latin1('{"peft_type": "LORA"}')],
    ['NOT_A_MODEL', /a recipe/, latin1('{"version":2,"sdtool":"0.1.0","operation":"prune"}')],
    ['NOT_A_MODEL', /an ONNX model/, latin1('\x08\x08\x12\x07pytorch\x1a\x052.1.0')],
    ['NOT_A_MODEL', /an AVIF image/, latin1('\0\0\0\x20ftypavif\0\0\0\0')],
    ['NOT_A_MODEL', /a HEIF image/, latin1('\0\0\0\x18ftypheic\0\0\0\0')],
    ['NOT_A_MODEL', /MP4/, latin1('\0\0\0\x20ftypisom\0\0\x02\0')],
    ['UNKNOWN_FORMAT', /a text file, .* "just text, no model"$/, latin1('just text, no model\r\nsecond')],
    ['UNKNOWN_FORMAT', /only 1 byte,/, latin1('\x01')],
    ['UNKNOWN_FORMAT', /only 2 bytes,/, latin1('\x01\xff')],
    [
      'UNKNOWN_FORMAT',
      /with the bytes 01 ff 02 fe 03 fd 04 fc$/,
      latin1('\x01\xff\x02\xfe\x03\xfd\x04\xfc'.repeat(3)),
    ],
    // STOP of a pickle, of nothing
    ['UNKNOWN_FORMAT', /a text file, .* "\.\.\//, latin1('../model.safetensors')],
  ])('%s %s', async (code, message, bytes) => {
    const error = await refusal(bytes)
    expect(error).toMatchObject({ code, exitCode: 3 })
    expect(error!.message).toMatch(message)
    expect(error!.message).not.toMatch(/\\u|\\x/)
    expect(error!.hint).toBeTruthy()
  })

  /** As an editor that takes bytes for UTF-8 writes them, and one that takes them for Latin-1. */
  const EDITORS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
    replaced: (bytes) => Buffer.from(bytes.toString('utf8')),
    'written as two bytes': (bytes) => Buffer.from(bytes.toString('latin1')),
  }

  async function binaries(): Promise<Record<string, Buffer>> {
    const tensors = torch.dict({
      w: torch.tensor(torch.storageOf('F32', new Float32Array(400).fill(-7.3)), [400]),
    })
    const header = JSON.stringify({ w: { dtype: 'F32', shape: [64], data_offsets: [0, 256] } }).padEnd(200)
    const length = Buffer.alloc(8)
    length.writeUInt32LE(header.length)
    return {
      'a torch zip': Buffer.from(await torch.torchBytes(tensors)),
      'a safetensors file': Buffer.concat([length, Buffer.from(header), Buffer.alloc(256, 0xc1)]),
      'a pickle': Buffer.from('\x80\x02}q\0X\x01\0\0\0wq\x01K\xffs.', 'latin1'),
    }
  }

  it.each(
    ['a torch zip', 'a safetensors file', 'a pickle'].flatMap((name) =>
      Object.keys(EDITORS).map((how) => [name, how] as const),
    ),
  )('%s that was saved as text, its bytes %s', async (name, how) => {
    const error = await refusal(EDITORS[how]!((await binaries())[name]!))
    expect(error).toMatchObject({ code: 'SAVED_AS_TEXT', exitCode: 3, message: expect.stringContaining(how) })
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
