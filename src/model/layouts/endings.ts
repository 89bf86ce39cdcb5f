/** What the ending of a file's name promises, and what is in it. */

import type { Finding, FormatId } from '../../tensor/values/table.ts'
import { warning } from '../finding.ts'
import type { Identifiable } from '../identity.ts'
import { messages } from './messages.ts'

interface Contents {
  /** For people: "a pickle". */
  readonly title: () => string
  readonly endings: readonly string[]
}

const SAFETENSORS: Contents = { title: () => messages.safetensorsFile, endings: ['.safetensors', '.sft'] }
const PICKLE: Contents = {
  title: () => messages.pickleFile,
  endings: ['.ckpt', '.pt', '.pth', '.bin', '.pkl'],
}
const GGUF: Contents = { title: () => messages.ggufFile, endings: ['.gguf'] }

const CONTENTS: Readonly<Record<FormatId, Contents>> = {
  safetensors: SAFETENSORS,
  'torch-zip': { ...PICKLE, title: () => messages.torchZipFile },
  'torch-legacy': { ...PICKLE, title: () => messages.torchLegacyFile },
  pickle: PICKLE,
  gguf: GGUF,
}

const KNOWN = [SAFETENSORS, PICKLE, GGUF].flatMap(({ endings }) => endings)

/** Lower-case ending of a name if it is one of a model file. */
function endingOf(fileName: string): string | undefined {
  const name = fileName.toLowerCase()
  return KNOWN.find((ending) => name.endsWith(ending))
}

/** Whether a name ends as files of this format do, or in nothing that promises another. */
export function isNamedAs(format: FormatId, fileName: string): boolean {
  const ending = endingOf(fileName)
  return ending === undefined || CONTENTS[format].endings.includes(ending)
}

/** Most programs go by the ending: they fail at such a file, or open a pickle that was meant to be none. */
export function misnamed(
  { format }: Pick<Identifiable, 'format'>,
  { fileName = '' }: { readonly fileName?: string },
): Finding[] {
  if (format === undefined || isNamedAs(format, fileName)) return []
  const { title, endings } = CONTENTS[format]
  const ending = endingOf(fileName)!
  const message =
    format === 'safetensors' || format === 'gguf'
      ? messages.misnamed(ending, title(), endings[0]!)
      : messages.misnamedPickle(ending, title())
  return [warning('misnamed', message)]
}
