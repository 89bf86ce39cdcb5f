/** Written by `npm run docs` from the schemas in src/operations. */
export type InspectResult = {
  readonly path: string
  readonly bytes: number
  readonly format: string
  readonly title: string
  readonly metadata: {
    readonly [key: string]: string
  }
  readonly hashes: {
    readonly [key: string]: string
  }
  readonly findings: readonly {
    readonly code: string
    readonly severity: 'info' | 'warning' | 'error'
    readonly message: string
    readonly bytes: number | null
  }[]
  readonly error: null
  readonly remote: {
    readonly requests: number
    readonly bytes: number
  } | null
  readonly kind: string
  readonly evidence: readonly string[]
  readonly architecture: {
    readonly id: string | null
    readonly title: string | null
    readonly family: string | null
    readonly candidates: readonly string[]
    readonly variant: string | null
    readonly named: {
      readonly id: string
      readonly title: string
      readonly evidence: string
    } | null
    readonly modelspec: string | null
    readonly resolution: number | null
    readonly width: string | null
    readonly prediction: string | null
    readonly predictionEvidence: string | null
    readonly predictionDetails: {
      readonly assumed: boolean
      readonly weak: boolean
      readonly against: readonly string[]
      readonly zeroTerminalSnr: boolean
      readonly sigmaMax: number | null
    } | null
    readonly shift: number | null
    readonly fp16Overflows: string | null
    readonly evidence: readonly string[]
  }
  readonly components: readonly {
    readonly name: string
    readonly role: string
    readonly title: string
    readonly prefix: string
    readonly layout: string | null
    readonly tensors: number
    readonly parameters: number
    readonly bytes: number
    readonly dtypes: {
      readonly [key: string]: number
    }
    readonly missing: readonly {
      readonly name: string
      readonly shape: readonly number[]
    }[] | null
    readonly misshapen: readonly {
      readonly name: string
      readonly expected: readonly number[]
      readonly actual: readonly number[]
    }[] | null
    readonly extra: readonly string[] | null
  }[]
  readonly ema: {
    readonly of: 'unet' | 'vae'
    readonly tensors: number
    readonly uncovered: readonly string[]
    readonly bytes: number
  } | null
  readonly adapter: {
    readonly title: string
    readonly algorithms: readonly {
      readonly id: string
      readonly title: string
      readonly modules: number
    }[]
    readonly dialects: readonly {
      readonly id: string
      readonly title: string
      readonly modules: number
    }[]
    readonly targets: readonly {
      readonly target: string
      readonly title: string
      readonly tensors: number
      readonly modules: number
      readonly parameters: number
      readonly convModules: number
    }[]
    readonly modules: number
    readonly parameters: number
    readonly convModules: number
    readonly ranks: readonly {
      readonly value: number | 'Infinity' | '-Infinity' | 'NaN'
      readonly modules: number
    }[]
    readonly alphas: readonly {
      readonly value: number | 'Infinity' | '-Infinity' | 'NaN'
      readonly modules: number
    }[] | null
    readonly withoutAlpha: number
    readonly settings: {
      readonly configs: readonly {
        readonly source: string
        readonly target: string | null
        readonly type: string | null
        readonly rank: number | null
        readonly alpha: number | null
        readonly rankStabilised: boolean
        readonly ranks: readonly (readonly unknown[])[]
        readonly alphas: readonly (readonly unknown[])[]
        readonly oft: {
          readonly terms: number
          readonly limit: number | null
          readonly isShared: boolean
          readonly isOld: boolean
        } | null
        readonly feedforward: string | readonly string[] | null
      }[]
      readonly problems: readonly string[]
    }
    readonly doraModules: number
    readonly textEncoderTrained: boolean
    readonly base: {
      readonly architecture: string | null
      readonly title: string | null
      readonly evidence: readonly string[]
      readonly claimed: string | null
      readonly claimedBy: string | null
    }
    readonly embeddings: readonly string[]
    readonly wrapped: readonly {
      readonly title: string
      readonly modules: number
    }[]
    readonly strays: readonly string[]
    readonly unknownModules: readonly string[]
    readonly findings: readonly {
      readonly code: string
      readonly severity: 'info' | 'warning' | 'error'
      readonly message: string
      readonly bytes: number | null
    }[]
  } | null
  readonly embedding: {
    readonly layout: string
    readonly title: string
    readonly name: string | null
    readonly token: string | null
    readonly parts: readonly {
      readonly role: string
      readonly token: string | null
      readonly vectors: number
      readonly dim: number
    }[]
    readonly vectors: number
    readonly snapshots: number | null
    readonly architecture: string | null
    readonly steps: number | null
    readonly trainedOn: {
      readonly name: string | null
      readonly hash: string | null
    } | null
    readonly findings: readonly {
      readonly code: string
      readonly severity: 'info' | 'warning' | 'error'
      readonly message: string
      readonly bytes: number | null
    }[]
  } | null
  readonly vae: {
    readonly layout: string
    readonly network: string
    readonly title: string
    readonly prefix: string
    readonly encoder: boolean
    readonly decoder: boolean
    readonly latentChannels: number | null
    readonly downscale: number | null
    readonly tensors: number
    readonly architectures: readonly string[]
    readonly space: string | null
    readonly evidence: string | null
  } | null
  readonly quantised: readonly {
    readonly format: string
    readonly title: string
    readonly layers: number
    readonly tables: number
  }[]
  readonly tensors: readonly {
    readonly name: string
    readonly dtype: string
    readonly shape: readonly number[]
  }[] | null
  readonly extras: {
    readonly [key: string]: unknown
  }
  readonly summary: {
    readonly training: {
      readonly facts: readonly {
        readonly key: string
        readonly label: string
        readonly value: string
      }[]
      readonly datasets: readonly {
        readonly name: string
        readonly images: number | null
        readonly repeats: number | null
        readonly resolution: string | null
      }[]
      readonly buckets: readonly {
        readonly width: number
        readonly height: number
        readonly count: number
      }[]
      readonly tags: readonly {
        readonly tag: string
        readonly count: number
      }[]
    } | null
    readonly modelspec: {
      readonly facts: readonly {
        readonly key: string
        readonly label: string
        readonly value: string
      }[]
      readonly thumbnail: {
        readonly mime: string
        readonly bytes: number
      } | null
    } | null
    readonly merge: {
      readonly tool: string | null
      readonly facts: readonly {
        readonly key: string
        readonly label: string
        readonly value: string
      }[]
      readonly models: readonly {
        readonly sha256: string | null
        readonly legacyHash: string | null
        readonly name: string | null
        readonly merged: boolean
      }[]
    } | null
    readonly recipe: {
      readonly [key: string]: unknown
    } | null
    readonly comfy: {
      readonly prompt: boolean
      readonly workflow: boolean
      readonly nodes: number | null
    } | null
  }
  readonly needs: {
    readonly parts: readonly {
      readonly name: string
      readonly role: string
      readonly title: string
      readonly latents: string | null
      readonly files: readonly {
        readonly path: string
        readonly sure: boolean
      }[] | null
    }[]
    readonly looked: number | null
    readonly files: number | null
  } | null
  readonly places: readonly {
    readonly program: string
    readonly title: string
    readonly folder: string | null
    readonly option: string | null
  }[]
  readonly scan: readonly {
    readonly name: string
    readonly values: number
    readonly nan: number
    readonly inf: number
    readonly overflowF16: number
    readonly vanishF16: number
    readonly largest: number | 'Infinity' | '-Infinity' | 'NaN'
    readonly broken: readonly string[]
  }[] | null
  readonly security: {
    readonly safe: boolean
    readonly globals: readonly {
      readonly module: string
      readonly name: string
      readonly offset: number
      readonly verdict: 'construct' | 'opaque' | 'dangerous' | 'unknown'
    }[]
  } | null
  readonly leftovers: readonly {
    readonly path: string
    readonly what: string
    readonly bytes: number
  }[]
}
