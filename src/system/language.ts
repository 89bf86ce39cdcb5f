/**
 * Texts that a person reads, apart from the code that says them: each folder has its catalogue, `messages.ts`, with
 * English whole and every other language held to it by its type.
 *
 * The language belongs to a call, not to the process: two callers of the library may speak two languages at once.
 * It is carried by the asynchronous context. Handing it down as an argument would put it into every pure function
 * that can throw.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

export type Language = 'en' | 'zh-CN'

/** Texts by their names: fixed ones, and functions of what they tell about. */
export type Texts = { readonly [name: string]: string | ((...facts: never[]) => string) }

/** The same texts in another language. */
export type Translated<T extends Texts> = {
  readonly [K in keyof T]: T[K] extends string ? string : T[K]
}

const spoken = new AsyncLocalStorage<Language>()

/** Runs `work`, and all that it starts, with texts in this language. */
export function speaking<T>(language: Language, work: () => T): T {
  return spoken.run(language, work)
}

/** The language of this call, to take it to a thread or a process, where the context does not go. */
export function spokenLanguage(): Language {
  return spoken.getStore() ?? 'en'
}

/** Texts in the language of whoever reads them at that moment; English where nobody asked for another. */
export function catalogue<const T extends Texts>(
  english: T,
  others: Partial<Record<Exclude<Language, 'en'>, Translated<T>>> = {},
): Translated<T> {
  const current = (): Translated<T> => {
    const language = spokenLanguage()
    return (language === 'en' ? undefined : others[language]) ?? (english as Translated<T>)
  }
  const texts = Object.keys(english).map((name) => [name, { get: () => current()[name], enumerable: true }])
  return Object.defineProperties({}, Object.fromEntries(texts)) as Translated<T>
}
