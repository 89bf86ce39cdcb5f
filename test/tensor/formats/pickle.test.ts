import { describe, expect, it } from 'vitest'
import * as asm from '../../../fixtures/pickle-assembler.ts'
import { type GlobalTable, runPickle } from '../../../src/tensor/formats/pickle.ts'
import { asKind, mapping, type PyValue } from '../../../src/tensor/formats/pickle-values.ts'
import { plainConverter } from '../../../src/tensor/formats/plain-values.ts'
import { fromBase64, pythonPickles } from './python-pickles.ts'

async function run(...pieces: readonly asm.Piece[]): Promise<PyValue> {
  return (await runPickle(asm.pickle(...pieces, asm.STOP), 0, new Map())).value
}

/** Bigints as text, as JSON has none. */
function jsonOf(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? String(v) : v)))
}

describe('values Python wrote', () => {
  it.each(pythonPickles.plain)('$name, protocol $protocol', async ({ pickle, value }) => {
    const { value: object, end } = await runPickle(fromBase64(pickle), 0, new Map())
    expect(jsonOf(plainConverter()(object))).toEqual(value)
    expect(end).toBe(fromBase64(pickle).byteLength)
  })

  it.each(pythonPickles.opaque)(
    'an object is kept as what would be called: $name, protocol $protocol',
    async ({ pickle }) => {
      const { value } = await runPickle(fromBase64(pickle), 0, new Map())
      expect(asKind(mapping(value)!.get('x'), 'object')).toBeDefined()
      expect(plainConverter()(mapping(value)!.get('x')!)).toBeUndefined()
    },
  )
})

describe('an OrderedDict of Python 2, whose pairs are its argument', () => {
  const pair = (key: string, value: number) =>
    asm.pickle(asm.EMPTY_LIST, asm.MARK, asm.unicode(key), asm.integer(value), asm.APPENDS)
  const dictOf = (...items: readonly asm.Piece[]) =>
    asm.pickle(
      asm.global('collections', 'OrderedDict'),
      asm.EMPTY_LIST,
      asm.MARK,
      ...items,
      asm.APPENDS,
      asm.tuple1,
      asm.REDUCE,
    )
  const later = asm.pickle(asm.unicode('b'), asm.integer(7), asm.SETITEM)

  it.each<[string, Buffer, object]>([
    ['has them in their order', dictOf(pair('b', 1), pair('a', 2)), { b: 1, a: 2 }],
    ['has the last of equal keys', dictOf(pair('a', 1), pair('a', 2)), { a: 2 }],
    ['has what was set afterwards', asm.pickle(dictOf(pair('b', 1), pair('a', 2)), later), { b: 7, a: 2 }],
  ])('%s', async (_, bytes, value) => {
    const plain = plainConverter()(await run(asm.proto(2), bytes))
    expect(plain).toEqual(value)
    expect(Object.keys(plain!)).toEqual(Object.keys(value))
  })
})

describe('the machine', () => {
  it('keeps shared objects shared, and an object that contains itself', async () => {
    const list = asKind(await run(asm.EMPTY_LIST, asm.put(0), asm.get(0), asm.APPEND), 'list')!
    expect(list.items[0]).toBe(list)
  })

  it('gives one node for one name, so that a class works as a dict key', async () => {
    const dict = asKind(
      await run(
        asm.EMPTY_DICT,
        asm.MARK,
        asm.global('pytorch_lightning.callbacks', 'ModelCheckpoint'),
        asm.integer(1),
        asm.global('pytorch_lightning.callbacks', 'ModelCheckpoint'),
        asm.integer(2),
        asm.SETITEMS,
      ),
      'dict',
    )!
    expect([...dict.entries.values()]).toEqual([2])
  })

  it('reads names from the stack and from the memo', async () => {
    const globals: GlobalTable = new Map()
    const bytes = asm.pickle(
      asm.proto(4),
      asm.shortUnicode('collections'),
      asm.MEMOIZE,
      asm.POP,
      asm.get(0),
      asm.shortUnicode('OrderedDict'),
      asm.STACK_GLOBAL,
      asm.STOP,
    )
    await runPickle(bytes, 0, globals)
    // PROTO 2, SHORT_BINUNICODE 13, MEMOIZE 1, POP 1, BINGET 2, SHORT_BINUNICODE 13
    expect([...globals.values()]).toMatchObject([{ module: 'collections', name: 'OrderedDict', offset: 32 }])
  })

  it('puts items, entries and attributes onto objects it does not build', async () => {
    const object = asKind(
      await run(
        asm.global('collections', 'OrderedDict'),
        asm.EMPTY_TUPLE,
        asm.REDUCE,
        asm.MARK,
        asm.unicode('k'),
        asm.integer(1),
        asm.SETITEMS,
        asm.integer(5),
        asm.APPEND,
        asm.EMPTY_DICT,
        asm.BUILD,
      ),
      'object',
    )!
    expect(object.entries?.get('k')).toBe(1)
    expect(object.items).toEqual([5])
    expect(asKind(object.state, 'dict')).toBeDefined()
  })

  it.each([
    ['INST', [asm.MARK, asm.integer(7), asm.inst('argparse', 'Namespace')]],
    ['OBJ', [asm.MARK, asm.global('argparse', 'Namespace'), asm.integer(7), asm.OBJ]],
    ['NEWOBJ', [asm.global('argparse', 'Namespace'), asm.integer(7), asm.tuple1, asm.NEWOBJ]],
    [
      'NEWOBJ_EX',
      [asm.global('argparse', 'Namespace'), asm.integer(7), asm.tuple1, asm.EMPTY_DICT, asm.NEWOBJ_EX],
    ],
  ])('%s is a call that is not made', async (_, pieces) => {
    const object = asKind(await run(...pieces), 'object')!
    expect(object.callee).toMatchObject({ module: 'argparse', name: 'Namespace' })
    expect(object.args.items).toEqual([7])
  })

  it('keeps lone surrogates, as Python writes them with surrogatepass', async () => {
    // U+D800 between a and b, then U+FFFD itself
    expect(await run(asm.unicode(Buffer.from('61eda08062efbfbd', 'hex')))).toBe('a\ud800b\ufffd')
  })

  it('POP of an open MARK removes the mark', async () => {
    expect(await run(asm.integer(1), asm.MARK, asm.POP)).toBe(1)
  })
})
