import type { ConfiguredModule } from '../algorithm.ts'

/** The path as the trainer knew it, which is what patterns are for. */
export function pathInConfig({ name, prefix }: ConfiguredModule): string {
  return name.startsWith(prefix) ? name.slice(prefix.length) : name
}
