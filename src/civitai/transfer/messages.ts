import { catalogue } from '../../system/language.ts'

const allowed = (stated: number | undefined, most: number): string =>
  stated === undefined ? `the limit is ${most}` : `Civitai lists ${stated}`

export const messages = catalogue({
  compressed: (host: string) => `${host} sends the file compressed, although that was not requested`,
  unnamedPart: (host: string) => `${host} sends part of the file without saying which part`,
  wrongStart: (host: string, start: number, asked: number) =>
    `${host} sends from byte ${start}, not from byte ${asked} as requested`,
  sizeChanged: (host: string, now: number, before: number) =>
    `${host}: the file now has ${now} bytes, not ${before}`,
  nothingFrom: (host: string, offset: number) => `${host} has no bytes from byte ${offset} on`,
  linkRefused: (host: string, status: number) =>
    `${host} refuses the download link from the site (status ${status})`,
  runAgain: 'Run the same command again: it continues where it stopped.',
  pageInsteadOfFile: (target: string, host: string) =>
    `${target}: ${host} sent a page instead of the file; it was not saved`,
  mayRequireLogin:
    'The site may require a login (sdtool login), or a captive portal, a proxy or a firewall answered instead.',

  announcedLength: (target: string, bytes: number, stated: number | undefined, most: number) =>
    `${target}: the server announces ${bytes} bytes, but ${allowed(stated, most)}; it was not saved`,
  exceededLength: (target: string, bytes: number, stated: number | undefined, most: number) =>
    `${target}: the server sends more than ${bytes} bytes, but ${allowed(stated, most)}; it was not saved`,
  notTheFileOfThePage:
    'This is not the file that the page describes. Try again later, or choose the file by its ID: --file ID.',
  keptAs: (problem: string, kept: string) => `${problem}; it was kept as ${kept}`,

  partBusy: (part: string, pid: number | undefined) =>
    `${part} is being downloaded by another sdtool (process ${pid})`,
  waitOrRemoveNote: (note: string) =>
    `Wait for it to finish, or end it. If there is no such process, remove ${note}.`,
  partForeign: (part: string) => `${part} already exists, and is not from sdtool`,
  anotherProgram:
    'Another program may be downloading this file. Move it away, or download to another folder.',
  diskFull: (target: string, code: string) => `${target}: the disk is full (${code})`,
  freeSpaceAndRunAgain: 'Free some space and run the same command again: it continues where it stopped.',

  overBudget: (name: string, requests: number, mebibytes: number) =>
    `${name}: inspecting it on the server takes more than ${requests} requests or ${mebibytes} MiB`,
  scatteredOrHuge:
    'Its parts are scattered, or its header is very large: download the file and inspect it locally.',
  wholeFilesOnly: (name: string, host: string) => `${name}: ${host} serves whole files only`,
  downloadToInspect: 'Download the file and inspect it locally.',
  changedWhileRead: (name: string) => `${name} changed while it was being read`,

  sha256Verified: 'SHA256 verified',
  blake3Verified: 'BLAKE3 verified',
  autoV2Verified: 'AutoV2 verified (the first 10 digits of the SHA-256)',
  autoV3Verified: 'AutoV3 verified (12 digits, of the tensors: the header is not covered)',
  crc32Verified: 'CRC32 verified (detects damage, not forgery)',
  autoV1Verified: 'AutoV1 verified (64 KiB of the file; of the rest only the length)',
  hashMismatch: (target: string, hash: string, got: string, wanted: string) =>
    `${target}: the ${hash} is ${got}, but Civitai lists ${wanted}; nothing was kept`,
  doNotUse: 'Try again; if it happens again, do not use the file: it is not the one that the site describes.',
})
