import { describe, expect, it } from 'vitest'
import { numpyArray } from '../../fixtures/numpy-pickle.ts'
import * as asm from '../../fixtures/pickle-assembler.ts'
import { codeOf, refusal, reported } from './outcome.ts'

/** A pickle of protocol 4 that nothing is wrong with but the pieces. */
function pickle4(...pieces: readonly asm.Piece[]): Buffer {
  return asm.pickle(asm.proto(4), ...pieces, asm.STOP)
}

/** `os.system('id')` */
const SYSTEM = asm.pickle(asm.global('os', 'system'), asm.unicode('id'), asm.tuple1, asm.REDUCE)

function repeat(count: number, piece: Uint8Array): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => piece))
}

describe('pickles that would run code', () => {
  it.each<[string, Buffer, string[]]>([
    ['a call', pickle4(SYSTEM), ['os.system dangerous @2']],
    [
      'a call in what BUILD sets',
      pickle4(asm.global('argparse', 'Namespace'), asm.EMPTY_TUPLE, asm.NEWOBJ, SYSTEM, asm.BUILD),
      ['argparse.Namespace construct @2', 'os.system dangerous @24'],
    ],
    [
      'a name put together on the stack, from the memo',
      pickle4(
        asm.shortUnicode('os'),
        asm.MEMOIZE,
        asm.shortUnicode('system'),
        asm.MEMOIZE,
        asm.POP,
        asm.POP,
        asm.get(0),
        asm.get(1),
        asm.STACK_GLOBAL,
      ),
      ['os.system dangerous @22'],
    ],
    [
      'a name that is only mentioned',
      pickle4(asm.global('builtins', 'eval')),
      ['builtins.eval dangerous @2'],
    ],
    [
      'protocol 0',
      asm.pickle(asm.MARK, asm.stringText("'id'"), asm.inst('os', 'system'), asm.STOP),
      ['os.system dangerous @7'],
    ],
    [
      'OBJ',
      pickle4(asm.MARK, asm.global('os', 'system'), asm.unicode('id'), asm.OBJ),
      ['os.system dangerous @3'],
    ],
    [
      'a dict key',
      pickle4(asm.EMPTY_DICT, asm.global('posix', 'system'), asm.NONE, asm.SETITEM),
      ['posix.system dangerous @3'],
    ],
    [
      'a dotted name through a harmless module',
      pickle4(asm.shortUnicode('torch'), asm.shortUnicode('os.system'), asm.STACK_GLOBAL),
      ['torch.os.system dangerous @20'],
    ],
    ['an extension code', pickle4(asm.ext1(7)), ['copyreg.extension 7 dangerous @2']],
    [
      'attributes set on a module',
      pickle4(
        asm.shortUnicode('torch'),
        asm.shortUnicode('_utils'),
        asm.STACK_GLOBAL,
        asm.EMPTY_DICT,
        asm.BUILD,
      ),
      ['torch._utils dangerous @17'],
    ],
    [
      'a call of what a call returned',
      pickle4(asm.global('argparse', 'Namespace'), asm.EMPTY_TUPLE, asm.REDUCE, asm.EMPTY_TUPLE, asm.REDUCE),
      ['argparse.Namespace dangerous @2'],
    ],
    [
      'a second pickle behind the first',
      Buffer.concat([
        pickle4(asm.EMPTY_LIST),
        pickle4(asm.shortUnicode('os'), asm.shortUnicode('system'), asm.STACK_GLOBAL),
      ]),
      ['os.system dangerous @18'],
    ],
    [
      'code before a break: Python would have run it',
      asm.pickle(SYSTEM, asm.unicode('x', 4000)),
      ['os.system dangerous @0'],
    ],
    [
      'names behind a break of the machine',
      pickle4(asm.global('math', 'sqrt'), asm.POP, asm.POP, asm.global('os', 'system')),
      ['math.sqrt dangerous @2', 'os.system dangerous @15'],
    ],
  ])('%s', async (_, bytes, report) => {
    expect(await reported(bytes)).toEqual(report)
    expect(await codeOf(bytes)).toBe('PICKLE_UNSAFE')
  })

  it('all names are reported, and the first dangerous one is the message', async () => {
    const bytes = pickle4(
      asm.MARK,
      asm.global('some.package', 'Model'),
      asm.global('collections', 'OrderedDict'),
      asm.global('omegaconf.dictconfig', 'DictConfig'),
      SYSTEM,
      asm.global('subprocess', 'Popen'),
      asm.LIST,
    )
    expect(await reported(bytes)).toEqual([
      'some.package.Model unknown @3',
      'collections.OrderedDict construct @23',
      'omegaconf.dictconfig.DictConfig opaque @48',
      'os.system dangerous @81',
      'subprocess.Popen dangerous @101',
    ])
    expect((await refusal(bytes))!.message).toBe(
      'attack.ckpt: byte 81: the pickle names "os.system", which could run code; nothing was run',
    )
  })

  it('an unknown name alone has its own code', async () => {
    const bytes = pickle4(asm.global('some.package', 'Model'))
    expect(await codeOf(bytes)).toBe('PICKLE_UNKNOWN_GLOBAL')
  })

  it('control characters of a name do not reach the terminal', async () => {
    const bytes = pickle4(asm.unicode('a\u001b[2J'), asm.unicode('b\u202e'), asm.STACK_GLOBAL)
    expect((await refusal(bytes))!.message).toContain('"a\\u001b[2J.b\\u202e"')
  })
})

