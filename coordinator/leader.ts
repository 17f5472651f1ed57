// When this replica may act: while it holds the lease. The others observe all the time, so that a new leader
// decides from a full picture at once.

import { hostname } from "node:os";

import type { Random } from "../shared/model/random.ts";
import type { Millis } from "../shared/model/units.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import type { KubeClient } from "../shared/runtime/kube/client.ts";
import { createLeaderElection } from "../shared/runtime/kube/lease.ts";
import type { Lead } from "../shared/runtime/kube/lease.ts";
import type { Log } from "../shared/runtime/log.ts";

export interface LeaderOptions {
  readonly client: KubeClient;
  readonly identity: string;
  readonly namespace: string;
  readonly leaseName: string;
  readonly leaseMs: Millis;
  readonly renewMs: Millis;
  readonly retryMs: Millis;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly onLeading: (leading: boolean) => void;
  /** Told who leads while we do not. */
  readonly onHolder?: (identity: string) => void;
}

/** Stands for election until the signal; `lead` runs while we hold the lease and ends with its signal. */
export async function leadWhenElected(
  options: LeaderOptions,
  signal: AbortSignal,
  lead: Lead,
): Promise<void> {
  const { leaseName: name, onLeading, ...rest } = options;
  onLeading(false);
  await createLeaderElection({ ...rest, name }).run(signal, async (leaderSignal, leadership) => {
    onLeading(true);
    try {
      await lead(leaderSignal, leadership);
    } finally {
      onLeading(false);
    }
  });
}

/** Unique per process: a restarted container has the name of the one before and is another candidate. */
export function identityOf(podName: string | null, pid: number, random: Random): string {
  return `${podName ?? hostname()}_${pid}-${Math.floor(random() * 2 ** 32).toString(16)}`;
}
