/** A number with its noun, as English has it: "1 tensor", "2 tensors", "0 entries". */
export function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : many}`
}
