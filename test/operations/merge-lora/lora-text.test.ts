import { describe, expect, it } from 'vitest'
import {
  ignoredInTags,
  isUsed,
  loraArguments,
  lorasOption,
  promptLoras,
} from '../../../src/operations/merge-lora/lora-text.ts'

const nothingExists = () => false

function ratios(args: string[], given: string[] = [], exists: (path: string) => boolean = nothingExists) {
  return loraArguments(args, given, exists).map(({ name, ratio }) => [name, ratio.unet, ratio.text])
}

describe('a LoRA on the command line', () => {
  it.each([
    ['style', 'style', 1, 1],
    ['style:0.7', 'style', 0.7, 0.7],
    ['style:0.7:0.5', 'style', 0.7, 0.5],
    ['style:-1:.5', 'style', -1, 0.5],
    ['style:1.5e-1', 'style', 0.15, 0.15],
    ['style:+2', 'style', 2, 2],
    ['dir/style.safetensors:0', 'dir/style.safetensors', 0, 0, ['other:1']],
    ['C:\\loras\\style.safetensors', 'C:\\loras\\style.safetensors', 1, 1],
    ['C:\\loras\\style.safetensors:0.7', 'C:\\loras\\style.safetensors', 0.7, 0.7],
    ['a:b.safetensors:0.7', 'a:b.safetensors', 0.7, 0.7],
    ['style:1:0.7:0.5', 'style:1', 0.7, 0.5],
    // the order of A1111's prompts: the text encoder first
    ['<lora:style:0.7>', 'style', 0.7, 0.7],
    ['<lora:style:0.5:0.7>', 'style', 0.7, 0.5],
    ['<lora:style:te=0.5:unet=0.7>', 'style', 0.7, 0.5],
    ['<lora:style:unet=0.7>', 'style', 0.7, 1],
    ['<lyco: style : -1 >', 'style', -1, -1],
    ['<lora:style>', 'style', 1, 1],
  ])('%s', (arg, name, unet, text, others: string[] = []) => {
    expect(ratios([arg as string, ...others])[0]).toEqual([name, unet, text])
  })

  it('is the file of exactly that name if there is one', () => {
    const exists = (path: string) => path === 'style:0.7' || path === '<lora:x:1>'
    expect(ratios(['style:0.7', '<lora:x:1>'], [], exists)).toEqual([
      ['style:0.7', 1, 1],
      ['<lora:x:1>', 1, 1],
    ])
  })

  it('may be several tags of a prompt at once', () => {
    expect(ratios(['<lora:a:0.5>, <lora:b:2>'])).toEqual([
      ['a', 0.5, 0.5],
      ['b', 2, 2],
    ])
  })

  it.each([
    ['style:nan', 'style:nan: "nan" is not a ratio'],
    ['style:Infinity', 'style:Infinity: "Infinity" is not a ratio'],
    ['style:1e999', 'style:1e999: "1e999" is not a ratio'],
    ['style:0.7:-inf', 'style:0.7:-inf: "-inf" is not a ratio'],
    ['style:0,7', 'style:0,7: "0,7" is not a ratio'],
    ['style:', 'style:: "" is not a ratio'],
    ['', 'a file name is empty'],
    ['<lora:style:high>', '<lora:style:high>: "high" is not a ratio'],
    ['<lora:>', '<lora:> is not a LoRA tag'],
    ['<hypernet:style:1>', '<hypernet:style:1> is not a LoRA tag'],
    ['a cat <lora:style:1>', undefined],
    ['<lora:style:1> a cat', '<lora:style:1> a cat is not a LoRA tag'],
    ['<lora:style:1', '<lora:style:1 is not a LoRA tag'],
    ['<lora:style:0,7>', '<lora:style:0,7>: "0,7" is not a ratio'],
    ['<lora:style:1:lbw=OUT>', 'lbw of style OUT: there are no block weights with that name'],
  ])('%s is refused', (arg, message) => {
    // a name that does not begin with a tag is a name, however odd
    if (message === undefined) expect(ratios([arg])).toEqual([['a cat <lora:style:1>', 1, 1]])
    else expect(() => ratios([arg])).toThrow(expect.objectContaining({ exitCode: 2, message }))
  })
})

