import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  badSparseIndex: (index: number, axis: number, shape: readonly number[]) =>
    `index ${index} on axis ${axis} is outside of the shape [${shape.join(', ')}]`,
})
