// A second gpu-autoscaler in the cluster: another namespace has a live lease of our name, and whoever holds it has led the
// policy before us. Both have to be so. A lease alone is made by anybody who may write in a namespace, and must not stop
// the pools of a cluster; a policy's status only by who may write that. One whose lease has another name shows by taking
// the policy from us without ever having held our lease.

import { parseInstant } from "../../shared/model/instant.ts";
import type { KubeObject, Lease } from "../../shared/model/kube.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import type { Discovery } from "../../shared/runtime/kube/resources.ts";
import type { RivalInput } from "../decide/snapshot.ts";
import { createOptionalWatch } from "./optional.ts";
import type { OptionalWatch } from "./optional.ts";
import type { WatchDeps } from "./watched.ts";

export interface CoordinatorsOptions {
  readonly watch: WatchDeps;
  readonly discover: Discovery;
  /** Our own. */
  readonly lease: { readonly namespace: string; readonly name: string };
  /** Who led the policy before this reign; undefined: nobody, or nobody knows. */
  readonly leaderBefore: (policy: string) => string | undefined;
  /** The term of this reign, where the one before was ours too and somebody has led in between; undefined: else. */
  readonly takenBack: (policy: string) => number | undefined;
  readonly onChange: () => void;
}

export interface CoordinatorsWatch {
  readonly watch: OptionalWatch;
  of(policy: string): readonly RivalInput[];
}

/** Who lost a policy to us gives his lease back, takes it again, and may be without it at any moment. */
const STANDS_MS = 60_000;
/** Holders that are remembered; each start of a program is another one. */
const MOST = 32;

interface KeptLease extends KubeObject {
  readonly holder: string;
  readonly renewedAt: EpochMs | null;
}

export function watchCoordinators(options: CoordinatorsOptions): CoordinatorsWatch {
  const { lease, leaderBefore, takenBack, onChange } = options;
  const { clock } = options.watch;
  /** Identity → where it held a lease, and when it was last seen to. */
  const holders = new Map<string, { readonly namespace: string; readonly seenMs: Millis }>();
  /** Who has held our own lease, as far as was seen; the newest last. */
  const ours = new Set<string>();
  /** Policy → the reign in which it was taken back, and since when. */
  const takings = new Map<string, { readonly term: number; readonly sinceMs: Millis }>();

  function note({ metadata: { namespace = "" }, holder }: KeptLease): void {
    if (holder === "") return;
    if (namespace === lease.namespace) {
      ours.delete(holder);
      ours.add(holder);
      for (const oldest of [...ours].slice(0, Math.max(0, ours.size - MOST))) ours.delete(oldest);
      return;
    }
    const isNew = !holders.has(holder);
    holders.delete(holder);
    holders.set(holder, { namespace, seenMs: clock.monotonic() });
    for (const oldest of [...holders.keys()].slice(0, Math.max(0, holders.size - MOST)))
      holders.delete(oldest);
    if (isNew) onChange();
  }

  /** Whether he took the policy from us a moment ago. Of a lease that nobody may watch nobody knows who held it. */
  function isTaker(policy: string, leader: string): boolean {
    const term = takenBack(policy);
    if (term === undefined || ours.size === 0 || ours.has(leader)) return false;
    const last = takings.get(policy);
    const sinceMs = last?.term === term ? last.sinceMs : clock.monotonic();
    takings.set(policy, { term, sinceMs });
    return clock.monotonic() - sinceMs <= STANDS_MS;
  }

  const watch = createOptionalWatch<KeptLease>({
    ...options,
    kind: { apiVersion: "coordination.k8s.io/v1", kind: "Lease" },
    selector: { fieldSelector: `metadata.name=${lease.name}` },
    keep: (object) => keptLease(object as Lease),
    onEvent: (event) => {
      if (event.kind === "put") note(event.object);
      // One of a list may have been left behind long ago.
      if (event.kind === "synced")
        for (const listed of event.items)
          if (
            listed.metadata.namespace === lease.namespace ||
            (listed.renewedAt !== null && Math.abs(clock.now() - listed.renewedAt) <= STANDS_MS)
          )
            note(listed);
      if (event.kind === "gone") holders.delete(event.object.holder);
    },
  });

  return {
    watch,
    of: (policy) => {
      const leader = leaderBefore(policy);
      if (leader === undefined) return [];
      const holder = holders.get(leader);
      if (holder !== undefined && clock.monotonic() - holder.seenMs <= STANDS_MS) {
        const detail = `${leader} holds the lease ${lease.name} of namespace ${holder.namespace} and has led the policy`;
        return [{ rival: "second-coordinator", detail }];
      }
      if (!isTaker(policy, leader)) return [];
      const detail = `${leader} takes the policy from us and has never held our lease ${lease.namespace}/${lease.name}: its own has another name`;
      return [{ rival: "second-coordinator", detail }];
    },
  };
}

function keptLease({ metadata: { name, namespace }, spec }: Lease): KeptLease {
  return {
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    holder: spec?.holderIdentity ?? "",
    renewedAt: parseInstant(spec?.renewTime ?? ""),
  };
}
