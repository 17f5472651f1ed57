// The Lease object as candidates read and write it: take it when it is free, renew it, give it back. Every
// write is a compare-and-set by resourceVersion. When to do which is lease.ts's; here stands only what holds for
// the record.

import type { Lease } from "../../model/kube.ts";
import { millis } from "../../model/units.ts";
import type { EpochMs, Millis } from "../../model/units.ts";
import type { Clock } from "../clock.ts";
import { AppError, kindOf } from "../errors.ts";
import type { CallOptions, KubeClient } from "./client.ts";
import { RESOURCE } from "./resources.ts";

export interface LeaseRecordOptions {
  readonly client: Pick<KubeClient, "get" | "create" | "replace">;
  /** Unique per process, not per pod name: a restarted container is a new candidate. */
  readonly identity: string;
  readonly namespace: string;
  readonly name: string;
  /** How long others leave the lease alone after its last change. Whole seconds in the object. */
  readonly leaseMs: Millis;
  readonly clock: Clock;
  /** Told at each look at the lease of somebody else who holds it. */
  readonly onHolder?: (identity: string) => void;
}

/** The lease as we wrote it last. */
export interface HeldLease {
  readonly lease: Lease;
  readonly term: number;
  /** On our monotonic clock, from before the write left: the server's change can only be later. */
  readonly sentAtMs: Millis;
}

/** Who had the lease before us: what may still be under way in his name follows from how he lost it. */
export type Predecessor =
  /** There was no Lease. Nobody had ever led, or somebody deleted it under a leader who does not know yet. */
  | { readonly kind: "none" }
  /** He had stopped acting when he let go of it. */
  | { readonly kind: "gave-back" }
  /** He fell silent, and his lease ran out. `lastSeenMs`: when we first saw his last renewal, on our monotonic clock. */
  | { readonly kind: "silent"; readonly identity: string; readonly lastSeenMs: Millis };

export interface TakenLease extends HeldLease {
  readonly predecessor: Predecessor;
}

/** The deadline of each is for the whole of it, however many requests it takes. */
export interface LeaseRecord {
  /** Null when somebody else has it. @throws AppError conflict when another candidate was faster. */
  take(limits: CallOptions): Promise<TakenLease | null>;
  /** In how long the lease that was seen last is free, if its holder writes nothing more; null when nobody holds it. */
  freeInMs(): Millis | null;
  /** "lost" when somebody else has it, or the object is gone. @throws AppError when that cannot be told. */
  renew(held: HeldLease, limits: CallOptions): Promise<HeldLease | "lost">;
  /** Lets the next candidate take it at once. */
  giveBack(held: HeldLease, limits: CallOptions): Promise<void>;
}

