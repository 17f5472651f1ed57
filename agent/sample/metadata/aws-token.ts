// The token without which EC2's metadata says nothing: got when it is needed, renewed long before it expires, thrown
// away when the service does not know it any more, and asked for at most once a second whatever the service answers.

import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError, describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../../shared/runtime/errors.ts";
import type { Log } from "../../../shared/runtime/log.ts";
import { statusError } from "./client.ts";
import type { MetadataClient } from "./client.ts";
import { AWS, awsTokenIn, awsTokenQuestion } from "./protocol.ts";

export interface Tokens {
  /**
   * Null: this machine's metadata is read without one, for the setting allows it and the service gives none.
   * @throws AppError when there is none, or the signal's reason.
   */
  current(): Promise<string | null>;
  /** The service has answered 401 to it. */
  refused(token: string): void;
}

interface Token {
  readonly text: string;
  readonly renewAtMs: number;
  readonly endsAtMs: number;
}

const WITHIN_MS = millis(1_000);
const APART_MS = 1_000;
/** A token that still holds is used on while its renewal fails. */
const RENEWAL_APART_MS = 10_000;
const RENEW_AT = 0.8;
/** For so long a service that gave no token is read without one. */
const WITHOUT_MS = 300_000;
/** What a service without tokens answers, and one behind a hop too many: nothing. */
const GIVES_NONE: readonly ErrorKind[] = ["denied", "not-found", "refused", "timeout"];

export function createTokens(options: {
  readonly client: MetadataClient;
  /** Whether metadata may be read without a token. */
  readonly v1: boolean;
  readonly clock: Pick<Clock, "monotonic" | "sleep">;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Tokens {
  const { client, v1, clock, log, signal } = options;
  let token: Token | null = null;
  let withoutUntilMs = 0;
  let askedAtMs: number | null = null;
  let asking: Promise<Token> | null = null;

  async function ask(): Promise<Token> {
    const waitMs = askedAtMs === null ? 0 : askedAtMs + APART_MS - clock.monotonic();
    if (waitMs > 0) await clock.sleep(millis(waitMs), signal);
    const at = clock.monotonic();
    askedAtMs = at;
    const question = awsTokenQuestion(WITHIN_MS);
    const answer = await client.ask(question, signal);
    const text = awsTokenIn(answer);
    if (text === null) {
      if (answer.status !== 200) throw statusError(question.what, answer);
      throw new AppError("malformed", `cannot ${question.what}: the answer is no token`);
    }
    const seconds = Number(answer.headers[AWS.ttlHeader] ?? AWS.ttlSeconds);
    const ttlMs = (seconds >= 1 && seconds <= AWS.ttlSeconds ? seconds : AWS.ttlSeconds) * 1000;
    return { text, renewAtMs: at + ttlMs * RENEW_AT, endsAtMs: at + ttlMs };
  }

  return {
    current: async () => {
      const now = clock.monotonic();
      if (token !== null && now < token.renewAtMs) return token.text;
      if (now < withoutUntilMs) return null;
      const held = token !== null && now < token.endsAtMs ? token.text : null;
      if (held !== null && asking === null && now - (askedAtMs ?? 0) < RENEWAL_APART_MS) return held;
      // Rounds that need one at the same moment share the answer.
      asking ??= ask().finally(() => {
        asking = null;
      });
      try {
        token = await asking;
        return token.text;
      } catch (error) {
        signal.throwIfAborted();
        if (held !== null) return held;
        if (!v1 || !GIVES_NONE.includes(kindOf(error))) throw withWayOut(error);
        log.info({ error }, "AWS gives no token: its metadata is read without one, as the setting allows");
        withoutUntilMs = clock.monotonic() + WITHOUT_MS;
        return null;
      }
    },
    refused: (text) => {
      if (token?.text === text) token = null;
    },
  };
}

function withWayOut(error: unknown): unknown {
  const kind = kindOf(error);
  const way =
    kind === "timeout"
      ? "an agent that is not on the host's network needs a hop limit of 2 in the machine's metadata options"
      : kind === "denied"
        ? "the machine's metadata options have to allow its metadata service"
        : null;
  return way === null ? error : new AppError(kind, `${describe(error)}; ${way}`, { cause: error });
}
