/** What the ending of a file's name promises, and what is in it. */

import { quoted } from '../../system/text.ts'
import type { Finding, FormatId } from '../../tensor/values/table.ts'
import { warning } from '../finding.ts'
import type { Identifiable } from '../identity.ts'

interface Contents {
  /** For people. */
  readonly title: string
  readonly endings: readonly string[]
}

const SAFETENSORS: Contents = { title: 'a safetensors file', endings: ['.safetensors', '.sft'] }
const PICKLE: Contents = { title: 'a pickle', endings: ['.ckpt', '.pt', '.pth', '.bin', '.pkl'] }
const GGUF: Contents = { title: 'a GGUF file', endings: ['.gguf'] }

const CONTENTS: Readonly<Record<FormatId, Contents>> = {
  safetensors: SAFETENSORS,
  'torch-zip': { ...PICKLE, title: 'a pickle (torch zip)' },
  'torch-legacy': { ...PICKLE, title: 'a pickle (old torch format)' },
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
  const cure =
    format === 'safetensors' || format === 'gguf'
      ? `rename it to end in ${endings[0]}`
      : 'sdtool convert writes it as safetensors; the pickle is read, never run'
  return [
    warning(
      'misnamed',
      `called ${quoted(endingOf(fileName)!)}, but it is ${title}: programs that go by the name fail; ${cure}`,
    ),
  ]
}
