// Who may see our pages by a token of the cluster: whoever the API server knows by it and lets GET that address. Answers are
// remembered, so that a scrape costs no call, and strangers who try many tokens are told to wait: guessing must load neither
// the API server nor a node's agent. While the API server is away, whom it let in lately stays let in.

import { createHmac, randomBytes } from "node:crypto";

import { millis } from "../model/units.ts";
import type { Millis } from "../model/units.ts";
import type { Clock } from "./clock.ts";
import { describe, kindOf } from "./errors.ts";
import { callerOf, mayGet } from "./kube/reviews.ts";
import type { ReviewClient } from "./kube/reviews.ts";
import type { Log } from "./log.ts";
import { createTries } from "./tries.ts";

export type TokenAdmission =
  | "yes"
  /** The token is nobody's here. */
  | "unknown"
  /** It is somebody's who may not. */
  | "forbidden"
  /** Not asked, since there was too much of it lately. */
  | "busy"
  /** The API server did not say. */
  | "unanswered";

export interface TokenAuth {
  admits(token: string): Promise<TokenAdmission>;
}

/** What a role has to grant: the verb get on this nonResourceURL. One for all pages. */
const PATH = "/metrics";
const GOOD_MS = millis(60_000);
const BAD_MS = millis(10_000);
/** Without an API server nobody can be asked, and just then the pages are wanted. */
const OUTAGE_MS = millis(600_000);
/** A scrape waits ten seconds by Prometheus' default. */
const CALL_MS = millis(3_000);
/** Larger than any token of a cluster. */
const MAX_TOKEN = 16 * 1024;
/** Of each kind. */
const REMEMBERED = 64;

type Verdict = "yes" | "unknown" | "forbidden";
interface Known {
  readonly verdict: Verdict;
  readonly at: Millis;
}

export function createTokenAuth(options: {
  readonly client: ReviewClient;
  readonly clock: Pick<Clock, "monotonic">;
  readonly log: Log;
}): TokenAuth {
  const { client, clock, log } = options;
  // Of this process only: what is remembered can be compared and not used.
  const secret = randomBytes(32);
  // Apart: whoever guesses must not push out those who are known.
  const good = new Map<string, Known>();
  const bad = new Map<string, Known>();
  const underWay = new Map<string, Promise<TokenAdmission>>();
  /** Questions about strangers' tokens. */
  const tries = createTries(clock);
  let trouble: string | null = null;

  const isWithin = (known: Known | undefined, ms: Millis): known is Known =>
    known !== undefined && clock.monotonic() - known.at < ms;

  async function ask(token: string): Promise<Verdict> {
    const limits = { deadlineMs: CALL_MS };
    const caller = await callerOf(client, token, limits);
    if (caller === null) return "unknown";
    return (await mayGet(client, caller, PATH, limits)) ? "yes" : "forbidden";
  }

  async function review(token: string, key: string, before: Known | undefined): Promise<TokenAdmission> {
    try {
      const verdict = await ask(token);
      trouble = null;
      good.delete(key);
      bad.delete(key);
      keep(verdict === "yes" ? good : bad, key, { verdict, at: clock.monotonic() });
      if (verdict === "yes" && before === undefined) tries.giveBack();
      return verdict;
    } catch (error) {
      // Said once for each kind of failure: a scraper comes back each few seconds.
      const kind = kindOf(error);
      if (kind !== trouble)
        log.warn({ reason: describe(error) }, "the API server does not say whose the token of a scraper is");
      trouble = kind;
      return isWithin(before, OUTAGE_MS) ? "yes" : "unanswered";
    }
  }

  return {
    admits: async (token) => {
      if (token.length > MAX_TOKEN) return "unknown";
      const key = createHmac("sha256", secret).update(token).digest("base64");
      const before = good.get(key);
      if (isWithin(before, GOOD_MS)) return "yes";
      const refused = bad.get(key);
      if (isWithin(refused, BAD_MS)) return refused.verdict;
      let pending = underWay.get(key);
      if (pending === undefined) {
        if (before === undefined && !tries.take()) return "busy";
        pending = review(token, key, before).finally(() => underWay.delete(key));
        underWay.set(key, pending);
      }
      return await pending;
    },
  };
}

/** The oldest goes. */
function keep(memory: Map<string, Known>, key: string, known: Known): void {
  memory.set(key, known);
  const [oldest] = memory.keys();
  if (memory.size > REMEMBERED && oldest !== undefined) memory.delete(oldest);
}
