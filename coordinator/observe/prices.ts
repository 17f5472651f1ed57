// Prices that clouds tell themselves, read now and then and kept until a newer reading: what spot machines cost in each
// zone. It only reads; which price counts is for the decision. Where a cloud does not let us ask, or does not answer, the
// last reading stands with its age, and before the first the catalogue does.

import { NODE_LABEL } from "../../shared/model/names.ts";
import { capacityTypeOf } from "../../shared/model/node.ts";
import type { Random } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { AppError, describe, kindOf } from "../../shared/runtime/errors.ts";
import type { Log } from "../../shared/runtime/log.ts";
import type { Accounts } from "../cloud/accounts.ts";
import { accountKey, accountName, targetOf } from "../cloud/target.ts";
import type { CloudTarget } from "../cloud/target.ts";
import type { PricePoint } from "../decide/snapshot.ts";
import type { Groups } from "./groups.ts";
import type { BareNode } from "./inputs.ts";
import type { Policy } from "./policies.ts";

/** One account, and the types of which it is asked the price. */
export interface Wanted {
  readonly target: CloudTarget;
  readonly instanceTypes: readonly string[];
}

export interface Prices {
  /** All that was read last; the same list while nothing is new. */
  points(): readonly PricePoint[];
  /** Ends with the signal. */
  run(signal: AbortSignal): Promise<void>;
}

export interface PricesOptions {
  readonly accounts: Pick<Accounts, "account">;
  readonly wanted: () => readonly Wanted[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Pick<Log, "info" | "warn">;
}

/** Looks whether something is due. */
const BEAT_MS = millis(5_000);
/** Spot prices of AWS change some times a day. */
const READ_MS = 5 * 60_000;
const FAILED_MS = 60_000;
/** Where AWS is asked is known when the first group has been read, which may be on its way. */
const FIRST_FAILED_MS = 5_000;
/** Whoever is given the right looks soon whether it has worked. */
const DENIED_MS = 10 * 60_000;
const DEADLINE_MS = millis(20_000);

interface Entry {
  points: readonly PricePoint[];
  types: string;
  dueMs: number;
  trouble: string | null;
  /** Nothing came of the first question yet. */
  isFirst: boolean;
}

export function createPrices(options: PricesOptions): Prices {
  const { accounts, wanted, clock, random, log } = options;
  const entries = new Map<string, Entry>();
  let all: readonly PricePoint[] = [];

  async function ask({ target, instanceTypes }: Wanted, entry: Entry, signal: AbortSignal): Promise<void> {
    const name = accountName(target);
    try {
      const account = await accounts.account(target);
      if (account.spotPrices === undefined) {
        entry.dueMs = Infinity;
        return;
      }
      const limits = { signal, deadlineMs: DEADLINE_MS };
      entry.points = await account.spotPrices(instanceTypes, clock.now(), limits);
      entry.dueMs = clock.monotonic() + READ_MS * (0.9 + 0.2 * random());
      if (entry.trouble !== null) log.info({ resource: name }, "spot prices are read again");
      entry.trouble = null;
      entry.isFirst = false;
    } catch (error) {
      signal.throwIfAborted();
      const kind = kindOf(error);
      if (entry.isFirst && kind === "unavailable") {
        entry.isFirst = false;
        entry.dueMs = clock.monotonic() + FIRST_FAILED_MS;
        return;
      }
      if (kind !== entry.trouble)
        log.warn(
          { resource: name, reason: describe(error) },
          kind === "denied"
            ? "spot prices may not be read, so the catalogue's estimates order pools and what spot nodes cost is unknown; deploy/clouds says which right is missing"
            : "spot prices cannot be read; what was read before counts, else the catalogue",
        );
      entry.trouble = kind;
      const restMs = error instanceof AppError ? (error.retryAfterMs ?? 0) : 0;
      entry.dueMs = clock.monotonic() + Math.max(kind === "denied" ? DENIED_MS : FAILED_MS, restMs);
    }
  }

  function entryOf({ target, instanceTypes }: Wanted): Entry {
    const key = accountKey(target);
    const types = instanceTypes.join(" ");
    const known = entries.get(key);
    if (known?.types === types) return known;
    // Another list is another question; what was read of types that are still asked for stands until the answer.
    const kept = (known?.points ?? []).filter(({ instanceType }) => instanceTypes.includes(instanceType));
    const { trouble = null, isFirst = true } = known ?? {};
    const entry = { points: kept, types, dueMs: 0, trouble, isFirst };
    entries.set(key, entry);
    return entry;
  }

  async function look(signal: AbortSignal): Promise<void> {
    const now = wanted();
    const keys = new Set(now.map(({ target }) => accountKey(target)));
    for (const key of entries.keys()) if (!keys.has(key)) entries.delete(key);
    const due = now.flatMap((one) => {
      const entry = entryOf(one);
      return entry.dueMs <= clock.monotonic() ? [{ one, entry }] : [];
    });
    await Promise.all(due.map(async ({ one, entry }) => await ask(one, entry, signal)));
    const points = [...entries.values()].flatMap((entry) => entry.points);
    const isNews = points.length !== all.length || points.some((point, at) => point !== all[at]);
    if (isNews) all = Object.freeze(points);
  }

  return {
    points: () => all,
    run: async (signal) => {
      while (!signal.aborted) {
        await look(signal);
        await clock.sleep(BEAT_MS, signal).catch(() => {});
      }
    },
  };
}

/**
 * Types of spot pools whose price the policy does not say, by account; only of clouds that tell prices. Of other pools those
 * of their machines whose `nodes` say that they are spot: a group may mix both.
 */
export function wantedPrices(
  policies: readonly Policy[],
  reading: Groups["reading"],
  nodes: readonly Pick<BareNode, "name" | "labels">[] = [],
): readonly Wanted[] {
  const spotNodes = new Map(
    nodes.filter(({ labels }) => capacityTypeOf(labels) === "spot").map(({ name, labels }) => [name, labels]),
  );
  const types = new Map<string, { readonly target: CloudTarget; readonly types: Set<string> }>();
  for (const { parsed } of policies) {
    if (parsed.kind !== "valid") continue;
    for (const { capacityType, price, group, instanceTypes } of parsed.spec.nodePools) {
      const target = targetOf(group);
      if (target?.kind !== "aws" || price?.usdPerHour !== undefined) continue;
      const key = accountKey(target);
      const entry = types.get(key) ?? { target, types: new Set<string>() };
      types.set(key, entry);
      const seen = reading(group);
      if (capacityType !== "spot") {
        for (const { node, instanceType } of seen.instances) {
          const labels = spotNodes.get(node ?? "");
          // Its price is asked by the same name (decide/market/price.ts).
          const type = labels === undefined ? undefined : (labels[NODE_LABEL.instanceType] ?? instanceType);
          if (type !== undefined) entry.types.add(type);
        }
        continue;
      }
      for (const type of instanceTypes) entry.types.add(type);
      for (const type of seen.template?.instanceTypes ?? []) entry.types.add(type);
      for (const { instanceType } of seen.instances)
        if (instanceType !== undefined) entry.types.add(instanceType);
    }
  }
  return [...types.values()].flatMap((entry) =>
    entry.types.size === 0 ? [] : [{ target: entry.target, instanceTypes: [...entry.types].toSorted() }],
  );
}
