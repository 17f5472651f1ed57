// The groups of a replay as a snapshot shows them, read straight from the world's cloud: no answer is late or lost. The
// words are those of the back end `simulated`, and members are joined to nodes by the shipped code.

import { NODE_LABEL } from "../../../shared/model/names.ts";
import { parseResources } from "../../../shared/model/resources.ts";
import type { Member } from "../../cloud/account.ts";
import { targetOf } from "../../cloud/target.ts";
import { readingOf, tierMismatch } from "../../observe/cloud-reading.ts";
import type { JoinSources, SeenLook } from "../../observe/cloud-reading.ts";
import type { Groups, PoolReading } from "../../observe/groups.ts";
import type { CloudActivity, CloudGroup, CloudGroupShape, CloudInstance } from "../world-cloud.ts";
import type { World } from "../world.ts";

interface Kept {
  readonly version: number;
  readonly nodes: number;
  readonly newest: CloudActivity | undefined;
  readonly instances: readonly CloudInstance[];
  readonly reading: PoolReading;
}

/** `nodesVersion`: grows when a node changes, so that a reading is made anew only when something of it is new. */
export function createReadings(
  world: World,
  sources: Pick<JoinSources, "nodesOf" | "isNodeReady">,
  nodesVersion: () => number,
): Groups {
  const kept = new Map<string, Kept>();
  const templates = new Map<CloudGroupShape, SeenLook["template"]>();
  const join: JoinSources = { ...sources, lostSince: () => null, lostBy: () => null };

  function templateOf(shape: CloudGroupShape): NonNullable<SeenLook["template"]> {
    const known = templates.get(shape);
    if (known !== undefined) return known;
    const made = {
      instanceTypes: [...shape.instanceTypes],
      labels: {
        [NODE_LABEL.pool]: shape.name,
        [NODE_LABEL.capacityType]: shape.capacityType,
        ...shape.labels,
      },
      taints: (shape.taints ?? []).map((taint) => ({ ...taint })),
      allocatable: parseResources(shape.allocatable),
    };
    templates.set(shape, made);
    return made;
  }

  function lookOf(group: CloudGroup): SeenLook {
    const { name, desired, min, max, version, instances } = group;
    const open = unfilled(group);
    return {
      kind: "seen",
      state: { size: desired, version: String(version), min, max, unfilled: open },
      chosenRemoval: true,
      detaches: true,
      members: [
        ...instances.map(({ id, zone, instanceType, providerID, state, createdAt }): Member => {
          const seen = state === "terminating" ? "leaving" : "present";
          return { id, zone, instanceType, providerID, state: seen, createdAt };
        }),
        ...placeholders(name, open, failureOf(group)),
      ],
      template: templateOf(group.shape),
      mismatches: [],
    };
  }

  return {
    reading: (target, of) => {
      const simulated = targetOf(target);
      if (simulated === null || simulated.kind !== "simulated")
        return { group: { kind: "none" }, instances: [] };
      const { name } = simulated.simulated;
      const group = world.clouds.group(name);
      if (group === null)
        return { group: { kind: "missing", detail: `the scenario has no group ${name}` }, instances: [] };
      const before = kept.get(name);
      const [newest] = group.activities;
      const nodes = nodesVersion();
      const isSame =
        before !== undefined &&
        before.version === group.version &&
        before.nodes === nodes &&
        before.newest === newest &&
        sameMembers(before.instances, group.instances);
      if (isSame) return before.reading;
      const look = lookOf(group);
      const reading = readingOf(look, join, of === undefined ? [] : tierMismatch(look, of));
      kept.set(name, { version: group.version, nodes, newest, instances: group.instances, reading });
      return reading;
    },
    keepOnly: () => {},
  };
}

/** Places that no machine fills. */
export function unfilled({ desired, instances }: CloudGroup): number {
  return Math.max(0, desired - instances.filter(({ state }) => state !== "terminating").length);
}

/** Why the newest launch since the size changed last has failed; undefined: none has. */
function failureOf({ activities, desiredAt }: CloudGroup): Member["failure"] {
  const failure = activities.find(
    ({ what, failure: failed, at }) => what === "launch" && failed !== null && at >= desiredAt,
  )?.failure;
  return failure === null || failure === undefined
    ? undefined
    : { kind: failure.kind, detail: `${failure.code}: ${failure.message}` };
}

function placeholders(name: string, open: number, failure: Member["failure"]): readonly Member[] {
  return Array.from({ length: open }, (_, at) => ({
    id: `${name}/placeholder-${at + 1}`,
    placeholder: true,
    ...(failure === undefined ? { state: "present" as const } : { state: "failed" as const, failure }),
  }));
}

function sameMembers(before: readonly CloudInstance[], now: readonly CloudInstance[]): boolean {
  return before.length === now.length && before.every((instance, at) => instance === now[at]);
}