export function createLeaseRecord(options: LeaseRecordOptions): LeaseRecord {
  const { client, identity, namespace, name, leaseMs, clock } = options;
  /** The last version that we saw of somebody's lease, and when we first saw it. */
  let seen: { readonly version: string; readonly atMs: Millis; readonly freeAtMs: Millis | null } | null =
    null;

  async function read(limits: CallOptions): Promise<Lease | null> {
    try {
      return await client.get(RESOURCE.leases, { namespace, name }, limits);
    } catch (error) {
      if (kindOf(error) === "not-found") return null;
      throw error;
    }
  }

  async function write(
    metadata: Lease["metadata"],
    spec: Lease["spec"],
    limits: CallOptions,
  ): Promise<HeldLease> {
    const sentAtMs = clock.monotonic();
    const wanted: Lease = spec === undefined ? { metadata } : { metadata, spec };
    const lease =
      metadata.resourceVersion === undefined
        ? await client.create(RESOURCE.leases, wanted, limits)
        : await client.replace(RESOURCE.leases, wanted, limits);
    return { lease, term: lease.spec?.leaseTransitions ?? 0, sentAtMs };
  }

  /** Null while somebody else may act by it. */
  function predecessorOf(lease: Lease): Predecessor | null {
    const nowMs = clock.monotonic();
    const version = lease.metadata.resourceVersion ?? "";
    const atMs = seen?.version === version ? seen.atMs : nowMs;
    const holder = lease.spec?.holderIdentity ?? "";
    // Ours without our leading: a write of ours was answered too late, or we stopped leading and nobody came.
    const isTaken = holder !== "" && holder !== identity;
    const lengthMs = (lease.spec?.leaseDurationSeconds ?? leaseMs / 1000) * 1000;
    seen = { version, atMs, freeAtMs: isTaken ? millis(atMs + lengthMs) : null };
    if (holder === "") return { kind: "gave-back" };
    if (isTaken) options.onHolder?.(holder);
    if (isTaken && nowMs - atMs < lengthMs) return null;
    return { kind: "silent", identity: holder, lastSeenMs: atMs };
  }

  function isOurs(lease: Lease, held: HeldLease): boolean {
    return lease.spec?.holderIdentity === identity && lease.spec.leaseTransitions === held.term;
  }

  /**
   * Writes over what we wrote last. A conflict may be somebody who annotated the object, or a write of ours
   * whose answer was lost: then the lease is still ours, at a newer version, and is written over that.
   */
  async function writeOver(
    held: HeldLease,
    change: Lease["spec"],
    limits: CallOptions,
  ): Promise<HeldLease | "lost"> {
    const spec = { ...held.lease.spec, ...change };
    const left = sharing(limits, clock);
    try {
      return await write(held.lease.metadata, spec, left());
    } catch (error) {
      if (!(error instanceof AppError) || (error.kind !== "conflict" && error.kind !== "not-found"))
        throw error;
    }
    const current = await read(left());
    if (current === null || !isOurs(current, held)) return "lost";
    return await write(current.metadata, spec, left());
  }

  return {
    take: async (limits) => {
      const left = sharing(limits, clock);
      const current = await read(left());
      const predecessor: Predecessor | null = current === null ? { kind: "none" } : predecessorOf(current);
      if (predecessor === null) return null;
      const now = microTime(clock.now());
      const spec = {
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(leaseMs / 1000),
        acquireTime: now,
        renewTime: now,
        leaseTransitions: (current?.spec?.leaseTransitions ?? 0) + 1,
      };
      return { ...(await write(current?.metadata ?? { namespace, name }, spec, left())), predecessor };
    },
    freeInMs: () => {
      const freeAtMs = seen?.freeAtMs ?? null;
      return freeAtMs === null ? null : millis(Math.max(0, freeAtMs - clock.monotonic()));
    },
    renew: async (held, limits) => await writeOver(held, { renewTime: microTime(clock.now()) }, limits),
    giveBack: async (held, limits) => {
      await writeOver(held, { holderIdentity: "", renewTime: microTime(clock.now()) }, limits);
    },
  };
}

/** What is left of the lease at `nowMs`: for so long nobody who keeps the rules takes it. */
export function leftOf(held: HeldLease, lengthMs: Millis, nowMs: Millis): Millis {
  return millis(Math.max(0, held.sentAtMs + lengthMs - nowMs));
}

/**
 * One deadline for several calls: each gets what those before it have left. Without that the last try to renew, which
 * may be three requests, would end long after the lease. The function throws AppError timeout when nothing is left.
 */
function sharing({ signal, deadlineMs }: CallOptions, clock: Clock): () => CallOptions {
  if (deadlineMs === undefined) return () => ({ signal });
  const endsAtMs = clock.monotonic() + deadlineMs;
  return () => {
    const leftMs = endsAtMs - clock.monotonic();
    if (leftMs <= 0) throw new AppError("timeout", `the lease's calls took longer than ${deadlineMs} ms`);
    return { signal, deadlineMs: millis(leftMs) };
  };
}

/** The Kubernetes type MicroTime: six digits behind the seconds. */
function microTime(at: EpochMs): string {
  return new Date(at).toISOString().replace("Z", "000Z");
}
