/**
 * Calls `work` for every item, at most `limit` calls under way at once, and gives the results in the order of the items.
 * After the first failure nothing new is started. It settles only when nothing is under way any more, so that what
 * `work` reads from may be closed then.
 * @throws what the first failing call threw
 */
export async function inParallel<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length)
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++
      try {
        results[index] = await work(items[index]!, index)
      } catch (error) {
        next = items.length
        throw error
      }
    }
  }
  const lanes = Array.from({ length: Math.min(limit, items.length) }, lane)
  await Promise.allSettled(lanes)
  await Promise.all(lanes)
  return results
}

/** Small reads at the same time: enough to hide the latency of a disk, few enough for any limit on open requests. */
export const PARALLEL_READS = 64