describe('pickles that are none', () => {
  it.each<[string, string, Buffer]>([
    ['PICKLE_TRUNCATED', 'no STOP', asm.pickle(asm.proto(2), asm.NONE)],
    ['PICKLE_TRUNCATED', 'a text longer than the file', pickle4(asm.unicode('x', 0xffffffff))],
    ['PICKLE_TRUNCATED', 'a line without end', asm.pickle(asm.proto(2), Buffer.from('cos'))],
    ['PICKLE_TRUNCATED', 'a frame longer than the file', pickle4(asm.frame(1000), asm.NONE)],
    ['PICKLE_MALFORMED', 'a text of 2^63 bytes', pickle4(asm.unicode8('x', 2n ** 63n))],
    ['PICKLE_MALFORMED', 'an opcode that straddles its frame', pickle4(asm.frame(2), asm.unicode('abcdef'))],
    [
      'PICKLE_MALFORMED',
      'a frame in a frame',
      pickle4(asm.frame(12), asm.frame(2), asm.NONE, asm.POP, asm.NONE),
    ],
    ['PICKLE_MALFORMED', 'protocol 6', asm.pickle(asm.proto(2), asm.proto(6), asm.NONE, asm.STOP)],
    ['PICKLE_MALFORMED', 'an unknown opcode', pickle4(Buffer.of(0xff))],
    ['PICKLE_MALFORMED', 'an empty stack', pickle4(asm.POP)],
    ['PICKLE_MALFORMED', 'nothing to stop with', pickle4()],
    ['PICKLE_MALFORMED', 'no MARK', pickle4(asm.NONE, asm.TUPLE)],
    ['PICKLE_MALFORMED', 'a MARK left over', pickle4(asm.MARK, asm.NONE)],
    ['PICKLE_MALFORMED', 'a value below a MARK', pickle4(asm.NONE, asm.MARK, asm.tuple1)],
    ['PICKLE_MALFORMED', 'a memo entry never written', pickle4(asm.get(3))],
    ['PICKLE_MALFORMED', 'a name that is no text', pickle4(asm.integer(1), asm.integer(2), asm.STACK_GLOBAL)],
    ['PICKLE_MALFORMED', 'a key without a value', pickle4(asm.EMPTY_DICT, asm.MARK, asm.NONE, asm.SETITEMS)],
    ['PICKLE_MALFORMED', 'entries on a list', pickle4(asm.EMPTY_LIST, asm.NONE, asm.NONE, asm.SETITEM)],
    ['PICKLE_MALFORMED', 'items on a dict', pickle4(asm.EMPTY_DICT, asm.NONE, asm.APPEND)],
    ['PICKLE_MALFORMED', 'attributes on a dict', pickle4(asm.EMPTY_DICT, asm.EMPTY_DICT, asm.BUILD)],
    ['PICKLE_MALFORMED', 'a call of a text', pickle4(asm.unicode('os.system'), asm.EMPTY_TUPLE, asm.REDUCE)],
    [
      'PICKLE_MALFORMED',
      'arguments that are no tuple',
      pickle4(asm.global('torch', 'Size'), asm.EMPTY_LIST, asm.REDUCE),
    ],
    ['PICKLE_MALFORMED', 'a buffer outside of the file', pickle4(asm.NEXT_BUFFER)],
    ['PICKLE_MALFORMED', 'an integer of 2 GB', pickle4(asm.long4(0x7fffffff, Buffer.alloc(4)))],
    ['PICKLE_MALFORMED', 'an integer of a million digits', pickle4(asm.longText('9'.repeat(1_000_000)))],
    ['PICKLE_MALFORMED', 'a number that is none', pickle4(asm.int('0x10'))],
    ['PICKLE_MALFORMED', 'a float that is none', pickle4(asm.floatText('1e'))],
    ['PICKLE_MALFORMED', 'a text without its quotes', pickle4(asm.stringText("'x"))],
    ['PICKLE_MALFORMED', 'a character beyond Unicode', pickle4(asm.unicodeText('\\U00110000'))],
    ['PICKLE_MALFORMED', 'a text that is not UTF-8', pickle4(asm.unicode(Buffer.of(0xc3, 0x28)))],
    ['PICKLE_TRAILING_DATA', 'harmless bytes behind it', Buffer.concat([pickle4(asm.NONE), Buffer.alloc(9)])],
    [
      'PICKLE_LIMIT',
      'millions of containers',
      pickle4(asm.MARK, Buffer.alloc(1_000_001, asm.EMPTY_LIST), asm.LIST),
    ],
    ['PICKLE_LIMIT', 'millions of opcodes', pickle4(Buffer.alloc(5_000_001, asm.NONE))],
    [
      'PICKLE_LIMIT',
      'thousands of names',
      pickle4(
        ...Array.from({ length: 10_002 }, (_, i) => asm.pickle(asm.global('omegaconf', `A${i}`), asm.POP)),
        asm.NONE,
      ),
    ],
  ])('%s: %s', async (code, _, bytes) => {
    expect(await codeOf(bytes)).toBe(code)
  })

  it.each([0x07, 0xff])('byte %i is named as files are shown in hex', async (code) => {
    const hex = Buffer.of(code).toString('hex')
    expect((await refusal(pickle4(Buffer.of(code))))!.message).toBe(
      `attack.ckpt: byte 2: byte 0x${hex} is not an opcode`,
    )
  })
})

