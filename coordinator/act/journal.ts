// The one writer of policy status: moves in flight, cooldowns and what people read stand in the same object, so
// one compare-and-set covers them. A change is computed from the newest status known, written only if nobody
// wrote in between, and computed again from what is there if somebody did. A leader marks each status as his before
// he acts on it (term.ts), and writes nothing over the mark of another. What a status says is moves.ts and report/status.ts.

import { parsePolicyStatus } from "../../shared/contract/policy/status.ts";
import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import type { Millis } from "../../shared/model/units.ts";
import { AppError, kindOf } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { UnreadObject } from "../../shared/runtime/kube/resources.ts";
import { EMPTY_STATUS } from "./moves.ts";
import { inParallel, STATUS_WRITES } from "./parallel.ts";
import { claimed, deposedBy, marked } from "./term.ts";
import type { Claim } from "./term.ts";

/** Returns its argument when there is nothing to write. */
export type StatusChange = (status: PolicyStatus) => PolicyStatus;

export interface JournalCall {
  readonly signal: AbortSignal;
  readonly deadlineMs: Millis;
}

/** From our taking the lease to our losing it. */
export interface Reign {
  /** Unique per process: as in the lease. */
  readonly leader: string;
  /** Somebody else has marked a policy as his: he leads, and we do not. May be called more than once. */
  readonly onDeposed: (error: AppError) => void;
}

export interface PolicyJournal {
  /** What the watch brought. An older version than our own last write is ignored. */
  seen(object: UnreadObject): void;
  gone(policy: string): void;
  /** The newest status known; the empty one for a policy that has none or one that cannot be read. */
  status(policy: string): PolicyStatus;
  /**
   * Begins a reign: nothing is claimed yet, and only what is claimed is written. Returns what ends it. Where none was
   * ever begun, statuses are written without a mark.
   */
  begin(reign: Reign): () => void;
  /**
   * Raises the term in each policy that this reign has not claimed yet: one write each, and none where all are claimed.
   * `call` gives the limits of each request anew, and throws when leadership has ended. Returns those that failed: they
   * are not written to, and are tried again with the next claim.
   */
  claim(call: () => JournalCall): Promise<readonly { readonly policy: string; readonly error: unknown }[]>;
  /** How this reign claimed the policy; null when it has not. */
  claimOf(policy: string): Claim | null;
  /** Whether the policy may be written to and acted on. */
  leads(policy: string): boolean;
  /**
   * `call` as a function gives the limits of each request anew, as for `claim`.
   * @throws AppError not-found for a policy that is gone; conflict after the last attempt, when somebody else leads the
   * policy, or when it is not claimed yet; else what the calls throw.
   */
  change(
    policy: string,
    change: StatusChange,
    call: JournalCall | (() => JournalCall),
  ): Promise<PolicyStatus>;
}

export interface JournalOptions {
  readonly client: Pick<KubeClient, "get" | "replaceStatus">;
  readonly onUnreadable: (policy: string) => void;
}

/** The spec is edited by people and the status by us alone, so two conflicts in a row are rare already. */
const ATTEMPTS = 4;
/** A policy may be made while others are claimed. */
const ROUNDS = 2;

