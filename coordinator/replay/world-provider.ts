// The provider behind the pools: whether there is an instance for a machine, how long it boots, whether it comes
// up, and the node that it becomes. What is drawn by the seed is drawn when the machine is made, so that the order
// of later events does not change it. How many machines there shall be is for the machine controllers.

import type { Machine } from "../../shared/model/kube.ts";
import { NODE_ANNOTATION } from "../../shared/model/names.ts";
import { after } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { Core } from "./world-core.ts";
import { nodeFor, withGpus } from "./world-machine-objects.ts";
import { draw } from "./world-options.ts";
import type { PoolShape } from "./world-options.ts";
import { keyOf } from "./world-resources.ts";
import { timestamp } from "./world-time.ts";

export interface Provider {
  /** `group` is the key of the MachineDeployment. */
  addPool(group: string, shape: PoolShape): void;
  poolOf(group: string): PoolShape | undefined;
  poolOfMachine(machine: string): PoolShape | undefined;
  /** The zone of the pool's next machine. */
  nextZone(group: string): string;
  /** Draws how the machine will fare and asks for its instance. */
  launch(machine: Machine, group: string, zone: string): void;
  /** The machine has no instance any more, for a reason that its owner shall see. */
  fail(machine: Machine, reason: string, message: string): void;
  /** The machine is gone: its capacity goes to the next. */
  forget(machine: string): void;
  /** `refusal`: what the provider says when there are no more. */
  setCapacity(pool: string, max: number | null, refusal?: string): void;
}

interface Pool {
  readonly shape: PoolShape;
  max: number | null;
  refusal: string | null;
  machinesMade: number;
  /** Machines that have, or are about to get, an instance. */
  readonly granted: Set<string>;
}

/** What is fixed for a machine when it is made. */
interface Fate {
  readonly pool: Pool;
  readonly zone: string;
  readonly bootMs: Millis;
  readonly readyMs: Millis;
  readonly fails: boolean;
}

const INSUFFICIENT = "InsufficientResources";

