// One error class with a closed table of kinds. Foreign errors become kinds where they enter (the Kubernetes
// client, NATS, a cloud); callers ask for `kind` and never look into messages.

/** retryable: the same call may succeed later. exitCode: what `main` exits with when the error ends the process. */
interface Kind {
  readonly retryable: boolean;
  readonly exitCode: number;
  readonly logLevel: "warn" | "error";
}

export const ERROR_KINDS = {
  /** A setting is missing, unknown or malformed. */
  settings: { retryable: false, exitCode: 64, logLevel: "error" },
  /** Input from a person or a file does not validate. */
  "bad-input": { retryable: false, exitCode: 65, logLevel: "error" },
  /** The object does not exist. */
  "not-found": { retryable: false, exitCode: 1, logLevel: "warn" },
  /** Somebody else changed the object first, or it exists already. */
  conflict: { retryable: true, exitCode: 1, logLevel: "warn" },
  /** Not allowed: credentials or rights. */
  denied: { retryable: false, exitCode: 77, logLevel: "error" },
  /** The other side asks for fewer calls. */
  throttled: { retryable: true, exitCode: 1, logLevel: "warn" },
  /** The cloud has no such machine now. */
  "no-capacity": { retryable: true, exitCode: 1, logLevel: "warn" },
  /** The account may not have more of them. */
  quota: { retryable: false, exitCode: 1, logLevel: "warn" },
  /** What is asked for names something that does not exist or does not fit together. */
  misconfigured: { retryable: false, exitCode: 1, logLevel: "error" },
  /** A PodDisruptionBudget refuses the eviction now. */
  "budget-blocked": { retryable: true, exitCode: 1, logLevel: "warn" },
  /** The server refuses the request as wrong (400, 422, several budgets on one pod). */
  refused: { retryable: false, exitCode: 1, logLevel: "error" },
  /** The watch's resourceVersion is too old: list again. */
  expired: { retryable: true, exitCode: 1, logLevel: "warn" },
  /** No answer in time. Whether the call took effect is not known. */
  timeout: { retryable: true, exitCode: 1, logLevel: "warn" },
  /** Connection refused or cut, 5xx. */
  unavailable: { retryable: true, exitCode: 69, logLevel: "warn" },
  /** An answer that cannot be read. */
  malformed: { retryable: true, exitCode: 1, logLevel: "error" },
  /** The driver is of another version than the library that the container was given: a new container helps. */
  "driver-mismatch": { retryable: false, exitCode: 70, logLevel: "error" },
  /** The container has lost its devices: a new one helps. */
  "devices-lost": { retryable: false, exitCode: 71, logLevel: "error" },
  /** A promise of our own code is broken. */
  bug: { retryable: false, exitCode: 72, logLevel: "error" },
} as const satisfies Record<string, Kind>;

export type ErrorKind = keyof typeof ERROR_KINDS;

/** Data fields that go to the log beside the message. */
export type ErrorData = Readonly<Record<string, string | number | boolean | null>>;

export class AppError extends Error {
  override readonly name = "AppError";
  readonly kind: ErrorKind;
  readonly data: ErrorData;
  /** When the other side said how long to wait. */
  readonly retryAfterMs: number | null;

  constructor(
    kind: ErrorKind,
    message: string,
    options: {
      readonly cause?: unknown;
      readonly data?: ErrorData;
      readonly retryAfterMs?: number | null;
    } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.kind = kind;
    this.data = options.data ?? {};
    this.retryAfterMs = options.retryAfterMs ?? null;
  }

  get retryable(): boolean {
    return ERROR_KINDS[this.kind].retryable;
  }
}

/** The kind of any thrown value; what is not ours is a bug until it is translated where it enters. */
export function kindOf(error: unknown): ErrorKind {
  return error instanceof AppError ? error.kind : "bug";
}

/** Message of any thrown value, with the messages of its causes. */
export function describe(error: unknown): string {
  const parts: string[] = [];
  let at: unknown = error;
  for (let depth = 0; at !== undefined && depth < 5; depth += 1) {
    const text = at instanceof Error ? at.message : typeof at === "string" ? at : JSON.stringify(at);
    // Whoever wrapped the cause may have put its words into his own.
    if (!parts.some((part) => part.includes(text))) parts.push(text);
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join(": ");
}
