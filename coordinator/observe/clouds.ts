// The groups that cloud accounts run, as pools read them. Each account has one loop that asks for all its groups
// together, so that a hundred pools cost what one costs; what is known is answered at once. What was not read lately is
// unknown, with its age and why. An account that cannot be made or asked keeps no other from being read.

import { READING_LAGS_MS } from "../../shared/model/group-reading.ts";
import { matchesLabels } from "../../shared/model/node.ts";
import type { Random } from "../../shared/model/random.ts";
import { elapsed } from "../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { Log } from "../../shared/runtime/log.ts";
import type { Accounts } from "../cloud/accounts.ts";
import { accountKey, accountName, describeTarget, groupKey } from "../cloud/target.ts";
import type { CloudTarget } from "../cloud/target.ts";
import { createAccountPoll } from "./account-poll.ts";
import type { AccountPoll, Seen } from "./account-poll.ts";
import { hasLost, isMoving, readingOf, sharedMembers, tierMismatch } from "./cloud-reading.ts";
import type { JoinSources, PoolOf, SeenLook } from "./cloud-reading.ts";
import type { GroupSource, PoolReading } from "./groups.ts";
import type { NodeMachines } from "./node-machines.ts";
import { createStrangers } from "./strangers.ts";

export interface CloudsOptions {
  readonly accounts: Pick<Accounts, "account">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Pick<Log, "warn" | "error">;
  readonly machines: Pick<NodeMachines, "nodesOf" | "lostBy" | "labelled">;
  readonly isNodeReady: (node: string) => boolean;
  readonly onChange: () => void;
  /** Takes over a task that ends with the signal. */
  readonly spawn: (name: string, task: (signal: AbortSignal) => Promise<void>) => void;
}

export interface CloudGroups extends GroupSource<CloudTarget> {
  /** `of`: the pool, so that nodes that wear its label and are no members are told of. */
  reading(target: CloudTarget, of?: PoolOf): PoolReading;
  /** Asks for these and no others from now on: what no policy names any more costs no calls. */
  keepOnly(targets: readonly CloudTarget[]): void;
  /** Of each account that has been read in full: how old its oldest answer is. */
  ages(now: EpochMs): readonly { readonly account: string; readonly ms: Millis }[];
}

/**
 * No longer than a decision adds what was written since to what was read (decide/fleet/flights.ts): an older reading hides
 * a growth or a removal that nobody adds any more, and the limit of all pools together with it.
 */
const TOO_OLD_MS = READING_LAGS_MS;

export function createClouds(options: CloudsOptions): CloudGroups {
  const { accounts, clock, machines } = options;
  const polls = new Map<string, { readonly name: string; readonly poll: AccountPoll }>();
  const strangers = createStrangers(clock);
  /** By the answers of an account, so that a cycle at rest compares nothing. */
  const shared = new WeakMap<ReadonlyMap<string, Seen | null>, ReturnType<typeof sharedMembers>>();

  function pollOf(target: CloudTarget): AccountPoll {
    const key = accountKey(target);
    const known = polls.get(key);
    if (known !== undefined) return known.poll;
    const { random, log, onChange } = options;
    const name = accountName(target);
    const poll = createAccountPoll({
      name,
      account: async () => await accounts.account(target),
      clock,
      random,
      log,
      isMoving: (look) => isMoving(look, machines.nodesOf),
      onChange,
    });
    polls.set(key, { name, poll });
    options.spawn(`polling of ${name}`, async (signal) => await poll.run(signal));
    return poll;
  }

  function sharedIn(all: ReadonlyMap<string, Seen | null>): ReturnType<typeof sharedMembers> {
    const before = shared.get(all);
    if (before !== undefined) return before;
    const made = sharedMembers(
      [...all].flatMap(([key, seen]) => (seen === null ? [] : [[key, seen.look] as const])),
    );
    shared.set(all, made);
    return made;
  }

  function known(
    target: CloudTarget,
    { look, at }: { readonly look: SeenLook; readonly at: EpochMs },
    poll: AccountPoll,
    of: PoolOf | undefined,
  ): PoolReading {
    const foreign =
      of === undefined
        ? []
        : strangers.of(
            JSON.stringify([accountKey(target), groupKey(target)]),
            look,
            machines.labelled(of.pool).filter(({ labels }) => matchesLabels(labels, of.nodeSelector)),
          );
    const lostSince: JoinSources["lostSince"] = (providerID) => {
      const lost = machines.lostBy(providerID);
      return lost !== null && lost.at >= at ? lost : null;
    };
    const { nodesOf, lostBy } = machines;
    const sources = { nodesOf, isNodeReady: options.isNodeReady, lostSince, lostBy };
    if (hasLost(look, sources)) poll.touched();
    return readingOf(look, sources, [
      ...(sharedIn(poll.all()).get(groupKey(target)) ?? []),
      ...foreign,
      ...(of === undefined ? [] : tierMismatch(look, of)),
    ]);
  }

  return {
    reading: (target, of) => {
      const poll = pollOf(target);
      const seen = poll.seen(groupKey(target));
      const trouble = poll.trouble();
      const words = describeTarget(target);
      if (seen === null) return unknown(trouble ?? `${words} has not been read yet`);
      const { look, at } = seen;
      if (look.kind !== "seen") return { group: { kind: look.kind, detail: look.detail }, instances: [] };
      const ageMs = elapsed(at, clock.now());
      if (ageMs > TOO_OLD_MS) {
        const old = `${words} was last read ${Math.round(ageMs / 1000)} s ago`;
        return unknown(trouble === null ? old : `${old}: ${trouble}`);
      }
      return known(target, { look, at }, poll, of);
    },
    touched: (target) => {
      polls.get(accountKey(target))?.poll.touched();
    },
    keepOnly: (targets) => {
      const wanted = Map.groupBy(targets, accountKey);
      for (const [key, { poll }] of polls) poll.keepOnly(new Set((wanted.get(key) ?? []).map(groupKey)));
    },
    ages: (now) =>
      [...polls.values()].flatMap(({ name, poll }) => {
        const ms = poll.ageMs(now);
        return ms === null ? [] : [{ account: name, ms }];
      }),
  };
}

function unknown(detail: string): PoolReading {
  return { group: { kind: "unknown", detail }, instances: [] };
}
