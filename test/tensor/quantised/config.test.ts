import { expect, it } from 'vitest'
import { headerConfigOf, QUANTISATION_KEY } from '../../../src/tensor/quantised/config.ts'

/** As ComfyUI writes it for a whole checkpoint. */
const HEADER = JSON.stringify({
  format_version: '1.0',
  layers: {
    'model.diffusion_model.a': { format: 'nvfp4' },
    'model.diffusion_model.b': 'mxfp8',
    c: { format: 'x' },
  },
})

it('what the header says of layers goes along under the names they have alone', () => {
  const taken = headerConfigOf({ [QUANTISATION_KEY]: HEADER, other: 'x' }, 'model.diffusion_model.')
  expect(Object.keys(taken)).toEqual([QUANTISATION_KEY])
  expect(JSON.parse(taken[QUANTISATION_KEY]!)).toEqual({
    format_version: '1.0',
    layers: { a: { format: 'nvfp4' }, b: { format: 'mxfp8' }, c: { format: 'x' } },
  })
})

it.each([undefined, '', '{', '[]', '{}', '{"layers":{}}', '{"layers":[]}', '{"layers":{"a":7}}'])(
  'a header of %j says nothing of layers',
  (json) => {
    expect(headerConfigOf(json === undefined ? {} : { [QUANTISATION_KEY]: json }, 'a.')).toEqual({})
  },
)
