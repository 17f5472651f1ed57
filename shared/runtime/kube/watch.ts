// A list and a watch as one stream of events that ends with its signal and with nothing else. Whatever happens
// to the connection (silence, a cut, an old version, an unreadable line, a refused token), the stream says
// that it is stale, since when and why, and goes on by itself. It decides nothing; store.ts keeps the objects.

import type { KubeObject } from "../../model/kube.ts";
import type { Random } from "../../model/random.ts";
import { millis } from "../../model/units.ts";
import type { EpochMs, Millis } from "../../model/units.ts";
import type { Clock } from "../clock.ts";
import { AppError, describe } from "../errors.ts";
import type { ErrorKind } from "../errors.ts";
import type { Log } from "../log.ts";
import { pause, pauseAfter } from "../retry.ts";
import { hasMetadata, kept, withoutManagedFields } from "./answers.ts";
import type { ObjectList, Watcher } from "./client.ts";
import type { Resource, Selector } from "./resources.ts";
import { asStatus, refusalError, refusalOfStatus } from "./translate.ts";

export type WatchEvent<T> =
  /** All there is. Comes first, and again whenever changes may have been missed: replaces what was known. */
  | { readonly kind: "synced"; readonly items: readonly T[] }
  | { readonly kind: "put"; readonly object: T }
  | { readonly kind: "gone"; readonly object: T }
  /** What is known may be old: nothing was heard since. Repeated at each failed attempt. */
  | { readonly kind: "stale"; readonly since: EpochMs; readonly why: string }
  /** The watch is open (again). */
  | { readonly kind: "live" };

export interface WatchLimits {
  /** How long the server keeps one watch open; ± 10 %, so that the watches of a fleet do not end together. */
  readonly openMs: Millis;
  /** A watch that has not ended so long after that is dead. */
  readonly graceMs: Millis;
  readonly baseMs: Millis;
  readonly capMs: Millis;
}

export const WATCH_LIMITS: WatchLimits = {
  openMs: millis(300_000),
  graceMs: millis(30_000),
  baseMs: millis(500),
  capMs: millis(30_000),
};

export interface WatchOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly limits?: Partial<WatchLimits>;
  /** For counters: what went wrong, by kind (410 expired, silence timeout, cut unavailable, bad line malformed). */
  readonly onTrouble?: (kind: ErrorKind) => void;
  /** One line when the stream becomes stale and one when it is live again. */
  readonly log?: WatchLog;
}

export type WatchLog = Pick<Log, "info" | "warn">;

/**
 * A server that was asked for bookmarks sends one a minute. Longer silence is that of a server whose versions are
 * behind ours, as after a restored backup: it takes the watch, and says nothing until it has caught up.
 */
const BOOKMARK_WITHIN_MS = 120_000;