/** A numpy array of one byte that says it has this shape. */
const array = (...shape: readonly number[]) => numpyArray('u1', shape, asm.binBytes(Buffer.of(7)))

const ARRAY = array(1)

/** Lists of the same list twice, `depth` deep: 2^depth paths to what `seed` leaves. */
function laughs(seed: Uint8Array, depth: number): Buffer {
  const level = asm.pickle(asm.put(0), asm.POP, asm.EMPTY_LIST, asm.MARK, asm.get(0), asm.get(0), asm.APPENDS)
  return pickle4(seed, repeat(depth, level))
}

function listOf(count: number, item: (i: number) => Uint8Array): Buffer {
  const items = Array.from({ length: count }, (_, i) => item(i))
  return asm.pickle(asm.EMPTY_LIST, asm.MARK, ...items, asm.APPENDS)
}

/** A dict with a tensor as its state_dict, and these values beside it. */
function dictOf(count: number, value: (i: number) => Uint8Array): Buffer {
  const weights = asm.pickle(asm.EMPTY_DICT, asm.unicode('w'), ARRAY, asm.SETITEM)
  const values = Array.from({ length: count }, (_, i) => asm.pickle(asm.unicode(`v${i}`), value(i)))
  return asm.pickle(asm.EMPTY_DICT, asm.MARK, asm.unicode('state_dict'), weights, ...values, asm.SETITEMS)
}

/** Entries put into maps and sets meanwhile: work that does not depend on the machine, as time does. */
async function countInsertions<T>(run: () => Promise<T>): Promise<{ result: T; inserted: number }> {
  const [{ set }, { add }] = [Map.prototype, Set.prototype]
  let inserted = 0
  Map.prototype.set = function (key, value) {
    inserted++
    return set.call(this, key, value)
  }
  Set.prototype.add = function (value) {
    inserted++
    return add.call(this, value)
  }
  try {
    return { result: await run(), inserted }
  } finally {
    Map.prototype.set = set
    Set.prototype.add = add
  }
}

/** The walk may take 3 M steps, each an entry of a set, the conversion of plain values 1 M. */
const MOST_INSERTIONS = 4_200_000

