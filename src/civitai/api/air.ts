/** AIR, the names Civitai gives resources: `urn:air:{ecosystem}:{type}:{source}:{id}[@{version}][+{file}][.{format}]`. */
import { usage } from '../../system/errors.ts'
import { quoted } from '../../system/text.ts'

export interface Air {
  readonly modelId: number
  readonly versionId?: number
  readonly fileId?: number
}

/** `urn:` and `air:` may be missing, so four words with colons are enough. Ecosystem and type are not judged: new ones come. */
const RE_AIR =
  /^(?:urn:)?(?:air:)?(?<ecosystem>[\w-]+):(?<type>[\w-]+):(?<source>[\w-]+):(?<id>[^@+.:]+)(?:@(?<version>[^+.]+))?(?:\+(?<file>[^.]+))?(?:\.(?<format>\w+))?$/i

/** Whether the text is meant as an AIR at all. */
export function looksLikeAir(text: string): boolean {
  return /^(urn:)?air:/i.test(text) || /^[\w-]+:[\w-]+:(civitai|huggingface)[\w-]*:/i.test(text)
}

/** @throws USAGE for what is no AIR, or one of another site */
export function parseAir(text: string): Air {
  const { source, id, version, file } = RE_AIR.exec(text)?.groups ?? {}
  if (source === undefined || id === undefined)
    throw usage(`${quoted(text)} is no AIR`, 'They look like urn:air:sdxl:lora:civitai:357756@399893.')
  if (source.toLowerCase() !== 'civitai')
    throw usage(`${quoted(text)} is a resource of ${source}; sdtool downloads from Civitai only`)
  return {
    modelId: airNumber(id, 'model', text),
    ...(version === undefined ? {} : { versionId: airNumber(version, 'version', text) }),
    ...(file === undefined ? {} : { fileId: airNumber(file, 'file', text) }),
  }
}

function airNumber(digits: string, what: string, text: string): number {
  const id = idOf(digits)
  if (id === undefined) throw usage(`${quoted(text)}: ${what} ${quoted(digits)} is no number`)
  return id
}

/** Ids of the site are PostgreSQL integers. */
const MAX_ID = 2 ** 31 - 1

export function idOf(digits: string): number | undefined {
  const id = /^[1-9]\d{0,9}$/.test(digits) ? Number(digits) : Number.NaN
  return id <= MAX_ID ? id : undefined
}
