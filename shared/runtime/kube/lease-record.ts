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

export interface LeaseRecord {
  /** Null when somebody else has it. @throws AppError conflict when another candidate was faster. */
  take(limits: CallOptions): Promise<HeldLease | null>;
  /** "lost" when somebody else has it, or the object is gone. @throws AppError when that cannot be told. */
  renew(held: HeldLease, limits: CallOptions): Promise<HeldLease | "lost">;
  /** Lets the next candidate take it at once. */
  giveBack(held: HeldLease, limits: CallOptions): Promise<void>;
}

export function createLeaseRecord(options: LeaseRecordOptions): LeaseRecord {
  const { client, identity, namespace, name, leaseMs, clock } = options;
  /** The last version that we saw of somebody's lease, and when we first saw it. */
  let seen: { readonly version: string; readonly atMs: Millis } | null = null;

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

  function isFree(lease: Lease): boolean {
    const nowMs = clock.monotonic();
    const version = lease.metadata.resourceVersion ?? "";
    if (seen?.version !== version) seen = { version, atMs: nowMs };
    const holder = lease.spec?.holderIdentity ?? "";
    // Ours without our leading: a write of ours was answered too late, or we stopped leading and nobody came.
    if (holder === "" || holder === identity) return true;
    options.onHolder?.(holder);
    const lengthMs = (lease.spec?.leaseDurationSeconds ?? leaseMs / 1000) * 1000;
    return nowMs - seen.atMs >= lengthMs;
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
    try {
      return await write(held.lease.metadata, spec, limits);
    } catch (error) {
      if (!(error instanceof AppError) || (error.kind !== "conflict" && error.kind !== "not-found"))
        throw error;
    }
    const current = await read(limits);
    if (current === null || !isOurs(current, held)) return "lost";
    return await write(current.metadata, spec, limits);
  }

  return {
    take: async (limits) => {
      const current = await read(limits);
      if (current !== null && !isFree(current)) return null;
      const now = microTime(clock.now());
      const spec = {
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(leaseMs / 1000),
        acquireTime: now,
        renewTime: now,
        leaseTransitions: (current?.spec?.leaseTransitions ?? 0) + 1,
      };
      return await write(current?.metadata ?? { namespace, name }, spec, limits);
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

/** The Kubernetes type MicroTime: six digits behind the seconds. */
function microTime(at: EpochMs): string {
  return new Date(at).toISOString().replace("Z", "000Z");
}