export function createJournal({ client, onUnreadable }: JournalOptions): PolicyJournal {
  const known = new Map<string, { readonly object: UnreadObject; readonly status: PolicyStatus }>();
  /** The end of the queue of writes, per policy: two changes of one status never overlap. */
  const queues = new Map<string, Promise<unknown>>();
  let reign: (Reign & { readonly claims: Map<string, Claim> }) | null = null;
  /** Policies that were ours in a reign of this process. */
  const led = new Set<string>();

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

  function isKnown({ metadata: { name, uid } }: UnreadObject): boolean {
    const now = known.get(name);
    return now !== undefined && now.object.metadata.uid === uid;
  }

  function forget(policy: string): void {
    known.delete(policy);
    led.delete(policy);
    reign?.claims.delete(policy);
  }

  /** Computes the next status from the newest, writes it, and computes it again where somebody else wrote first. */
  async function compareAndSet(
    policy: string,
    change: StatusChange,
    call: () => JournalCall,
  ): Promise<PolicyStatus> {
    for (let attempt = 1; ; attempt++) {
      if (attempt > 1 || !known.has(policy))
        keep(await client.get(RESOURCE.policies, { name: policy }, call()));
      const current = known.get(policy);
      if (current === undefined) throw new AppError("not-found", `policy ${policy} is gone`);
      const next = change(current.status);
      if (next === current.status) return next;
      try {
        const written = await client.replaceStatus(
          RESOURCE.policies,
          { ...current.object, status: next },
          call(),
        );
        // Deleted meanwhile, or made anew: what we have written is a policy of the past.
        return isKnown(current.object) ? keep(written) : next;
      } catch (error) {
        if (kindOf(error) === "not-found" && isKnown(current.object)) forget(policy);
        if (kindOf(error) !== "conflict" || attempt >= ATTEMPTS) throw error;
      }
    }
  }

  /** The status as this reign may change it. @throws AppError conflict when it may not. */
  function ours(policy: string, status: PolicyStatus): PolicyStatus {
    if (reign === null) return status;
    const claim = reign.claims.get(policy);
    if (claim === undefined)
      throw new AppError("conflict", `policy ${policy} is not claimed yet, so nothing is written`);
    const deposed = deposedBy(policy, status, claim);
    if (deposed === null) return marked(status, claim);
    reign.onDeposed(deposed);
    throw deposed;
  }

  async function inTurn<T>(policy: string, run: () => Promise<T>): Promise<T> {
    const turn = (queues.get(policy) ?? Promise.resolve()).then(run, run);
    queues.set(policy, turn);
    try {
      return await turn;
    } finally {
      if (queues.get(policy) === turn) queues.delete(policy);
    }
  }

  async function claimOne(
    policy: string,
    by: NonNullable<typeof reign>,
    call: () => JournalCall,
  ): Promise<unknown> {
    let before = 0;
    let leaderBefore: string | undefined;
    const claim: StatusChange = (status) => {
      before = status.term ?? 0;
      leaderBefore = status.leader;
      return claimed(status, by.leader);
    };
    try {
      const { term = 0 } = await inTurn(policy, async () => await compareAndSet(policy, claim, call));
      const predecessor = leaderBefore === undefined ? {} : { leaderBefore };
      const takenBack = led.has(policy) && leaderBefore !== by.leader ? { takenBack: true } : {};
      by.claims.set(policy, { term, leader: by.leader, before, ...predecessor, ...takenBack });
      led.add(policy);
      return null;
    } catch (error) {
      return error;
    }
  }

  return {
    seen: (object) => {
      const { name } = object.metadata;
      const status = keep(object);
      const claim = reign?.claims.get(name);
      const deposed = claim === undefined ? null : deposedBy(name, status, claim);
      if (deposed !== null) reign?.onDeposed(deposed);
    },
    gone: forget,
    status: (policy) => known.get(policy)?.status ?? EMPTY_STATUS,
    begin: (begun) => {
      reign = { ...begun, claims: new Map() };
      return () => {
        // Whatever comes late is not written.
        reign = { leader: begun.leader, onDeposed: () => {}, claims: new Map() };
      };
    },
    claim: async (call) => {
      const by = reign;
      if (by === null) return [];
      const failed = new Map<string, unknown>();
      for (let round = 1; round <= ROUNDS; round++) {
        const open = [...known.keys()].filter((policy) => !by.claims.has(policy) && !failed.has(policy));
        if (open.length === 0) break;
        await inParallel(open, STATUS_WRITES, async (policy) => {
          const error = await claimOne(policy, by, call);
          if (error !== null) failed.set(policy, error);
        });
      }
      return [...failed]
        .filter(([, error]) => kindOf(error) !== "not-found")
        .map(([policy, error]) => ({ policy, error }));
    },
    claimOf: (policy) => reign?.claims.get(policy) ?? null,
    leads: (policy) => reign === null || reign.claims.has(policy),
    change: async (policy, change, call) =>
      await inTurn(
        policy,
        async () =>
          await compareAndSet(
            policy,
            (status) => {
              const allowed = ours(policy, status);
              const next = change(allowed);
              return next === allowed ? status : next;
            },
            typeof call === "function" ? call : () => call,
          ),
      ),
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
