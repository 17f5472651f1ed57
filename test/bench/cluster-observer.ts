// Who looks at a cluster from outside, by watches alone, and notes when it was told what: pods that are there, that found no
// place and that have one, and the sizes of groups. It knows nothing of the coordinator, whose logs and metrics it
// never reads.

import type { KubeObject, Node, Pod } from "../../shared/model/kube.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { reduced, RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { Resource } from "../../shared/runtime/kube/resources.ts";
import { watch } from "../../shared/runtime/kube/watch.ts";
import type { ControlPlane } from "../control-plane/start.ts";
import { NAMESPACE } from "./cluster-stage.ts";

/** What was seen since it began, by our clock, in ms; null: not yet. */
export interface Sighting {
  readonly firstPodAt: number | null;
  /** The scheduler's word that a pod finds no place, on the first and on the last pod. */
  readonly firstMarkAt: number | null;
  readonly lastMarkAt: number | null;
  /** A group that is larger than it was. */
  readonly firstSizeAt: number | null;
  /** Pods on a node. */
  readonly bound: number;
  readonly lastBoundAt: number | null;
}

export interface Observer extends AsyncDisposable {
  /** A new sighting, of pods with that value of the label `app`; it goes on until the next one. */
  begin(app: string): () => Sighting;
  /** Pods of all workloads that are there. */
  pods(): number;
  sizes(): Readonly<Record<string, number>>;
  /** Nodes that are there, the base node among them. */
  nodes(): number;
}

interface Group extends KubeObject {
  readonly spec?: { readonly replicas?: number };
}

const { machineDeployments } = RESOURCE;
const GROUPS: Resource<Group> = reduced(machineDeployments, (object) => object as Group);

const NOTHING: Sighting = {
  firstPodAt: null,
  firstMarkAt: null,
  lastMarkAt: null,
  firstSizeAt: null,
  bound: 0,
  lastBoundAt: null,
};

/** Resolves when its watches are open. `onGroup` is called at each change of a group. */
export async function startObserver(plane: ControlPlane, onGroup: () => void): Promise<Observer> {
  const client = plane.clientWith({ userAgent: "bench-observer" });
  const over = new AbortController();
  const pods = new Map<string, { readonly marked: boolean; readonly bound: boolean }>();
  const sizes = new Map<string, number>();
  const nodes = new Set<string>();
  let app = "";
  let seen = NOTHING;

  function onPod({ metadata, spec, status }: Pod): void {
    const now = systemClock.monotonic();
    const { name, labels = {} } = metadata;
    const before = pods.get(name) ?? { marked: false, bound: false };
    const bound = spec.nodeName !== undefined;
    const marked = before.marked || (status?.conditions ?? []).some(isNoPlace);
    pods.set(name, { marked, bound });
    if (labels["app"] !== app) return;
    seen = { ...seen, firstPodAt: seen.firstPodAt ?? now };
    if (marked && !before.marked) seen = { ...seen, firstMarkAt: seen.firstMarkAt ?? now, lastMarkAt: now };
    if (bound && !before.bound) seen = { ...seen, bound: seen.bound + 1, lastBoundAt: now };
  }

  function onSize({ metadata, spec }: Group): void {
    const size = spec?.replicas ?? 0;
    const before = sizes.get(metadata.name) ?? size;
    sizes.set(metadata.name, size);
    if (size > before) seen = { ...seen, firstSizeAt: seen.firstSizeAt ?? systemClock.monotonic() };
    onGroup();
  }

  async function follow<T extends Pod | Group | Node>(
    resource: Resource<T>,
    { put, gone }: { readonly put: (object: T) => void; readonly gone: (name: string) => void },
    onLive: (() => void) | undefined,
  ): Promise<void> {
    const options = { clock: systemClock, random: seededRandom(1), signal: over.signal };
    const selector = resource.namespaced ? { namespace: NAMESPACE } : {};
    let names = new Set<string>();
    for await (const event of watch(client, resource, selector, options)) {
      if (event.kind === "synced") {
        const now = new Set(event.items.map(({ metadata }) => metadata.name));
        for (const name of names.difference(now)) gone(name);
        names = now;
        for (const item of event.items) put(item);
      } else if (event.kind === "put") {
        names.add(event.object.metadata.name);
        put(event.object);
      } else if (event.kind === "gone") {
        names.delete(event.object.metadata.name);
        gone(event.object.metadata.name);
      } else if (event.kind === "live") onLive?.();
      else console.error(`cluster: the observer's watch on ${resource.plural} was cut: ${event.why}`);
    }
  }

  const onNode = ({ metadata }: Node): void => void nodes.add(metadata.name);
  const live = [0, 1, 2].map(() => Promise.withResolvers<void>());
  const [onPods, onGroups, onNodes] = live.map(({ resolve }) => resolve);
  const following = Promise.all([
    follow(RESOURCE.pods, { put: onPod, gone: (name) => pods.delete(name) }, onPods),
    follow(GROUPS, { put: onSize, gone: (name) => sizes.delete(name) }, onGroups),
    follow(RESOURCE.nodes, { put: onNode, gone: (name) => nodes.delete(name) }, onNodes),
  ]);
  await Promise.race([Promise.all(live.map(async ({ promise }) => await promise)), following]);

  return {
    begin: (label) => {
      app = label;
      seen = NOTHING;
      return () => seen;
    },
    pods: () => pods.size,
    nodes: () => nodes.size,
    sizes: () => Object.fromEntries(sizes),
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await following;
      client.close();
    },
  };
}

function isNoPlace({ type, status, reason }: { type: string; status: string; reason?: string }): boolean {
  return type === "PodScheduled" && status === "False" && reason === "Unschedulable";
}
