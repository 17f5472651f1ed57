// What a replay's sizer sees: the shipped observer and its stores, fed with the world's changes as they come. Watches are
// never late here and nothing is lost, so that each change is decided on as it came; what is seen of it, and in which
// words, is the shipped code's.

import { parsePolicy } from "../../../shared/contract/policy.ts";
import type { KubeObject } from "../../../shared/model/kube.ts";
import { SUBJECT_ROOT } from "../../../shared/model/names.ts";
import type { Millis } from "../../../shared/model/units.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { WatchEvent } from "../../../shared/runtime/kube/watch.ts";
import { scheduleProblems } from "../../decide/limits/schedule-check.ts";
import { EMPTY_MEMORY } from "../../decide/snapshot-memory.ts";
import type { Journal, Memory } from "../../decide/snapshot-memory.ts";
import type { PricePoint, Snapshot } from "../../decide/snapshot.ts";
import { createCluster } from "../../observe/cluster.ts";
import type { Fleet } from "../../observe/fleet.ts";
import { keptDaemonSet, keptNode, keptPod } from "../../observe/kept.ts";
import { createNotices } from "../../observe/notices.ts";
import { createPolicies } from "../../observe/policies.ts";
import { createObserver } from "../../observe/snapshot.ts";
import type { Scenario } from "../scenario.ts";
import type { ResourceName } from "../world-resources.ts";
import type { Change } from "../world-store.ts";
import type { World } from "../world.ts";
import { checkGroups } from "./check.ts";
import { createReadings } from "./readings.ts";

export type News = "pods" | "other";

export interface Watching {
  /** Brings what has happened since. */
  feed(): void;
  snapshot(prices: readonly PricePoint[], memory: Memory): Snapshot;
}

export interface WatchingOptions {
  readonly world: World;
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly journalOf: (policy: string) => Journal;
  readonly onNews: (news: News) => void;
}

/** @throws AppError bad-input for an object of the world that cannot be read: a scenario has none. */
export function createWatching({ world, clock, fleet, journalOf, onNews }: WatchingOptions): Watching {
  let nodesVersion = 0;
  let version = 0;
  const watch = {
    client: { list: unasked, openWatch: unasked },
    clock,
    random: () => 0,
    log: { info: () => {}, warn: () => {} },
    onTrouble: () => {},
  };
  const cluster = createCluster({
    watch,
    discover: unasked,
    onProblem: ({ kind, name, detail }) => {
      throw new AppError("bad-input", `${kind} ${name}: ${detail}`);
    },
    onChange: onNews,
  });
  const policies = createPolicies({
    watch,
    problemsOf: scheduleProblems,
    onObject: () => {},
    onGone: () => {},
    onChange: () => onNews("other"),
  });
  const observer = createObserver({
    cluster,
    policies,
    fleet,
    notices: createNotices({
      now: () => world.now,
      subjectRoot: SUBJECT_ROOT,
      onRefused: () => {},
      onNotice: () => onNews("other"),
    }),
    groups: createReadings(
      world,
      { nodesOf: cluster.machines.nodesOf, isNodeReady: cluster.isReady },
      () => nodesVersion,
    ),
    journalOf,
  });
  const sinks = sinksOf([...cluster.watches, policies.watch]);

  return {
    feed: () => {
      if (version === world.version) return;
      const changes = version === 0 ? null : world.changesSince(version);
      if (changes === null)
        for (const [resource, apply] of sinks) apply({ kind: "synced", items: world.list(resource) });
      else
        for (const change of changes) {
          if (change.resource === "nodes") nodesVersion += 1;
          sinks.get(change.resource)?.(eventOf(change));
        }
      if (changes === null) nodesVersion += 1;
      version = world.version;
    },
    snapshot: (prices, memory) => {
      // A replay's decision takes the work that it takes: how fast this machine is must not change what comes out.
      const { workUnits: _, sync, ...seen } = observer.snapshot(world.now, EMPTY_MEMORY, 0);
      const gapless = sync.kind === "synced" ? Object.freeze({ ...sync, gapless: true }) : sync;
      return Object.freeze({ ...seen, memory, sync: gapless, ...(prices.length === 0 ? {} : { prices }) });
    },
  };
}

/**
 * Writes the scenario's policies into the world. @throws AppError bad-input for one that cannot be used, with all that is
 * wrong with it, and for a pool whose group the scenario does not have.
 */
export function writePolicies(world: World, { policies, pools }: Scenario): void {
  for (const { name, spec } of policies) {
    const parsed = parsePolicy(spec ?? {});
    const problems = parsed.kind === "valid" ? scheduleProblems(parsed.spec) : parsed.problems;
    if (parsed.kind !== "valid" || problems.length > 0)
      throw new AppError("bad-input", `policy "${name}" cannot be used: ${problems.join("; ")}`);
    checkGroups(name, parsed.spec, pools);
    world.put("autoscalingpolicies", { metadata: { name }, spec: spec as Readonly<Record<string, unknown>> });
  }
}

/** The time of the world for code that wants a clock. Nothing in a replay waits. */
export function clockOf(world: World): Clock {
  const start = world.now;
  return {
    now: () => world.now,
    monotonic: (): Millis => millis(world.now - start),
    sleep: unasked,
    alarm: () => {
      throw new AppError("bug", "nothing waits in a replay");
    },
  };
}

async function unasked(): Promise<never> {
  throw new AppError("bug", "a replay asks no server");
}

type Sink = (event: WatchEvent<KubeObject>) => void;

/** Stores take only objects of their own kind; which those are is said here, once. */
function sinksOf(
  watches: readonly { readonly name: string; readonly store: unknown }[],
): ReadonlyMap<ResourceName, Sink> {
  return new Map(
    watches.map(({ name, store }) => {
      const { apply } = store as { readonly apply: Sink };
      const keep = KEEP[name] ?? ((object: KubeObject) => object);
      const sink: Sink = (event) => {
        if (event.kind === "synced") apply({ kind: "synced", items: event.items.map(keep) });
        else if (event.kind === "put") apply({ kind: "put", object: keep(event.object) });
        else apply(event);
      };
      return [name as ResourceName, sink];
    }),
  );
}

function eventOf({ kind, object }: Change): WatchEvent<KubeObject> {
  return kind === "deleted" ? { kind: "gone", object } : { kind: "put", object };
}

/** As the shipped watches reduce objects, those that the world has. */
const KEEP: Readonly<Record<string, (object: KubeObject) => KubeObject>> = {
  nodes: (object) => keptNode(object as Parameters<typeof keptNode>[0]),
  pods: (object) => keptPod(object as Parameters<typeof keptPod>[0]),
  daemonsets: (object) => keptDaemonSet(object as Parameters<typeof keptDaemonSet>[0]),
};
