// Whether the coordinator may make the calls that it will have to make: asked of Google in one question for all rights,
// which changes nothing. Where that question is not answered, the reads are made, and of the writes nobody knows.

import { describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { ProbeAnswer } from "../account.ts";
import type { CallOptions } from "../group.ts";
import { GCP_CALLS } from "./calls.ts";
import type { GcpCalls } from "./calls.ts";
import { placeOf } from "./reading.ts";

/** Each once, in the order of the table. */
export const PERMISSIONS: readonly string[] = [
  ...new Set(Object.values(GCP_CALLS).flatMap(({ permission }) => permission ?? [])),
];

export async function probeRights(
  calls: GcpCalls,
  keys: readonly string[],
  options: CallOptions,
): Promise<readonly ProbeAnswer[]> {
  try {
    const allowed = await calls.getRights(PERMISSIONS, options);
    return PERMISSIONS.map((call) => ({ call, outcome: allowed.includes(call) ? "allowed" : "denied" }));
  } catch (error) {
    options.signal.throwIfAborted();
    return await byReading(calls, keys, describe(error), options);
  }
}

async function byReading(
  calls: GcpCalls,
  keys: readonly string[],
  why: string,
  options: CallOptions,
): Promise<readonly ProbeAnswer[]> {
  const [key] = keys;
  const at = key === undefined ? null : placeOf(key);
  const reads: Readonly<Record<string, () => Promise<unknown>>> =
    at === null
      ? {}
      : {
          [GCP_CALLS.listGroups.permission]: async () => await calls.listGroups(at.zone, {}, options),
          [GCP_CALLS.getGroup.permission]: async () => await calls.getGroup(at, options),
        };
  return await Promise.all(
    PERMISSIONS.map(async (call): Promise<ProbeAnswer> => {
      const read = reads[call];
      if (read === undefined)
        return {
          call,
          outcome: "unknown",
          detail: `cannot be found out without doing it, and Google does not say which rights there are: ${why}`,
        };
      return await outcomeOf(call, read, options);
    }),
  );
}

async function outcomeOf(
  call: string,
  read: () => Promise<unknown>,
  options: CallOptions,
): Promise<ProbeAnswer> {
  try {
    await read();
    return { call, outcome: "allowed" };
  } catch (error) {
    options.signal.throwIfAborted();
    const kind = kindOf(error);
    // What is not there was looked for, and what cannot be read was answered.
    if (kind === "not-found" || kind === "malformed") return { call, outcome: "allowed" };
    return { call, outcome: kind === "denied" ? "denied" : "unknown", detail: describe(error) };
  }
}
