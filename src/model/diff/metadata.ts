/** Text metadata of two files, compared. */
export interface MetadataDiff {
  readonly added: Readonly<Record<string, string>>
  readonly removed: Readonly<Record<string, string>>
  readonly changed: Readonly<Record<string, { readonly a: string; readonly b: string }>>
}

type Metadata = Readonly<Record<string, string>>

export function diffMetadata(a: Metadata, b: Metadata): MetadataDiff {
  const only = (from: Metadata, other: Metadata) =>
    Object.fromEntries(Object.entries(from).filter(([key]) => !Object.hasOwn(other, key)))
  const changed = Object.entries(a).flatMap(([key, value]) => {
    const other = Object.hasOwn(b, key) ? b[key]! : value
    return other === value ? [] : [[key, { a: value, b: other }] as const]
  })
  return { added: only(b, a), removed: only(a, b), changed: Object.fromEntries(changed) }
}
