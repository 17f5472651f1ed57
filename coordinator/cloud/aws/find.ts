// Finds groups by their keys in an account: named ones a hundred in a call, those by tags each with a filter, of which
// exactly one has to match. All pages are read. One answer that cannot be read does not cost the others theirs.

import type { AutoScalingGroup, DescribeAutoScalingGroupsCommandInput } from "@aws-sdk/client-auto-scaling";

import type { EpochMs } from "../../../shared/model/units.ts";
import { AppError, kindOf } from "../../../shared/runtime/errors.ts";
import type { CallOptions } from "../group.ts";
import type { AwsCalls } from "./calls.ts";
import { readingOf } from "./reading.ts";
import type { AwsReading } from "./reading.ts";

export type Found =
  | { readonly kind: "found"; readonly reading: AwsReading; readonly at: EpochMs | null }
  | { readonly kind: "missing"; readonly detail: string }
  /** AWS has answered, and the answer is of no use for this group. */
  | { readonly kind: "unknown"; readonly error: unknown }
  /** AWS could not be asked. */
  | { readonly kind: "failed"; readonly error: unknown };

/** What AWS takes in one call, names and records of a page alike. */
const NAMES_MAX = 100;
const PAGES_MAX = 20;
/** Calls that are spent on finding out which of a hundred groups cannot be read. */
const APART_MAX = 16;
/** Before a key that is tags, see groupKey. AWS allows no colon in a group's name. */
const TAGS = "tags:";

/** One entry for each key; rejects for nothing but the end of `options.signal`. */
export async function findGroups(
  calls: AwsCalls,
  region: string,
  keys: readonly string[],
  options: CallOptions,
): Promise<ReadonlyMap<string, Found>> {
  const names = keys.filter((key) => !key.startsWith(TAGS));
  const parts = await Promise.all([
    ...chunksOf(names).map(
      async (chunk) => await findNamed(calls, region, chunk, options, { left: APART_MAX }),
    ),
    ...keys
      .filter((key) => key.startsWith(TAGS))
      .map(async (key) => [[key, await findTagged(calls, region, key, options)] as const]),
  ]);
  options.signal.throwIfAborted();
  return new Map(parts.flat());
}

type Entry = readonly [string, Found];

async function findNamed(
  calls: AwsCalls,
  region: string,
  names: readonly string[],
  options: CallOptions,
  apart: { left: number },
): Promise<readonly Entry[]> {
  try {
    const { groups, at } = await allPages(calls, { AutoScalingGroupNames: [...names] }, options);
    const byName = new Map(groups.map((group) => [group.AutoScalingGroupName, group]));
    return names.map((name): Entry => {
      const group = byName.get(name);
      const detail = `there is no Auto Scaling group ${name} in ${region} that these credentials see`;
      return [name, group === undefined ? { kind: "missing", detail } : read(group, at)];
    });
  } catch (error) {
    apart.left -= 2;
    if (kindOf(error) !== "malformed" || names.length < 2 || apart.left < 0)
      return names.map((name): Entry => [name, notRead(error)]);
    const middle = Math.ceil(names.length / 2);
    const first = await findNamed(calls, region, names.slice(0, middle), options, apart);
    return [...first, ...(await findNamed(calls, region, names.slice(middle), options, apart))];
  }
}

async function findTagged(
  calls: AwsCalls,
  region: string,
  key: string,
  options: CallOptions,
): Promise<Found> {
  try {
    const tags = JSON.parse(key.slice(TAGS.length)) as readonly (readonly [string, string])[];
    const words = tags.map(([name, value]) => `${name}=${value}`).join(", ");
    const Filters = tags.map(([name]) => ({ Name: "tag-key", Values: [name] }));
    const valued = tags.flatMap(([name, value]) =>
      value === "" ? [] : [{ Name: `tag:${name}`, Values: [value] }],
    );
    const { groups, at } = await allPages(calls, { Filters: [...Filters, ...valued] }, options);
    // AWS's filters know wildcards and our tags do not.
    const matching = groups.filter(({ Tags = [] }) =>
      tags.every(([name, value]) => Tags.some((tag) => tag.Key === name && (tag.Value ?? "") === value)),
    );
    const [only, another] = matching;
    if (only === undefined)
      return { kind: "missing", detail: `no Auto Scaling group in ${region} carries the tags ${words}` };
    if (another === undefined) return read(only, at);
    const named = matching.map(({ AutoScalingGroupName: name = "?" }) => name).toSorted();
    const detail = `${matching.length} Auto Scaling groups in ${region} carry the tags ${words} (${named.slice(0, 5).join(", ")}): name one, or add a tag that only one has`;
    return { kind: "unknown", error: new AppError("misconfigured", detail) };
  } catch (error) {
    return notRead(error);
  }
}

function read(group: AutoScalingGroup, at: EpochMs | null): Found {
  try {
    const reading = readingOf(group);
    const detail = `Auto Scaling group ${reading.name} is being deleted (${reading.status ?? ""})`;
    return reading.status !== null && /delete/i.test(reading.status)
      ? { kind: "missing", detail }
      : { kind: "found", reading, at };
  } catch (error) {
    return notRead(error);
  }
}

function notRead(error: unknown): Found {
  return { kind: kindOf(error) === "malformed" ? "unknown" : "failed", error };
}

/** A page without groups and with a token is not the end; a token that comes again would be none. */
async function allPages(
  calls: AwsCalls,
  input: DescribeAutoScalingGroupsCommandInput,
  options: CallOptions,
): Promise<{ readonly groups: readonly AutoScalingGroup[]; readonly at: EpochMs | null }> {
  const groups: AutoScalingGroup[] = [];
  const tokens = new Set<string>();
  let token: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const more = token === undefined ? {} : { NextToken: token };
    const { output, at } = await calls.DescribeAutoScalingGroups(
      { ...input, MaxRecords: NAMES_MAX, ...more },
      options,
    );
    if (output.AutoScalingGroups === undefined)
      throw new AppError("malformed", "DescribeAutoScalingGroups: the answer has no list of groups");
    groups.push(...output.AutoScalingGroups);
    token = output.NextToken === "" ? undefined : output.NextToken;
    if (token === undefined) return { groups, at };
    if (tokens.has(token))
      throw new AppError("malformed", "DescribeAutoScalingGroups: the answer names the same next page again");
    tokens.add(token);
  }
  throw new AppError("malformed", `DescribeAutoScalingGroups: no end after ${PAGES_MAX} pages`);
}

function chunksOf(names: readonly string[]): readonly (readonly string[])[] {
  const unique = [...new Set(names)];
  const chunks: string[][] = [];
  for (let from = 0; from < unique.length; from += NAMES_MAX)
    chunks.push(unique.slice(from, from + NAMES_MAX));
  return chunks;
}
