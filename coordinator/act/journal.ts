// The one writer of policy status: moves in flight, cooldowns and what people read stand in the same object, so
// one compare-and-set covers them. A change is computed from the newest status known, written only if nobody
// wrote in between, and computed again from what is there if somebody did. What a status says is moves.ts and
// report/status.ts.

import { parsePolicyStatus } from "../../shared/contract/policy/status.ts";
import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import type { Millis } from "../../shared/model/units.ts";
import { AppError, kindOf } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { UnreadObject } from "../../shared/runtime/kube/resources.ts";
import { EMPTY_STATUS } from "./moves.ts";

/** Returns its argument when there is nothing to write. */
export type StatusChange = (status: PolicyStatus) => PolicyStatus;

export interface JournalCall {
  readonly signal: AbortSignal;
  readonly deadlineMs: Millis;
}

export interface PolicyJournal {
  /** What the watch brought. An older version than our own last write is ignored. */
  seen(object: UnreadObject): void;
  gone(policy: string): void;
  /** The newest status known; the empty one for a policy that has none or one that cannot be read. */
  status(policy: string): PolicyStatus;
  /** @throws AppError not-found for a policy that is gone, conflict after the last attempt, else what the calls throw. */
  change(policy: string, change: StatusChange, call: JournalCall): Promise<PolicyStatus>;
}

export interface JournalOptions {
  readonly client: Pick<KubeClient, "get" | "replaceStatus">;
  readonly onUnreadable: (policy: string) => void;
}

/** The spec is edited by people and the status by us alone, so two conflicts in a row are rare already. */
const ATTEMPTS = 4;

export function createJournal({ client, onUnreadable }: JournalOptions): PolicyJournal {
  const known = new Map<string, { readonly object: UnreadObject; readonly status: PolicyStatus }>();
  /** The end of the queue of writes, per policy: two changes of one status never overlap. */
  const queues = new Map<string, Promise<unknown>>();

  function keep(object: UnreadObject): PolicyStatus {
    const { name } = object.metadata;
    const before = known.get(name);
    if (before !== undefined && isOlder(object, before.object)) return before.status;
    const parsed = parsePolicyStatus(object.status);
    if (parsed === null && isWritten(object.status)) onUnreadable(name);
    const status = parsed ?? EMPTY_STATUS;
    known.set(name, { object, status });
    return status;
  }

  async function write(policy: string, change: StatusChange, call: JournalCall): Promise<PolicyStatus> {
    for (let attempt = 1; ; attempt++) {
      if (attempt > 1 || !known.has(policy))
        keep(await client.get(RESOURCE.policies, { name: policy }, call));
      const current = known.get(policy);
      if (current === undefined) throw new AppError("not-found", `policy ${policy} is gone`);
      const next = change(current.status);
      if (next === current.status) return next;
      try {
        return keep(await client.replaceStatus(RESOURCE.policies, { ...current.object, status: next }, call));
      } catch (error) {
        if (kindOf(error) !== "conflict" || attempt >= ATTEMPTS) throw error;
      }
    }
  }

  return {
    seen: (object) => {
      keep(object);
    },
    gone: (policy) => {
      known.delete(policy);
    },
    status: (policy) => known.get(policy)?.status ?? EMPTY_STATUS,
    change: async (policy, change, call) => {
      const turn = (queues.get(policy) ?? Promise.resolve()).then(
        async () => await write(policy, change, call),
        async () => await write(policy, change, call),
      );
      queues.set(policy, turn);
      try {
        return await turn;
      } finally {
        if (queues.get(policy) === turn) queues.delete(policy);
      }
    },
  };
}

/**
 * Versions of one kind of object grow and may be compared as numbers: etcd always did so and Kubernetes promises
 * it since 1.35. Another uid is another object: then the newcomer counts.
 */
function isOlder(a: UnreadObject, b: UnreadObject): boolean {
  if (a.metadata.uid !== b.metadata.uid) return false;
  return Number(a.metadata.resourceVersion ?? 0) < Number(b.metadata.resourceVersion ?? 0);
}

function isWritten(status: unknown): boolean {
  return typeof status === "object" && status !== null && Object.keys(status).length > 0;
}
