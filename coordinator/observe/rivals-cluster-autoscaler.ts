// Cluster Autoscaler by the ConfigMap in which it writes, each ten seconds or so, what it does: which groups it sizes, by
// the names that their clouds have for them. It is not taken away when Cluster Autoscaler is, so that it counts only while
// it is written. Only its own namespace is read, in which nobody writes by accident.

import type { PoolGroup } from "../../shared/contract/policy/pool.ts";
import type { ConfigMap, KubeObject } from "../../shared/model/kube.ts";
import { CLUSTER_AUTOSCALER } from "../../shared/model/names.ts";
import { elapsed, epochMs } from "../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import type { Discovery } from "../../shared/runtime/kube/resources.ts";
import type { RivalInput } from "../decide/snapshot.ts";
import { createOptionalWatch } from "./optional.ts";
import type { OptionalWatch } from "./optional.ts";
import { createNews } from "./watched.ts";
import type { WatchDeps } from "./watched.ts";

export interface ClusterAutoscalerWatch {
  readonly watch: OptionalWatch;
  of(group: PoolGroup | undefined): readonly RivalInput[];
}

/** Its loop over a large cluster takes its time. */
const STANDS_MS = 120_000;
/** Written so long ago when it is first seen, nobody writes it any more. */
const OLD_MS = 10 * 60_000;
const NAMESPACE = CLUSTER_AUTOSCALER.namespace;

interface KeptStatus extends KubeObject {
  readonly groups: readonly string[];
  readonly writtenAt: EpochMs | null;
}

export function watchClusterAutoscaler(options: {
  readonly watch: WatchDeps;
  readonly discover: Discovery;
  readonly defaultNamespace: string;
  readonly onChange: () => void;
}): ClusterAutoscalerWatch {
  const { clock } = options.watch;
  const isNews = createNews<KeptStatus>(({ groups }) => groups);
  /** When it was last written, by our own clock; null: nobody has seen it written. */
  let writtenMs: Millis | null = null;

  const watch = createOptionalWatch<KeptStatus>({
    ...options,
    kind: { apiVersion: "v1", kind: "ConfigMap" },
    selector: { namespace: NAMESPACE, fieldSelector: `metadata.name=${CLUSTER_AUTOSCALER.status}` },
    keep: (object) => keptStatus(object as ConfigMap),
    onEvent: (event) => {
      const wasAlive = isAlive();
      // A list says what is there, a change that it was written now.
      if (event.kind === "synced") noteListed(event.items[0]);
      if (event.kind === "put") writtenMs = clock.monotonic();
      if (event.kind === "gone") writtenMs = null;
      if (isNews(event) || wasAlive !== isAlive()) options.onChange();
    },
  });

  function noteListed(status: KeptStatus | undefined): void {
    const isOld =
      status === undefined || (status.writtenAt !== null && elapsed(status.writtenAt, clock.now()) > OLD_MS);
    if (isOld) writtenMs = null;
    else writtenMs ??= clock.monotonic();
  }

  function isAlive(): boolean {
    return writtenMs !== null && clock.monotonic() - writtenMs <= STANDS_MS;
  }

  return {
    watch,
    of: (group) => {
      if (group === undefined || !isAlive()) return [];
      const groups = watch.get({ namespace: NAMESPACE, name: CLUSTER_AUTOSCALER.status })?.groups ?? [];
      const name = groups.find((one) => namesGroup(one, group, options.defaultNamespace));
      if (name === undefined) return [];
      const detail = `it lists ${name} in ConfigMap ${NAMESPACE}/${CLUSTER_AUTOSCALER.status}`;
      return [{ rival: "cluster-autoscaler", detail }];
    },
  };
}

function keptStatus({ metadata, data }: ConfigMap): KeptStatus {
  const { name, namespace, annotations = {} } = metadata;
  return {
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    groups: groupsIn(data?.["status"] ?? ""),
    writtenAt: instantOf(annotations[CLUSTER_AUTOSCALER.lastUpdated] ?? ""),
  };
}

/** Both forms, the newer one in YAML and the older one for people, have a line for the name of each group. */
export function groupsIn(status: string): readonly string[] {
  const names = status.matchAll(/^[ \t]*(?:-[ \t]+)?name:([^\r\n]*)/gim);
  const bare = [...names].map(([, name = ""]) => name.trim().replace(/^(["'])(.*)\1$/, "$2"));
  return [...new Set(bare)].filter((name) => name !== "");
}

/** As Go prints a time: "2026-11-26 21:14:05.123456789 +0000 UTC". Null: it is none. */
export function instantOf(text: string): EpochMs | null {
  const match = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:\.\d+)? ?(Z|[+-]\d{2}:?\d{2})/.exec(text);
  if (match === null) return null;
  const [, day = "", time = "", zone = ""] = match;
  const at = Date.parse(`${day}T${time}${zone === "Z" ? zone : zone.replace(/^(...):?/, "$1:")}`);
  return Number.isNaN(at) || at < 0 ? null : epochMs(at);
}

/** Whether the name is one by which Cluster Autoscaler knows the group of a pool. */
export function namesGroup(name: string, group: PoolGroup, defaultNamespace: string): boolean {
  const { aws, gcp, azure, scale } = group;
  if (aws !== undefined) return name === aws.autoScalingGroup;
  if (gcp !== undefined) {
    const path = `/projects/${gcp.project}/zones/${gcp.location}/instanceGroup`;
    return name.includes(path) && name.split("/").at(-1) === gcp.instanceGroupManager;
  }
  if (azure !== undefined) {
    if (azure.vmScaleSet !== undefined) return name.toLowerCase() === azure.vmScaleSet.toLowerCase();
    // AKS names the scale set of a node pool after it.
    const agentPool = /^aks-(.+)-\d+-vmss$/i.exec(name)?.[1];
    return agentPool !== undefined && agentPool.toLowerCase() === azure.agentPool?.toLowerCase();
  }
  if (scale === undefined) return false;
  return name === `${scale.kind}/${scale.namespace ?? defaultNamespace}/${scale.name}`;
}
