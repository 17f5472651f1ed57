// The groups of the simulated cloud: each is held at its wanted size, launches what is missing, tries again while the
// cloud has nothing to give, and picks its own victim when it is only told a smaller number. How one instance lives is
// in world-cloud-instances.ts, what there is to have in world-cloud-stock.ts; what a provider would refuse is for the
// faces.

import { after } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { createInstances } from "./world-cloud-instances.ts";
import { createStock, noCapacity, stockName } from "./world-cloud-stock.ts";
import type { CloudActivity, CloudFailure, CloudGroup, CloudGroupShape, Clouds } from "./world-cloud.ts";
import { nameSuffix } from "./world-core.ts";
import type { Core, Part } from "./world-core.ts";
import type { NodeIndex } from "./world-index.ts";
import type { Kubelet } from "./world-kubelet.ts";

export interface CloudPart extends Clouds, Part {
  /** Takes the instance behind a node; false when no instance is behind it. */
  takeNode(node: string): boolean;
}

interface Group {
  readonly shape: CloudGroupShape;
  min: number;
  max: number;
  desired: number;
  desiredAt: EpochMs;
  version: number;
  launched: number;
  /** What every launch meets, by order of a test. */
  failing: CloudFailure | null;
  /** Whether it is waiting to try again. */
  waiting: boolean;
  /** A shortage is one fact in the ledger, however often it is met. */
  starved: boolean;
  /** Of the next machines, where names belong to places (gcp): one for each open place. */
  names: string[];
  activities: readonly CloudActivity[];
}

const DEFAULT_MAX = 1000;
const ACTIVITIES_KEPT = 100;

