import type { ReadInto } from '../tensor/values/expr.ts'
import type { Identifiable, Identity } from './identity.ts'

/** A model as everything behind the parsers takes it: what it is called, what is in it, what it is. */
export interface Model<File extends Identifiable = Identifiable> {
  /** As people know it: the path that was given. */
  readonly name: string
  readonly file: File
  readonly identity: Identity
}

/** A model while its file is open: `read` reads that file only. */
export interface ReadableModel<File extends Identifiable = Identifiable> extends Model<File> {
  readonly read: ReadInto
}
