// Basic authentication against bcrypt hashes. A comparison costs a tenth of a second of the program's one thread, so
// each name and password is compared once and remembered, wrong ones as well, and strangers who try many are told to
// wait: guessing must not keep a node's agent from its drain.

import { createHmac, randomBytes } from "node:crypto";

import type { Clock } from "./clock.ts";
import { createTries } from "./tries.ts";

/** `busy`: not compared, since there was too much of it lately; the same request may be let in later. */
export type Admission = "yes" | "no" | "busy";

export type CompareHash = (password: string, hash: string) => Promise<boolean>;

/** Of each kind. */
const REMEMBERED = 64;

export interface BasicAuth {
  /** `authorization` is the header; `users` are names with their hashes. */
  admits(authorization: string | undefined, users: ReadonlyMap<string, string>): Promise<Admission>;
}

export function createBasicAuth(options: {
  readonly compare: CompareHash;
  readonly clock: Pick<Clock, "monotonic">;
}): BasicAuth {
  const { compare, clock } = options;
  // Of this process only: what is remembered can be compared and not read.
  const secret = randomBytes(32);
  // Apart: whoever guesses must not push out those who are known, or they would have to queue up with the guesses.
  const right = createMemory();
  const wrong = createMemory();
  const underWay = new Map<string, Promise<boolean>>();
  let last: Promise<unknown> = Promise.resolve();
  /** Comparisons; a right password costs none. */
  const tries = createTries(clock);

  const compared = async (before: Promise<unknown>, key: string, password: string, hash: string) => {
    await before;
    const isRight = await compare(password, hash);
    if (isRight) tries.giveBack();
    (isRight ? right : wrong).add(key);
    return isRight;
  };

  return {
    admits: async (authorization, users) => {
      const given = credentials(authorization);
      if (given === null) return "no";
      const { user, password } = given;
      const own = users.get(user);
      // A stranger's name takes as long as a known one, so that the time does not tell which names there are.
      const hash = own ?? [...users.values()][0] ?? null;
      if (hash === null) return "no";
      const key = createHmac("sha256", secret)
        .update(JSON.stringify([user, password, hash]))
        .digest("base64");
      if (right.has(key)) return own === undefined ? "no" : "yes";
      if (wrong.has(key)) return "no";

      let pending = underWay.get(key);
      if (pending === undefined) {
        if (!tries.take()) return "busy";
        pending = compared(last, key, password, hash);
        underWay.set(key, pending);
        // A comparison that failed is that caller's error and no reason to stop the next one.
        last = pending.catch(() => undefined).finally(() => underWay.delete(key));
      }
      return (await pending) && own !== undefined ? "yes" : "no";
    },
  };
}

interface Memory {
  has(key: string): boolean;
  add(key: string): void;
}

/** Of the last ones that somebody asked for. */
function createMemory(): Memory {
  const keys = new Set<string>();
  const add = (key: string): void => {
    keys.delete(key);
    keys.add(key);
    const [oldest] = keys;
    if (keys.size > REMEMBERED && oldest !== undefined) keys.delete(oldest);
  };
  return {
    has: (key) => {
      const isThere = keys.has(key);
      if (isThere) add(key);
      return isThere;
    },
    add,
  };
}

function credentials(
  authorization: string | undefined,
): { readonly user: string; readonly password: string } | null {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization ?? "")?.[1];
  if (encoded === undefined) return null;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