export function createClouds(core: Core, index: NodeIndex, kubelet: Kubelet): CloudPart {
  const groups = new Map<string, Group>();
  const unsettled = new Set<string>();
  const placeNames = core.random("cloud place names");
  const instances = createInstances(core, index, kubelet, ({ group }) => {
    if (group !== null && groups.has(group)) unsettled.add(group);
  });
  const stock = createStock(instances);
  let activitiesMade = 0;

  function existing(name: string): Group {
    const group = groups.get(name);
    if (group === undefined) throw new RangeError(`there is no group "${name}"`);
    return group;
  }

  function note(
    group: Group,
    what: CloudActivity["what"],
    instance: string | null,
    failure: CloudFailure | null,
  ): void {
    activitiesMade += 1;
    const id = `activity-${String(activitiesMade).padStart(6, "0")}`;
    const activity = { id, group: group.shape.name, at: core.now, what, instance, failure };
    group.activities = [activity, ...group.activities].slice(0, ACTIVITIES_KEPT);
  }

  function setDesired(group: Group, desired: number, names: readonly string[] = []): void {
    if (!Number.isInteger(desired) || desired < group.min || desired > group.max) {
      throw new RangeError(
        `group "${group.shape.name}" has bounds ${group.min} to ${group.max}, so it cannot be ${desired}`,
      );
    }
    if (desired === group.desired) return;
    if (desired < group.desired) group.names = group.names.filter((name) => !names.includes(name));
    else if (group.shape.cloud === "gcp")
      for (let n = 0; n < desired - group.desired; n++)
        group.names.push(names[n] ?? `${group.shape.name}-${nameSuffix(placeNames)}`);
    core.note({ kind: "size-changed", pool: group.shape.name, from: group.desired, to: desired });
    group.desired = desired;
    group.desiredAt = core.now;
    group.version += 1;
    unsettled.add(group.shape.name);
  }

  function membersOf({ shape }: Group): CloudGroup["instances"] {
    return instances.of(shape.name).filter(({ state }) => state !== "terminating");
  }

  function reconcile(group: Group): boolean {
    const alive = membersOf(group);
    // Whoever only lowers the number loses places that are still open first.
    group.names.splice(Math.max(0, group.desired - alive.length));
    const extra = alive.slice(0, Math.max(0, alive.length - group.desired));
    for (const { id } of extra) {
      instances.end(id, "random");
      note(group, "terminate", id, null);
    }
    let missing = group.desired - alive.length;
    while (missing > 0 && launch(group)) missing -= 1;
    if (missing > 0) tryAgainLater(group);
    else group.starved = false;
    return extra.length > 0 || missing < group.desired - alive.length;
  }

  /** False when the cloud has none to give, which the group's activities then say. */
  function launch(group: Group): boolean {
    const place = group.failing === null ? stock.placeFor(group.shape, group.launched) : null;
    if (place !== null) {
      const { id } = instances.launch(group.shape, place, group.names.shift());
      group.launched += 1;
      note(group, "launch", id, null);
      return true;
    }
    note(group, "launch", null, group.failing ?? noCapacity(group.shape));
    if (!group.starved) {
      core.note({ kind: "machine-starved", pool: group.shape.name, machine: group.activities[0]?.id ?? "" });
      group.starved = true;
    }
    return false;
  }

  function tryAgainLater(group: Group): void {
    if (group.waiting || group.shape.triesAgain === false) return;
    group.waiting = true;
    core.schedule(after(core.now, core.settings.launchRetryMs), () => {
      group.waiting = false;
      if (groups.get(group.shape.name) === group) unsettled.add(group.shape.name);
    });
  }

  /** The group that an instance still counts in. @throws RangeError when it counts nowhere. */
  function groupOf(id: string): Group {
    const instance = instances.get(id);
    const group = instance === null || instance.group === null ? undefined : groups.get(instance.group);
    if (instance === null || group === undefined || instance.state === "terminating")
      throw new RangeError(`instance "${id}" is no member of a group`);
    return group;
  }

  function take(id: string): void {
    const instance = instances.get(id);
    const group = instance === null || instance.group === null ? undefined : groups.get(instance.group);
    // A place keeps its name: what is taken comes again under the same one.
    if (group?.shape.cloud === "gcp" && instance?.state !== "terminating") group.names.unshift(id);
    // A scale set loses the place with the machine.
    if (group?.shape.cloud === "azure" && instance?.state !== "terminating")
      setDesired(group, Math.max(group.min, group.desired - 1));
    instances.take(id);
    if (group !== undefined) note(group, "terminate", id, null);
  }

  function shown(group: Group): CloudGroup {
    const { shape, min, max, desired, desiredAt, version, activities, names } = group;
    const { name } = shape;
    const openNames = [...names];
    return {
      name,
      shape,
      min,
      max,
      desired,
      desiredAt,
      version,
      activities,
      openNames,
      instances: instances.of(name),
    };
  }

  return {
    addGroup: (shape) => {
      if (groups.has(shape.name)) throw new RangeError(`there is a group "${shape.name}" already`);
      if (shape.zones.length === 0) throw new RangeError(`group "${shape.name}" names no zone`);
      const { min = 0, max = DEFAULT_MAX, desired = min } = shape;
      const group: Group = {
        shape,
        min,
        max,
        desired: min,
        desiredAt: core.now,
        version: 1,
        launched: 0,
        failing: null,
        waiting: false,
        starved: false,
        names: [],
        activities: [],
      };
      groups.set(shape.name, group);
      unsettled.add(shape.name);
      setDesired(group, desired);
    },
    removeGroup: (name) => {
      const group = existing(name);
      for (const { id } of membersOf(group)) instances.end(id, "direct");
      groups.delete(name);
      unsettled.delete(name);
    },
    groups: () => [...groups.values()].map(shown),
    group: (name) => {
      const group = groups.get(name);
      return group === undefined ? null : shown(group);
    },
    instance: (id) => instances.get(id),
    setBounds: (name, { min, max }) => {
      const group = existing(name);
      const next = { min: min ?? group.min, max: max ?? group.max };
      if (next.min > next.max || next.min < 0)
        throw new RangeError(`group "${name}" cannot have bounds ${next.min} to ${next.max}`);
      if (next.min === group.min && next.max === group.max) return;
      Object.assign(group, next);
      group.version += 1;
      setDesired(group, Math.min(next.max, Math.max(next.min, group.desired)));
    },
    setDesired: (name, desired, names) => setDesired(existing(name), desired, names),
    terminate: (id, { decrement }) => {
      const group = groupOf(id);
      if (decrement) setDesired(group, group.desired - 1);
      instances.end(id, "direct");
      note(group, "terminate", id, null);
      unsettled.add(group.shape.name);
    },
    detach: (id, { decrement }) => {
      const group = groupOf(id);
      if (decrement) setDesired(group, group.desired - 1);
      instances.release(id);
      note(group, "detach", id, null);
      unsettled.add(group.shape.name);
    },
    setCapacity: (where, max) => {
      stock.limit(where, max);
      core.note({ kind: "capacity-changed", pool: stockName(where), max });
    },
    failLaunches: (name, failure) => {
      existing(name).failing = failure;
    },
    interrupt: (id, at) => core.schedule(at, () => take(id)),
    takeNode: (node) => {
      const instance = instances.behind(node);
      if (instance !== null) take(instance.id);
      return instance !== null;
    },
    pass: () => {
      let wrote = false;
      for (const name of Array.from(unsettled)) {
        unsettled.delete(name);
        const group = groups.get(name);
        if (group !== undefined) wrote = reconcile(group) || wrote;
      }
      return wrote;
    },
  };
}

/** The same calls for whoever stands outside of the world: what follows from each happens before it returns. */
export function settledClouds(clouds: Clouds, then: <T>(result: T) => T): Clouds {
  return {
    ...clouds,
    addGroup: (shape) => then(clouds.addGroup(shape)),
    removeGroup: (name) => then(clouds.removeGroup(name)),
    setBounds: (group, bounds) => then(clouds.setBounds(group, bounds)),
    setDesired: (group, desired, names) => then(clouds.setDesired(group, desired, names)),
    terminate: (instance, options) => then(clouds.terminate(instance, options)),
    detach: (instance, options) => then(clouds.detach(instance, options)),
    setCapacity: (where, max) => then(clouds.setCapacity(where, max)),
    failLaunches: (group, failure) => then(clouds.failLaunches(group, failure)),
    interrupt: (instance, at) => then(clouds.interrupt(instance, at)),
  };
}
