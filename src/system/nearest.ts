/** Names further away than this share of their letters are no help. */
const MAX_DISTANCE_SHARE = 1 / 3

/** The names most like the one that was not found, best first; those that contain it are the best of all. */
export function nearestNames(wanted: string, names: Iterable<string>, count = 3): string[] {
  const plain = wanted.toLowerCase()
  return [...new Set(names)]
    .map((name) => ({ name, distance: distance(plain, name.toLowerCase()) }))
    .filter(({ distance }) => distance !== undefined)
    .sort((a, b) => a.distance! - b.distance! || (a.name < b.name ? -1 : 1))
    .slice(0, count)
    .map(({ name }) => name)
}

function distance(wanted: string, name: string): number | undefined {
  if (name.includes(wanted)) return 0
  const limit = Math.ceil(wanted.length * MAX_DISTANCE_SHARE)
  if (Math.abs(wanted.length - name.length) > limit) return undefined
  const edits = editDistance(wanted, name)
  return edits > limit ? undefined : edits
}

/** Letters to insert, delete or replace (Wagner and Fischer 1974), a row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row.at(-1)!
}
