import { expect, it } from 'vitest'
import { MODEL_ENDINGS } from '../../../src/model/file-name.ts'
import { isNamedAs, misnamed } from '../../../src/model/layouts/endings.ts'
import { FORMATS } from '../../../src/tensor/formats/open.ts'

/** What programs open files of these endings as. */
const READ_AS: Readonly<Record<string, RegExp>> = {
  '.safetensors': /^safetensors$/,
  '.sft': /^safetensors$/,
  '.ckpt': /^(torch|pickle)/,
  '.pt': /^(torch|pickle)/,
  '.pth': /^(torch|pickle)/,
  '.bin': /^(torch|pickle)/,
  '.pkl': /^(torch|pickle)/,
  '.gguf': /^gguf$/,
}

it('knows every ending of a model', () => {
  expect(Object.keys(READ_AS).toSorted()).toEqual([...MODEL_ENDINGS].toSorted())
})

for (const { id } of FORMATS) {
  it.each(Object.entries(READ_AS))(
    `finds ${id} under a name in %s only where programs read it so`,
    (ending, format) => {
      for (const name of [`model${ending}`, `v1.5.safetensors.gguf.x${ending.toUpperCase()}`]) {
        const isRight = format.test(id)
        expect(isNamedAs(id, name)).toBe(isRight)
        expect(misnamed({ format: id }, { fileName: name }).map(({ code }) => code)).toEqual(
          isRight ? [] : ['misnamed'],
        )
      }
    },
  )

  it(`says nothing of ${id} under a name that promises nothing`, () => {
    for (const fileName of ['model', 'model.part', 'model.safetensors.tmp', ''])
      expect(misnamed({ format: id }, { fileName })).toEqual([])
  })
}

it('says nothing of a table that is no file', () => {
  expect(misnamed({}, { fileName: 'model.ckpt' })).toEqual([])
})
