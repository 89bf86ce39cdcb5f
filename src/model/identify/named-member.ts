/** Members of a family that have the same keys: only names can tell them apart. */
import { defined } from '../../system/defined.ts'
import type { Architecture, NamedMember, Variant } from '../networks/architectures/architecture.ts'
import { messages } from './messages.ts'
import { type Hints, saidOf, type WithFacts } from './prediction.ts'

/** Which one a file says it is. It is no more than what it is called. */
export interface MemberByName {
  readonly id: string
  readonly title: string
  /** Of a pair that shares the work. */
  readonly expert?: true
  /** In plain words, what says so. */
  readonly evidence: string
}

interface NameSource {
  readonly text: string
  readonly evidence: string
  readonly titled: (member: string) => string
}

/** Where trainers, ComfyUI and converters of GGUF write what a model is or was made of. */
const NAME_KEYS = [
  'modelspec.architecture',
  'modelspec.title',
  'ss_base_model_version',
  'ss_sd_model_name',
  'general.name',
] as const

/** The first source that speaks of exactly one member decides: metadata, then notes next to the file, then its name. */
export function namedMember(
  file: WithFacts,
  { names = [] }: Architecture,
  variant: Variant | undefined,
  hints: Hints,
): MemberByName | undefined {
  const members = names.filter(({ of }) => of === undefined || of.includes(variant?.id ?? ''))
  if (members.length === 0) return undefined
  for (const { text, evidence, titled } of sourcesOf(file, hints)) {
    const [member, ...others] = members.filter(({ words }) => words.test(text))
    if (member !== undefined && others.length === 0) return described(member, titled, evidence)
  }
  return undefined
}

function described(
  { id, title, expert }: NamedMember,
  titled: NameSource['titled'],
  evidence: string,
): MemberByName {
  return {
    id,
    title: titled(title),
    evidence: messages.memberByName(title, evidence),
    ...defined({ expert }),
  }
}

/** The expert that an adapter is for: its widths do not tell the member of the family. */
export function namedExpert(
  file: WithFacts,
  { names = [], ...architecture }: Architecture,
  hints: Hints,
): MemberByName | undefined {
  const experts = names.filter(({ expert }) => expert === true).map(({ of: _, ...member }) => member)
  return namedMember(file, { ...architecture, names: experts }, undefined, hints)
}

function sourcesOf(file: WithFacts, { fileName, titles = [] }: Hints): NameSource[] {
  const said = saidOf(file)
  return [
    ...NAME_KEYS.flatMap((key) => {
      const text = said(key)
      return text === undefined
        ? []
        : [{ text, evidence: messages.metadataSays(key, text), titled: messages.byItsMetadata }]
    }),
    ...titles.map((text) => ({ text, evidence: messages.onlyTitle(text), titled: messages.byItsTitle })),
    ...(fileName === undefined
      ? []
      : [{ text: fileName, evidence: messages.onlyFileName(fileName), titled: messages.byItsName }]),
  ]
}

/** Whether two files are for, or are, different ones of a pair of networks. */
export function areOtherExperts(a: MemberByName | undefined, b: MemberByName | undefined): boolean {
  return a?.expert === true && b?.expert === true && a.id !== b.id
}
