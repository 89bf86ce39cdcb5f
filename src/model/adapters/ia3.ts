import { type Algorithm, type Parts, targetShape } from './algorithm.ts'

/**
 * W' = W * (1 + strength * w), along the inputs if `on_input`, else along the outputs. No alpha.
 *
 * | tensor   | linear     | conv         |
 * | weight   | (n,)       | (1, n, 1, 1) |
 * | on_input | 0-D, 0 or 1               |
 */
export const ia3: Algorithm = {
  id: 'ia3',
  title: 'IA3',
  spellings: [
    { suffix: 'on_input', role: 'on_input' },
    { suffix: 'weight', role: 'weight', trust: 'companion' },
  ],
  required: [['weight', 'on_input']],
  optional: [],
  // Which side the vector is for stands in the value of on_input, so shapes alone do not tell the target.
  target: () => targetShape(undefined, undefined),
  misfit: (parts: Parts) =>
    (parts.get('weight')?.shape.filter((n) => n !== 1).length ?? 0) > 1
      ? 'its weight is no vector'
      : undefined,
}
