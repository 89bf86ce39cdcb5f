import type { Identifiable } from '../identity.ts'

/** What the file calls a tensor. */
export function storedName({ renaming }: Pick<Identifiable, 'renaming'>, name: string): string {
  return renaming?.stored.get(name) ?? name
}