describe('what a tag has besides', () => {
  const rest = 'ignored; of a tag, sdtool uses the name, ratios (te=, unet=), and block ratios (lbw=)'

  // dyn is A1111's third number; the others are those of sd-webui-lora-block-weight and of sd_webui_lora_ctl
  it.each([
    ['<lora:x:0.8:1:16>', 0.8, 1, '16 is'],
    ['<lora:x:0.8:dyn=16>', 0.8, 0.8, 'dyn=16 is'],
    ['<lora:x:dyn=13:te=1:unet=0.5>', 1, 0.5, 'dyn=13 is'],
    ['<lora:x:1:stop=9>', 1, 1, 'stop=9 is'],
    ['<lora:x:1:step=5-15>', 1, 1, 'step=5-15 is'],
    ['<lora:x:1:1:8:start=3:lbwe=XYZ>', 1, 1, '8, start=3, lbwe=XYZ are'],
    ['<lora:x:1:hr=0.5>', 1, 1, 'hr=0.5 is'],
  ])('%s is read as A1111 reads it, and said', (tag, text, unet, what) => {
    const loras = loraArguments([tag], [], nothingExists)
    expect(loras[0]).toMatchObject({ name: 'x', ratio: { text, unet } })
    expect(ignoredInTags(loras)).toEqual([`${tag}: ${what} ${rest}`])
    expect(lorasOption(loras)).toEqual([{ ratio: { text, unet } }])
  })

  it.each(['<lora:x:1>', '<lora:x:te=1:unet=0>', '<lora:x:1:lbw=MIDD>', '<lora:x:1:w=MIDD>', 'x:0.5'])(
    'nothing, in %s',
    (tag) => {
      expect(ignoredInTags(loraArguments([tag], [], nothingExists))).toEqual([])
    },
  )
})

it.each([
  ['<lora:x:0>', [false]],
  ['<lora:x:0:0>', [false]],
  ['<lora:x:0:1>', [true]],
  ['<lora:x:unet=0>', [true]],
  ['<lora:x:te=0:unet=0><lora:y:0.5>', [false, true]],
  // zeros for all blocks: sd-webui-lora-block-weight
  ['<lora:x:1:lbw=NONE>', [false]],
  ['<lora:x:1:none> <lora:y:1:lbw=ALL>', [false, true]],
])('%s in a prompt is no mistake', (tags, used) => {
  expect(promptLoras([tags], nothingExists).map(isUsed)).toEqual(used)
})

describe('--ratio', () => {
  it('is one for all, or one each in order', () => {
    expect(ratios(['a', 'b'], ['0.7'])).toEqual([
      ['a', 0.7, 0.7],
      ['b', 0.7, 0.7],
    ])
    expect(ratios(['a', 'b'], ['0.7', '-0.3'])).toEqual([
      ['a', 0.7, 0.7],
      ['b', -0.3, -0.3],
    ])
  })

  it('takes UNet and text encoder apart', () => {
    expect(ratios(['a'], ['0.7:0'])).toEqual([['a', 0.7, 0]])
  })

  it('is for those that have none of their own, if it is one', () => {
    expect(ratios(['a:2', 'b'], ['0.7'])).toEqual([
      ['a', 2, 2],
      ['b', 0.7, 0.7],
    ])
  })

  it.each([
    [['a', 'b'], ['1', '2', '3'], '--ratio has 3 values for 2 LoRAs'],
    [['a:1', 'b'], ['1', '2'], 'a has its own ratio, and one in --ratio'],
    [['a'], ['0'], 'every ratio is 0, so nothing would change'],
    [['a:0', 'b:0:0'], [], 'every ratio is 0, so nothing would change'],
    [['a'], ['x'], '--ratio: "x" is not a ratio'],
    [['a'], ['1:2:3'], '--ratio: "1:2:3" is not a ratio'],
    [[], ['1'], 'no LoRA was named'],
  ])('%j with %j is refused', (args, given, message) => {
    expect(() => ratios(args, given)).toThrow(expect.objectContaining({ exitCode: 2, message }))
  })
})

describe('ratios of blocks', () => {
  function blocks(args: string[], given: string[] = []) {
    return loraArguments(args, [], nothingExists, given).map(({ ratio, blocks }) => [ratio.unet, blocks])
  }

  it('stand in the tag of a LoRA, as LoRA Block Weight reads it', () => {
    expect(blocks(['<lora:a:0.7:lbw=MIDD>, <lora:b:0.5>', '<lora:c:1:0.6:outd>'])).toEqual([
      [0.7, 'MIDD'],
      [0.5, undefined],
      [0.6, 'outd'],
    ])
    const list = '1,0,0,0,1,1,1,1,1,1,1,1,0,0,0,0,0'
    expect(blocks([`<lora:a:0.7:${list}>`])).toEqual([[0.7, list]])
  })

  it('of --blocks are for all, or for one LoRA each', () => {
    expect(blocks(['a', 'b'], ['OUT*=0,MID=1'])).toEqual([
      [1, 'OUT*=0,MID=1'],
      [1, 'OUT*=0,MID=1'],
    ])
    expect(blocks(['a', 'b'], ['OUT*=0', 'ALL'])).toEqual([
      [1, 'OUT*=0'],
      [1, 'ALL'],
    ])
    expect(blocks(['<lora:a:1:lbw=MIDD>', 'b'], ['OUT*=0'])).toEqual([
      [1, 'MIDD'],
      [1, 'OUT*=0'],
    ])
  })

  it('are refused where it is not clear whose they are', () => {
    expect(() => blocks(['a', 'b', 'c'], ['OUT*=0', 'ALL'])).toThrow('--blocks has 2 values for 3 LoRAs')
    expect(() => blocks(['<lora:a:1:lbw=MIDD>', 'b'], ['OUT*=0', 'ALL'])).toThrow(
      'a has its own block ratios, and some in --blocks',
    )
  })
})
