/** AIR, Civitai's names of resources: `urn:air:{ecosystem}:{type}:{source}:{id}[@{version}][+{file}][.{format}]`. */

import { defined } from '../../system/defined.ts'
import { usage } from '../../system/errors.ts'
import { messages } from './messages.ts'

export interface Air {
  readonly modelId: number
  readonly versionId?: number
  readonly fileId?: number
}

/** `urn:` and `air:` may be missing, so four words with colons are enough. Ecosystem and type are not checked: new ones come. */
const RE_AIR =
  /^(?:urn:)?(?:air:)?(?<ecosystem>[\w-]+):(?<type>[\w-]+):(?<source>[\w-]+):(?<id>[^@+.:]+)(?:@(?<version>[^+.]+))?(?:\+(?<file>[^.]+))?(?:\.(?<format>\w+))?$/i

/** Whether the text is meant as an AIR at all. */
export function looksLikeAir(text: string): boolean {
  return /^(urn:)?air:/i.test(text) || /^[\w-]+:[\w-]+:(civitai|huggingface)[\w-]*:/i.test(text)
}

/** @throws USAGE (exit 2) for a text that is not an AIR, or one of another site */
export function parseAir(text: string): Air {
  const { source, id, version, file } = RE_AIR.exec(text)?.groups ?? {}
  if (source === undefined || id === undefined) throw usage(messages.notAir(text), messages.airForm)
  if (source.toLowerCase() !== 'civitai') throw usage(messages.airOfAnotherSite(text, source))
  return {
    modelId: idIn(id, 'model', text),
    ...defined({
      versionId: version === undefined ? undefined : idIn(version, 'version', text),
      fileId: file === undefined ? undefined : idIn(file, 'file', text),
    }),
  }
}

/** The ID that the digits are. @throws USAGE (exit 2), which names `text`, what they are a part of */
export function idIn(digits: string, kind: 'model' | 'version' | 'file', text: string): number {
  const id = idOf(digits)
  if (id === undefined) throw usage(messages.notAnId(text, digits, kind))
  return id
}

/** Ids of the site are PostgreSQL integers. */
const MAX_ID = 2 ** 31 - 1

/** Undefined for what cannot be an ID of the site. */
export function idOf(digits: string): number | undefined {
  const id = /^[1-9]\d{0,9}$/.test(digits) ? Number(digits) : Number.NaN
  return id <= MAX_ID ? id : undefined
}
