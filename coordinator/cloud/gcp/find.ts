// Finds groups by their keys: a few of a zone one by one, many of them with one list of the zone, and the managed
// instances of each group with its own list. All pages are read, and one group that cannot be read does not cost the
// others theirs.

import { AppError, kindOf } from "../../../shared/runtime/errors.ts";
import type { CallOptions } from "../group.ts";
import { decoded, groupAnswer } from "./answers.ts";
import type { GcpCalls, GroupAt } from "./calls.ts";
import { instanceOf, placeOf, readingOf, wordsOf } from "./reading.ts";
import type { GcpInstance, GcpReading } from "./reading.ts";

export type Found =
  | { readonly kind: "found"; readonly reading: GcpReading }
  | { readonly kind: "missing"; readonly detail: string }
  /** Google has answered, and the answer is of no use for this group. */
  | { readonly kind: "unknown"; readonly error: unknown }
  /** Google could not be asked. */
  | { readonly kind: "failed"; readonly error: unknown };

/** So many of one zone are asked for by name; for more the list of the zone is fewer calls. */
const BY_NAME_MAX = 3;
const PAGES_MAX = 20;

type Entry = readonly [string, Found];

/** One entry for each key; rejects for nothing but the end of `options.signal`. */
export async function findGroups(
  calls: GcpCalls,
  project: string,
  keys: readonly string[],
  options: CallOptions,
): Promise<ReadonlyMap<string, Found>> {
  const zones = Map.groupBy(new Set(keys), (key) => placeOf(key).zone);
  const parts = await Promise.all(
    [...zones].map(async ([zone, own]): Promise<readonly Entry[]> =>
      own.length <= BY_NAME_MAX
        ? await Promise.all(
            own.map(async (key): Promise<Entry> => [key, await findOne(calls, project, key, options)]),
          )
        : await findListed(calls, project, zone, own, options),
    ),
  );
  options.signal.throwIfAborted();
  return new Map(parts.flat());
}

async function findOne(calls: GcpCalls, project: string, key: string, options: CallOptions): Promise<Found> {
  const at = placeOf(key);
  try {
    return { kind: "found", reading: readingOf(at, await calls.getGroup(at, options)) };
  } catch (error) {
    return kindOf(error) === "not-found" ? missing(at, project, error) : notRead(error);
  }
}

async function findListed(
  calls: GcpCalls,
  project: string,
  zone: string,
  keys: readonly string[],
  options: CallOptions,
): Promise<readonly Entry[]> {
  try {
    const listed = await allPages(`groups of ${zone}`, async (page) => {
      const { items = [], nextPageToken } = await calls.listGroups(zone, page, options);
      return { items, nextPageToken };
    });
    const byName = new Map(listed.map((item) => [nameOf(item), item]));
    return keys.map((key): Entry => {
      const at = placeOf(key);
      if (!byName.has(at.name)) return [key, missing(at, project)];
      try {
        const answer = decoded(groupAnswer, byName.get(at.name), wordsOf(at));
        return [key, { kind: "found", reading: readingOf(at, answer) }];
      } catch (error) {
        return [key, notRead(error)];
      }
    });
  } catch (error) {
    return keys.map((key): Entry => [
      key,
      kindOf(error) === "not-found" ? missing(placeOf(key), project, error) : notRead(error),
    ]);
  }
}

/** @throws AppError as calls do, `malformed` for an answer that cannot be read. */
export async function instancesOf(
  calls: Pick<GcpCalls, "listInstances">,
  { at, hasInstances }: Pick<GcpReading, "at" | "hasInstances">,
  options: CallOptions,
): Promise<readonly GcpInstance[]> {
  if (!hasInstances) return [];
  const listed = await allPages(`instances of ${at.name}`, async (page) => {
    const { managedInstances: items = [], nextPageToken } = await calls.listInstances(at, page, options);
    return { items, nextPageToken };
  });
  return listed.map((answer) => instanceOf(at, answer));
}

interface Paged<T> {
  readonly items: readonly T[];
  readonly nextPageToken?: string | undefined;
}

/** A page with nothing on it and with a token is not the end; a token that comes again would be none. */
async function allPages<T>(
  what: string,
  ask: (page: { readonly pageToken?: string }) => Promise<Paged<T>>,
): Promise<readonly T[]> {
  const all: T[] = [];
  const tokens = new Set<string>();
  let pageToken: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const { items, nextPageToken } = await ask(pageToken === undefined ? {} : { pageToken });
    all.push(...items);
    if (nextPageToken === undefined || nextPageToken === "") return all;
    if (tokens.has(nextPageToken))
      throw new AppError("malformed", `${what}: Google's answer names the same next page again`);
    tokens.add(nextPageToken);
    pageToken = nextPageToken;
  }
  throw new AppError("malformed", `${what}: no end after ${PAGES_MAX} pages`);
}

function nameOf(item: unknown): string {
  const name = typeof item === "object" && item !== null && "name" in item ? item.name : undefined;
  return typeof name === "string" ? name : "";
}

function missing({ zone, name }: GroupAt, project: string, error?: unknown): Found {
  const said = error instanceof Error ? ` (${error.message})` : "";
  return {
    kind: "missing",
    detail: `there is no managed instance group ${name} in ${zone} of project ${project} that these credentials see${said}`,
  };
}

function notRead(error: unknown): Found {
  return { kind: kindOf(error) === "malformed" ? "unknown" : "failed", error };
}