export function createProvider(core: Core): Provider {
  const random = core.random("machines");
  const pools = new Map<string, Pool>();
  const fates = new Map<string, Fate>();

  /** An instance for the machine, or the provider's refusal on it. */
  function grant(key: string): void {
    const fate = fates.get(key);
    const machine = core.store.get("machines", key);
    if (fate === undefined || machine === undefined || isDeleting(machine) || fate.pool.granted.has(key))
      return;
    const { pool } = fate;
    if (pool.max !== null && pool.granted.size >= pool.max) {
      starve(machine, pool);
      return;
    }
    pool.granted.add(key);
    setStatus(machine, { phase: "Provisioning" });
    const { uid } = machine.metadata;
    core.schedule(after(core.now, fate.bootMs), () => {
      const booted = core.store.get("machines", key);
      if (booted === undefined || booted.metadata.uid !== uid || isDeleting(booted) || !pool.granted.has(key))
        return;
      if (fate.fails) fail(booted, "CreateError", "the instance did not come up");
      else join(booted, fate);
    });
  }

  function starve(machine: Machine, pool: Pool): void {
    if (machine.status?.failureReason === INSUFFICIENT) return;
    const { instanceType, capacityType } = pool.shape;
    const message = pool.refusal ?? `the provider has no capacity for ${instanceType} (${capacityType})`;
    const condition = {
      type: "InfrastructureReady",
      status: "False",
      reason: INSUFFICIENT,
      message,
      lastTransitionTime: timestamp(core.now),
    };
    setStatus(machine, {
      phase: "Provisioning",
      failureReason: INSUFFICIENT,
      failureMessage: message,
      conditions: [condition],
    });
    core.note({ kind: "machine-starved", pool: pool.shape.name, machine: machine.metadata.name });
  }

  function fail(machine: Machine, reason: string, message: string): void {
    const key = keyOf(machine.metadata);
    const fate = fates.get(key);
    fate?.pool.granted.delete(key);
    setStatus(machine, {
      ...machine.status,
      phase: "Failed",
      failureReason: reason,
      failureMessage: message,
    });
    core.note({
      kind: "machine-failed",
      pool: fate?.pool.shape.name ?? "",
      machine: machine.metadata.name,
      why: reason,
    });
    if (fate !== undefined) grantWaiting(fate.pool);
  }

  function join(machine: Machine, fate: Fate): void {
    const { shape } = fate.pool;
    const { nodeDomain } = core.settings;
    const nodeName = nodeDomain === "" ? machine.metadata.name : `${machine.metadata.name}.${nodeDomain}`;
    const { name, uid } = machine.metadata;
    const providerID = `sim://${shape.name}/${name}`;
    const origin = {
      shape,
      zone: fate.zone,
      providerID,
      bootID: uid ?? name,
      annotations: { [NODE_ANNOTATION.machine]: name },
    };
    const node = core.store.write("nodes", nodeFor(nodeName, origin, timestamp(core.now)));
    core.store.write("machines", {
      ...machine,
      spec: { ...machine.spec, providerID },
      status: { phase: "Running", nodeRef: { name: nodeName } },
    });
    core.note({ kind: "machine-joined", pool: shape.name, machine: machine.metadata.name, node: nodeName });
    core.schedule(after(core.now, fate.readyMs), () => {
      const booted = core.store.get("nodes", nodeName);
      if (booted === undefined || booted.metadata.uid !== node.metadata.uid) return;
      core.store.write("nodes", withGpus(booted, shape, timestamp(core.now)));
    });
  }

  /** Capacity came back: the machines that wait for it get it in the order in which they came. */
  function grantWaiting(pool: Pool): void {
    for (const [key, fate] of fates) {
      const machine = core.store.get("machines", key);
      if (fate.pool === pool && machine?.status?.failureReason === INSUFFICIENT) grant(key);
    }
  }

  function setStatus(machine: Machine, status: NonNullable<Machine["status"]>): void {
    core.store.write("machines", { ...machine, status });
  }

  function existing(group: string): Pool {
    const pool = pools.get(group);
    if (pool === undefined) throw new RangeError(`there is no pool behind "${group}"`);
    return pool;
  }

  return {
    addPool: (group, shape) => {
      if (shape.zones.length === 0) throw new RangeError(`pool "${shape.name}" names no zone`);
      pools.set(group, {
        shape,
        max: shape.maxMachines ?? null,
        refusal: null,
        machinesMade: 0,
        granted: new Set(),
      });
    },
    poolOf: (group) => pools.get(group)?.shape,
    poolOfMachine: (machine) => fates.get(machine)?.pool.shape,
    nextZone: (group) => {
      const pool = existing(group);
      const zone = pool.shape.zones[pool.machinesMade % pool.shape.zones.length] ?? "";
      pool.machinesMade += 1;
      return zone;
    },
    launch: (machine, group, zone) => {
      const pool = existing(group);
      fates.set(keyOf(machine.metadata), {
        pool,
        zone,
        bootMs: draw(pool.shape.bootMs, random()),
        readyMs: draw(pool.shape.readyMs, random()),
        fails: random() < (pool.shape.bootFailureRate ?? 0),
      });
      grant(keyOf(machine.metadata));
    },
    fail,
    forget: (machine) => {
      const fate = fates.get(machine);
      if (fate === undefined) return;
      fates.delete(machine);
      fate.pool.granted.delete(machine);
      grantWaiting(fate.pool);
    },
    setCapacity: (name, max, refusal) => {
      const pool = [...pools.values()].find(({ shape }) => shape.name === name);
      if (pool === undefined) throw new RangeError(`there is no pool "${name}"`);
      pool.max = max;
      pool.refusal = refusal ?? null;
      core.note({ kind: "capacity-changed", pool: name, max });
      grantWaiting(pool);
    },
  };
}

export function isDeleting(machine: Machine): boolean {
  return machine.metadata.deletionTimestamp !== undefined;
}
