// Machines that were asked for and are not here: which are still counted on and which are late, each by the clock of
// its stage. A member without a node is timed from its creation; one that the group does not even list, from the
// growth that asked for it. What follows from being late, for the pool or its offering, is decided elsewhere.

import { after, elapsed, epochMs, millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { LaunchMemory } from "../snapshot-memory.ts";
import type { InstanceInput } from "../snapshot.ts";
import { growthsOf, hasLeftGroup } from "./flights.ts";
import { deadMembers, openPlaces, placesTaken } from "./places.ts";
import { clocksOf } from "./standing.ts";
import type { NodeState, PoolSetting } from "./standing.ts";

/** Machines whose time is up. */
export interface Late {
  readonly nodes: number;
  readonly what: "not launched" | "not registered" | "not ready" | "no GPUs";
  /** The machine, or the place that none has filled. Null: the group lists neither, or nobody knows which it is. */
  readonly instance: InstanceInput | null;
  /** Null: it is none yet. */
  readonly node: string | null;
  readonly askedAt: EpochMs;
  readonly dueAt: EpochMs;
}

export interface Launches {
  /** Asked for, not here yet, and still counted on. */
  readonly booting: number;
  /** Asked for, not here, and not counted on any more. */
  readonly overdue: { readonly nodes: number; readonly forMs: Millis };
  readonly late: readonly Late[];
  /** Members that will never be a node and hold a place of the group until they leave it. */
  readonly dead: readonly InstanceInput[];
  readonly launch: LaunchMemory | null;
}

export function launchesOf(about: {
  readonly setting: PoolSetting;
  readonly nodes: readonly NodeState[];
  readonly size: number | null;
  readonly planned: number;
  readonly before: LaunchMemory | undefined;
  /** When the last decision looked; null: none did. */
  readonly lookedAt: EpochMs | null;
  /** Nodes that were seen to come and not to work. */
  readonly coming: (node: string) => boolean;
  readonly at: EpochMs;
}): Launches {
  const { setting, nodes, size, planned, before, lookedAt, coming, at } = about;
  const { instances } = setting.input;
  const grownAt = growthsOf(setting.policy.journal, setting.pool.name, at).at(-1)?.at ?? null;
  const { registrationMs } = clocksOf(setting.policy.spec);
  const places = {
    nodes,
    instances,
    size,
    grownAt,
    youngerThan: epochMs(Math.max(0, at - registrationMs)),
    hasLeft: ({ name, node }: NodeState) => hasLeftGroup(setting.policy.journal, name, node.createdAt),
  };
  const missing = size === null ? 0 : Math.max(0, planned - placesTaken(places));
  // While the size cannot be read nobody knows what is missing: the time that runs is kept, not begun anew.
  const launch = size === null ? (before ?? null) : launchMemory(missing, before, { lookedAt, at });
  const since = launch?.since ?? at;

  const known = new Set(nodes.map((state) => state.name));
  // A place that nothing fills is no machine: its time runs from the growth that asked for it.
  const listed = instances.filter(
    ({ state, node, placeholder }) => state === "booting" && placeholder !== true && !known.has(node ?? ""),
  );
  const booting = nodes.filter((state) => state.standing === "booting").length;
  const unlisted = Math.max(0, missing - booting - listed.length);

  const left = Math.max(0, missing - booting);
  const members = lateMembers(setting, listed, { since, at });
  const gone = [
    ...(listed.length <= left ? members : nameless(members, left)),
    ...byPlace(
      lateLaunches(setting, unlisted, { since, from: launch?.from ?? epochMs(0), at }),
      openPlaces(places),
    ),
  ];
  const overdue = Math.min(
    missing,
    gone.reduce((sum, late) => sum + late.nodes, 0),
  );
  const oldest = gone.reduce((first, { askedAt }) => Math.min(first, askedAt), Infinity);
  return {
    booting: missing - overdue,
    overdue: { nodes: overdue, forMs: millis(overdue === 0 ? 0 : Math.max(0, at - oldest)) },
    late: [...gone, ...lateNodes(setting, nodes, coming)],
    dead: deadMembers(places),
    launch,
  };
}

/** While the number that is missing changes, machines come or are asked for; once it stands still, time runs. */
function launchMemory(
  missing: number,
  before: LaunchMemory | undefined,
  { lookedAt, at }: { readonly lookedAt: EpochMs | null; readonly at: EpochMs },
): LaunchMemory | null {
  if (missing === 0) return null;
  const from = before === undefined ? (lookedAt ?? undefined) : before.from;
  return {
    missing,
    since: before?.missing === missing ? before.since : at,
    ...(from === undefined ? {} : { from }),
  };
}

interface Moment {
  /** Since when the number of those that are missing has stood still. */
  readonly since: EpochMs;
  readonly at: EpochMs;
}

function lateMembers(
  setting: PoolSetting,
  listed: readonly InstanceInput[],
  { since, at }: Moment,
): readonly Late[] {
  const { registrationMs } = clocksOf(setting.policy.spec);
  return listed.flatMap((instance): Late[] => {
    const askedAt = instance.createdAt ?? since;
    if (elapsed(askedAt, at) <= registrationMs) return [];
    return [
      {
        what: "not registered",
        nodes: 1,
        instance,
        node: null,
        askedAt,
        dueAt: after(askedAt, registrationMs),
      },
    ];
  });
}

/**
 * With more members than places for them, one that seems late may be a node that is here and that its machine does not
 * name yet, or one that the group is about to replace by itself: as many are late as places are, and none by name.
 */
function nameless(late: readonly Late[], places: number): readonly Late[] {
  return late
    .toSorted((a, b) => a.askedAt - b.askedAt)
    .slice(0, places)
    .map((one) => ({ ...one, instance: null }));
}

/**
 * The last that were asked for come last, so those that are missing are taken to be of the latest growths. Where a node
 * was lost and its group makes another one, time runs from then.
 */
function lateLaunches(
  { policy, pool, input }: PoolSetting,
  unlisted: number,
  { since, from, at }: Moment & { readonly from: EpochMs },
): readonly Late[] {
  const { launchMs, registrationMs } = clocksOf(policy.spec);
  // Only a group that lists its members shows whether a machine exists before it is a node.
  const lists = input.group.kind === "known" && input.group.chosenRemoval;
  const limit = lists ? launchMs : millis(launchMs + registrationMs);
  const asked: { readonly nodes: number; readonly askedAt: EpochMs }[] = [];
  let left = unlisted;
  for (const growth of growthsOf(policy.journal, pool.name, at).toReversed()) {
    const nodes = Math.min(left, growth.nodes);
    if (nodes > 0) asked.push({ nodes, askedAt: epochMs(Math.max(growth.at, from)) });
    left -= nodes;
  }
  if (left > 0) asked.push({ nodes: left, askedAt: since });
  return asked
    .filter(({ askedAt }) => elapsed(askedAt, at) > limit)
    .map(({ nodes, askedAt }): Late => ({
      what: "not launched",
      nodes,
      instance: null,
      node: null,
      askedAt,
      dueAt: after(askedAt, limit),
    }));
}

/** Late ones by their places, where the group shows these, so that each can be given back. */
function byPlace(late: readonly Late[], places: readonly InstanceInput[]): readonly Late[] {
  if (places.length === 0) return late;
  const open = [...places];
  return late.flatMap((entry): Late[] => {
    const own = open.splice(0, entry.nodes).map((instance) => ({ ...entry, nodes: 1, instance }));
    const rest = entry.nodes - own.length;
    return rest > 0 ? [...own, { ...entry, nodes: rest }] : own;
  });
}

/** Nodes that are here and have never worked. They hold a place of their group, so nothing is missing for them. */
function lateNodes(
  setting: PoolSetting,
  nodes: readonly NodeState[],
  coming: (node: string) => boolean,
): readonly Late[] {
  const { registrationMs, gpusMs } = clocksOf(setting.policy.spec);
  return nodes.flatMap(({ name, node, instance, standing }): Late[] => {
    if (standing !== "sick" || !coming(name)) return [];
    const isReady = node.ready === "ready";
    const askedAt = instance?.createdAt ?? node.createdAt;
    return [
      {
        what: isReady ? "no GPUs" : "not ready",
        nodes: 1,
        instance,
        node: name,
        askedAt,
        dueAt: isReady
          ? after(node.readyChangedAt ?? node.createdAt, gpusMs)
          : after(askedAt, registrationMs),
      },
    ];
  });
}
