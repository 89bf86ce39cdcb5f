/** Texts of joining networks to one file. */
import { catalogue } from '../../system/language.ts'
import { quoted } from '../../system/text.ts'

export const messages = catalogue({
  inputsWithoutParts: 'the recipe does not say what is taken of each of its inputs',
  nothingToJoin: 'there is nothing to join it with',
  nameParts: 'Name text encoders with --text, a VAE with --vae.',
  noDenoiser: (name: string, title: string) =>
    `${name} is a ${title}: the first file has to have the UNet or diffusion transformer`,
  unknownFamily: (name: string, title: string) =>
    `${name} is a ${title}: sdtool does not know where programs look for text encoders and VAE of such a model`,
  keepSeparate: 'Programs load its parts from files of their own.',
  noEncoder: (name: string, title: string) => `${name} is a ${title}: it has no text encoder`,
  wrongEncoder: (name: string, encoder: string, base: string, title: string, wanted: readonly string[]) =>
    `${name} is a ${encoder}; ${base}, a ${title}, needs ${wanted.join(', ')}`,
  noVae: (name: string, title: string) => `${name} is a ${title}: it has no VAE`,
  tinyVae: (name: string, title: string) => `${name} is a ${title}, which no model has in its own file`,
  wrongVae: (name: string, vae: string, space: string, base: string, title: string, wanted: string) =>
    `${name} is a ${vae} with the latents of ${space}; ${base}, a ${title}, needs one with those of ${wanted}`,
  twice: (what: string, first: string, second: string) => `${first} and ${second} both have the ${what}`,
  nameOnce: 'Name one of them; sdtool extract takes a network out of a file.',
  notInPlace: 'another file takes its place, or only training needs it',
  headerCodes: (name: string, key: string) =>
    `${name} is quantised in a way that only its header describes (${key}), layer by layer under names that would change`,
  incomplete: (missing: readonly string[]) =>
    `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not in it: programs have to load ${missing.length === 1 ? 'it' : 'them'} from elsewhere`,
  place: (name: string, prefix: string) => `from ${name}, behind ${quoted(prefix)}`,
  noPlace: (names: string) => `${names} left out: such files have no place for them`,
})
