import { catalogue } from '../system/language.ts'

/** Clauses that follow a colon say what is wrong with the picture, "it" being the picture. */
export const messages = catalogue({
  notAPicture: 'not a PNG, JPEG, WebP, AVIF or GIF picture',
  pngTitle: (colour: string, bits: number, interlaced: boolean) =>
    `PNG, ${bits}-bit ${colour}${interlaced ? ', interlaced' : ''}`,
  losslessWebp: 'WebP, lossless',
  damagedPicture: (format: string, problem: string) => `the ${format} picture is damaged: ${problem}`,
  damagedPng: (problem: string) => `the PNG is damaged: ${problem}`,
  copyAgain: 'Copy or download it again.',
  pngTooLarge: (width: number, height: number, limit: number) =>
    `the PNG has ${width} x ${height} pixels, more than the ${limit} that sdtool reads`,
  webpTooLarge: (width: number, height: number, limit: number) =>
    `the WebP picture has ${width} x ${height} pixels, more than the ${limit} that sdtool reads`,
  pngTextTooLarge: (limit: number) => `the PNG holds more than ${limit} bytes of text`,

  noSize: 'it has no size',
  noSegment: (at: number) => `no segment begins at byte ${at}`,
  segmentPastEnd: (at: number) => `the segment at byte ${at} does not fit`,
  chunkPastEnd: (at: number) => `the chunk at byte ${at} does not fit`,
  blockPastEnd: (at: number) => `no whole block begins at byte ${at}`,
  boxPastEnd: (at: number) => `the box at byte ${at} does not fit`,
  undecodable: 'its pixels cannot be decoded',
  hiddenDamaged: (signature: string) =>
    `a text is hidden in the lowest bits of its pixels (${signature}), but it is not whole`,

  noSignature: 'it has no PNG signature',
  tooManyChunks: (limit: number) => `it has more than ${limit} chunks`,
  endsEarly: (at: number) => `it ends at byte ${at}, before its last chunk`,
  badChunkName: (at: number) => `the chunk at byte ${at} does not have a name of four letters`,
  chunkTooLong: (name: string, at: number, claimed: number, there: number) =>
    `chunk ${name} at byte ${at} claims ${claimed} bytes, ${there} are there`,
  wrongChecksum: (name: string, at: number) => `chunk ${name} at byte ${at} does not match its checksum`,
  noHeader: 'it does not begin with its header',
  twoHeaders: 'it has two headers',
  emptyPicture: (width: number, height: number) => `it is ${width} x ${height} pixels`,
  unknownColour: (type: number, bits: number) => `it has colour type ${type} with ${bits} bits`,
  unknownEncoding: 'its compression, filter or interlacing is unknown',
  noPixels: 'it has no pixels',
  scatteredPixels: 'its pixel data is not contiguous',
  tooManyPixels: 'it has more pixels than its header says',
  pixelsNotDecompressed: 'its pixels cannot be decompressed',
  wrongPixelBytes: (found: number, expected: number) =>
    `it has ${found} bytes of pixels where its size needs ${expected}`,
  unknownFilter: (filter: number) => `a row has the unknown filter ${filter}`,
  badTransparentColour: 'its transparent colour has the wrong length',
  badPalette: 'its palette is missing or has the wrong length',
  colourNotInPalette: (index: number, colours: number) =>
    `a pixel has colour ${index} of a palette of ${colours}`,
  unknownTextCompression: (keyword: string) => `text ${keyword} has an unknown compression`,
  textEndsEarly: (keyword: string) => `text ${keyword} ends before its content`,
  badKeyword: (chunk: string, longest: number) =>
    `chunk ${chunk} does not have a keyword of 1 to ${longest} letters`,
  textNotDecompressed: (keyword: string) => `text ${keyword} cannot be decompressed`,
})