/** @throws only what is a bug of ours. */
export async function* watch<T extends KubeObject>(
  client: Watcher,
  resource: Resource<T>,
  selector: Selector,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>> {
  const { clock, random, signal, log } = options;
  const limits = { ...WATCH_LIMITS, ...options.limits };
  /** Where to go on from; null when only a new list can tell. */
  let position: string | null = null;
  let heardAt = clock.now();
  let state: "starting" | "live" | "stale" = "starting";
  let failures = 0;
  let wasAnswered = false;

  while (!signal.aborted) {
    const openedAtMs = clock.monotonic();
    let heardBefore = heardAt;
    let heard = false;
    try {
      // 1. What is there now.
      if (position === null) {
        let listed: ObjectList<T> | null = await client.list(resource, selector, { signal });
        position = listed.resourceVersion;
        heardAt = clock.now();
        heardBefore = heardAt;
        yield { kind: "synced", items: listed.items };
        // This function stands still here for as long as the watch is open, and would hold on to every object
        // of the list, long after it was changed or deleted.
        listed = null;
      }
      // 2. What changes from there on.
      const lines = await client.openWatch(resource, selector, lifeOf(position, limits, random), { signal });
      heardAt = clock.now();
      if (state === "stale") log?.info({ resource: resource.plural }, "watch is live again");
      if (state !== "live") yield { kind: "live" };
      state = "live";
      for await (const line of lines) {
        const event: LineEvent<T> = readLine<T>(line, resource);
        heardAt = clock.now();
        heard = true;
        failures = 0;
        position = event.position;
        if (event.change !== null) yield event.change;
      }
      // 3. The server ended it in order, which is no trouble unless it does so at once.
      heardAt = clock.now();
      if (!heard && clock.monotonic() - openedAtMs < limits.baseMs) {
        throw new AppError(
          "unavailable",
          `cannot watch ${resource.plural}: the server ends each watch at once`,
        );
      }
      if (!heard && clock.monotonic() - openedAtMs >= BOOKMARK_WITHIN_MS) position = null;
      failures = 0;
    } catch (error) {
      // 4. Trouble: say so, and come back after a pause.
      if (signal.aborted) return;
      if (!(error instanceof AppError) || error.kind === "bug") throw error;
      const isAnswered = error.kind === "expired" || error.kind === "throttled";
      // A server that was away and now answers is back: it is not to be waited for any longer.
      failures = isAnswered && !wasAnswered ? 1 : failures + 1;
      wasAnswered = isAnswered;
      // Opened and then told that our version is forgotten: nothing was heard after all.
      if (error.kind === "expired" && !heard) heardAt = heardBefore;
      options.onTrouble?.(error.kind);
      if (needsList(error.kind)) position = null;
      if (state !== "stale") log?.warn({ resource: resource.plural, error }, "watch is stale");
      state = "stale";
      yield { kind: "stale", since: heardAt, why: describe(error) };
      await pause(clock, pauseAfter(error, failures, { ...limits, random }), signal);
    }
  }
}

function lifeOf(resourceVersion: string, limits: WatchLimits, random: Random) {
  const timeoutSeconds = Math.max(1, Math.round((limits.openMs * (0.9 + 0.2 * random())) / 1000));
  return { resourceVersion, timeoutSeconds, lifeMs: millis(timeoutSeconds * 1000 + limits.graceMs) };
}

/** After these the position is worthless, or a change may have been missed. */
function needsList(kind: ErrorKind): boolean {
  return kind === "expired" || kind === "malformed" || kind === "refused" || kind === "not-found";
}

interface LineEvent<T> {
  readonly position: string;
  /** Null for a bookmark, which only moves the position. */
  readonly change: WatchEvent<T> | null;
}

/** @throws AppError malformed, or the kind of the Status that the line carries. */
function readLine<T extends KubeObject>(line: string, resource: Resource<T>): LineEvent<T> {
  const malformed = (why: string): AppError =>
    new AppError(
      "malformed",
      `cannot read a line of the watch on ${resource.plural}: ${why}: ${line.slice(0, 100)}`,
    );
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch {
    throw malformed("it is no JSON");
  }
  if (typeof event !== "object" || event === null || !("type" in event) || !("object" in event)) {
    throw malformed("it has no type or no object");
  }
  const { type, object } = event;
  const status = type === "ERROR" ? asStatus(object) : null;
  if (status !== null) throw refusalError(`go on watching ${resource.plural}`, refusalOfStatus(status));
  if (!hasMetadata(object)) throw malformed("its object has no metadata");
  const position = object.metadata["resourceVersion"];
  if (typeof position !== "string" || position === "") throw malformed("its object has no resourceVersion");
  if (type === "BOOKMARK") return { position, change: null };
  if (typeof object.metadata["name"] !== "string") throw malformed("its object has no name");
  const known = kept(resource, withoutManagedFields(object));
  if (type === "ADDED" || type === "MODIFIED") return { position, change: { kind: "put", object: known } };
  if (type === "DELETED") return { position, change: { kind: "gone", object: known } };
  throw malformed(`its type is "${String(type)}"`);
}