describe('pickles made to explode', () => {
  it.each<[string, string, Buffer]>([
    ['PICKLE_LIMIT', 'a billion laughs without a tensor', laughs(asm.EMPTY_LIST, 30)],
    ['TABLE_LIMIT', 'a billion laughs around a tensor', laughs(ARRAY, 30)],
    ['PICKLE_LIMIT', 'tuples nested ten thousand deep', pickle4(asm.NONE, repeat(10_000, asm.tuple1))],
    [
      'PICKLE_LIMIT',
      'parameters of parameters, and a dict in the end',
      pickle4(
        asm.EMPTY_DICT,
        repeat(100_000, asm.pickle(asm.put(0), asm.POP, asm.EMPTY_LIST, asm.get(0), asm.APPEND)),
      ),
    ],
  ])('%s: %s', async (code, _, bytes) => {
    const { result, inserted } = await countInsertions(() => codeOf(bytes))
    expect(result).toBe(code)
    // 2^30 paths, or 5 * 10^9 parts of parts, without a limit
    expect(inserted).toBeLessThan(MOST_INSERTIONS)
  })

  /** An OrderedDict of protocol 2 whose pairs are the memo entry 1. */
  const sharedDict = asm.pickle(asm.global('collections', 'OrderedDict'), asm.get(1), asm.tuple1, asm.REDUCE)
  const pair = asm.pickle(asm.unicode('p'), asm.global('omegaconf', 'A'), asm.tuple2)
  const key = (i: number) => asm.unicode(`k${i}`)
  const COUNT = 3_000

  it.each<[string, Buffer]>([
    [
      'one OrderedDict of many entries under many keys',
      pickle4(
        listOf(COUNT, (i) => asm.pickle(key(i), asm.global('omegaconf', 'A'), asm.tuple2)),
        asm.put(1),
        asm.POP,
        sharedDict,
        asm.put(2),
        asm.POP,
        dictOf(COUNT, () => asm.get(2)),
      ),
    ],
    [
      'many OrderedDicts of the same pairs',
      pickle4(
        listOf(COUNT, () => pair),
        asm.put(1),
        asm.POP,
        dictOf(COUNT, () => sharedDict),
      ),
    ],
    [
      'many OrderedDicts of pairs of which the last is none',
      pickle4(
        listOf(COUNT, (i) => (i < COUNT - 1 ? pair : asm.NONE)),
        asm.put(1),
        asm.POP,
        dictOf(COUNT, () => sharedDict),
      ),
    ],
    [
      'many OrderedDicts of the same pairs, each with an entry of its own',
      pickle4(
        listOf(COUNT, (i) => asm.pickle(key(i), asm.global('omegaconf', 'A'), asm.tuple2)),
        asm.put(1),
        asm.POP,
        dictOf(COUNT, () => asm.pickle(sharedDict, asm.unicode('own'), asm.NONE, asm.SETITEM)),
      ),
    ],
  ])('%s cost no more than the limits allow', async (_, bytes) => {
    const { result, inserted } = await countInsertions(() => codeOf(bytes))
    expect([undefined, 'PICKLE_LIMIT']).toContain(result)
    // quadratic would be 9 M and more
    expect(inserted).toBeLessThan(MOST_INSERTIONS)
  })

  it('an array of more dimensions than numpy has is refused', async () => {
    expect(await codeOf(pickle4(array(...Array(64).fill(1))))).toBeUndefined()
    expect(await codeOf(pickle4(array(...Array(65).fill(1))))).toBe('TORCH_TENSOR')
  })

  it('an array that says the file has more than it has is refused', async () => {
    expect(await codeOf(pickle4(array(2 ** 40)))).toBe('TORCH_TENSOR')
  })

  it.each([
    ['latin1', undefined],
    ['latin-1', undefined],
    ['utf-8', 'TORCH_TENSOR'],
    ['rot13', 'TORCH_TENSOR'],
  ])('an array whose bytes are a text in %s is never read in another one', async (encoding, code) => {
    const data = asm.pickle(
      asm.global('_codecs', 'encode'),
      asm.unicode('\u00e9'),
      asm.unicode(encoding),
      asm.tuple2,
      asm.REDUCE,
    )
    expect(await codeOf(pickle4(numpyArray('u1', [1], data)))).toBe(code)
  })

  it('an object that contains itself is walked once', async () => {
    const bytes = pickle4(
      asm.EMPTY_DICT,
      asm.put(0),
      asm.MARK,
      asm.unicode('self'),
      asm.get(0),
      asm.unicode('w'),
      ARRAY,
      asm.SETITEMS,
    )
    expect(await codeOf(bytes)).toBeUndefined()
  })

  it('a chain of a hundred thousand parameters is refused before it is walked', async () => {
    const wrap = asm.pickle(
      asm.put(0),
      asm.POP,
      asm.global('torch._utils', '_rebuild_parameter'),
      asm.get(0),
      asm.tuple1,
      asm.REDUCE,
    )
    expect(await codeOf(pickle4(ARRAY, repeat(100_000, wrap)))).toBe('PICKLE_LIMIT')
  })
})
