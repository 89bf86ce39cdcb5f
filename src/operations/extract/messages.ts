/** Texts of extracting components. */
import { counted } from '../../model/finding.ts'
import { formatCount } from '../../report/text/text.ts'
import { catalogue } from '../../system/language.ts'
import { plural } from '../../system/plural.ts'

export const messages = catalogue({
  component: (title: string, tensors: number, parameters: number) =>
    `${title}: ${plural(tensors, 'tensor')}, ${formatCount(parameters)} parameters`,
  severalComponents: (selector: string) => `the file has several components ${selector}`,
  nameOne: (components: readonly string[]) => `Name one: ${components.join(', ')}.`,
  noPlace: (tensors: readonly string[]) =>
    `${counted(tensors, 'tensor')} left out: such files have no place for them`,
})
