// Holds groups that something else grows at what their policies allow, and gives their limits back once no policy asks for
// that any more: the field was taken away, or the policy acts no more, or is gone. What stands already is looked at again
// from time to time only, since others write these objects too. Nothing here stops a move, and a failure is tried again.

import type { Clock } from "../../shared/runtime/clock.ts";
import type { CapChange } from "../cloud/group.ts";
import type { CappedGroup } from "../cloud/scale/capped.ts";
import { scaleKindOf } from "../cloud/scale/kinds.ts";
import type { Cap, Plan } from "../decide/plan.ts";
import type { PolicyInput, Snapshot } from "../decide/snapshot.ts";
import type { ActContext, ValidPolicy } from "./context.ts";
import { inParallel, STATUS_WRITES } from "./parallel.ts";
import { stoppedBecause } from "./stopped.ts";

export interface Caps {
  /** `leads`: whether the policy may be acted on. Never throws what a call throws. */
  keep(
    plan: Plan,
    snapshot: Snapshot,
    leads: (policy: string) => boolean,
    context: ActContext,
  ): Promise<void>;
}

/** Others may have changed the limits, or left a note of ours from before our time. */
const LOOK_AGAIN_MS = 60_000;
const TRY_AGAIN_MS = 10_000;

export function createCaps(): Caps {
  /** Pool → what it was last held at. */
  const held = new Map<string, Looked>();
  /** NodePools that some policy asks us to hold, as of the last look. */
  let asked: ReadonlySet<string> | null = null;
  let searchAtMs = 0;

  async function hold(cap: Cap, policy: ValidPolicy, context: ActContext): Promise<void> {
    const { nodes, gpus } = cap;
    const key = `${cap.policy}/${cap.pool}`;
    const words = JSON.stringify([nodes, gpus]);
    const before = held.get(key);
    if (before?.words === words && !isOver(before.untilMs, context.clock)) return;
    const group = context.groupOf(policy, cap.pool);
    if (group?.capAt === undefined) return;
    const about = { policy: cap.policy, pool: cap.pool };
    try {
      const wanted = { policy: cap.policy, nodes, ...(gpus === undefined ? {} : { gpus }) };
      logChanges(await group.capAt(wanted, context.call()), about, context);
      held.set(key, { words, untilMs: context.clock.monotonic() + LOOK_AGAIN_MS });
    } catch (error) {
      // Where nobody knows whether it was written, the next attempt finds it as it shall be.
      held.set(key, { words, untilMs: context.clock.monotonic() + TRY_AGAIN_MS });
      context.log.warn(
        { ...about, error },
        "cannot hold the limits of a group that grows itself; trying again",
      );
    }
  }

  async function search(
    snapshot: Snapshot,
    leads: (policy: string) => boolean,
    context: ActContext,
  ): Promise<void> {
    const wanted = new Set(snapshot.policies.flatMap(askedBy));
    const isFewer = asked !== null && [...asked].some((name) => !wanted.has(name));
    asked = wanted;
    if (!isFewer && !isOver(searchAtMs, context.clock)) return;
    searchAtMs = context.clock.monotonic() + LOOK_AGAIN_MS;
    const { capped } = context;
    if (capped === undefined) return;
    try {
      const mayGo = (group: CappedGroup): boolean =>
        !wanted.has(group.name) && isFree(group.policy, snapshot.policies, leads);
      for (const { name } of (await capped.list(context.call())).filter(mayGo)) {
        const changes = await capped.giveBack(name, context.call);
        logChanges(changes, { resource: "NodePool", name }, context);
      }
    } catch (error) {
      searchAtMs = context.clock.monotonic() + TRY_AGAIN_MS;
      context.log.warn(
        { resource: "NodePool", error },
        "cannot give back limits that no policy holds any more; trying again",
      );
    }
  }

  return {
    keep: async ({ caps = [] }, snapshot, leads, context) => {
      if (snapshot.sync.kind === "unsynced") return;
      const policies = new Map(snapshot.policies.map((policy) => [policy.name, policy]));
      const due = caps.flatMap((cap) => {
        const policy = policies.get(cap.policy);
        return policy?.kind === "valid" && stoppedBecause(policy) === null && leads(policy.name)
          ? [{ cap, policy }]
          : [];
      });
      await inParallel(due, STATUS_WRITES, async ({ cap, policy }) => await hold(cap, policy, context));
      const names = new Set(due.map(({ cap }) => `${cap.policy}/${cap.pool}`));
      for (const key of held.keys()) if (!names.has(key)) held.delete(key);
      await search(snapshot, leads, context);
    },
  };
}

interface Looked {
  readonly words: string;
  readonly untilMs: number;
}

function isOver(untilMs: number, clock: Pick<Clock, "monotonic">): boolean {
  return clock.monotonic() >= untilMs;
}

/** NodePools that a policy which acts asks us to hold. Whether it says how far now is another matter. */
function askedBy(policy: PolicyInput): readonly string[] {
  if (policy.kind === "invalid" || stoppedBecause(policy) !== null) return [];
  return policy.spec.nodePools.flatMap(({ group }) => {
    const scale = group?.scale;
    return scale?.manageLimits === true && scaleKindOf(scale) === "node-pool" ? [scale.name] : [];
  });
}

/** Whether nobody may still mean it: a policy that cannot be read may say so again once it is corrected. */
function isFree(
  owner: string | null,
  policies: readonly PolicyInput[],
  leads: (policy: string) => boolean,
): boolean {
  const policy = policies.find(({ name }) => name === owner);
  if (policy === undefined) return true;
  return policy.kind === "valid" && leads(policy.name);
}

function logChanges(
  changes: readonly CapChange[],
  about: Readonly<Record<string, string>>,
  { log }: Pick<ActContext, "log">,
): void {
  for (const { limit, from, to } of changes)
    log.info(
      { ...about, reason: `limits.${limit}`, from: from ?? "none", to: to ?? "none" },
      "set a limit of a group that grows itself",
    );
}
