// Cluster API MachinePools: the provider keeps a set of machines of the wanted size, and the object only shows their
// providerIDs and nodes. Nobody can name who goes: when the number falls, the provider takes its oldest.

import type { MachinePool } from "../../shared/model/kube.ts";
import { after } from "../../shared/model/units.ts";
import { nameSuffix } from "./world-core.ts";
import type { Core, Part } from "./world-core.ts";
import type { NodeIndex } from "./world-index.ts";
import type { Kubelet } from "./world-kubelet.ts";
import { nodeFor, withGpus } from "./world-machine-objects.ts";
import { loseNode } from "./world-nodes.ts";
import type { MachinePoolShape } from "./world-options.ts";
import { draw } from "./world-options.ts";
import { keyOf } from "./world-resources.ts";
import { sameJson } from "./world-store.ts";
import { timestamp } from "./world-time.ts";

export interface MachinePools extends Part {
  addPool(shape: MachinePoolShape): void;
  /** False: the node is none of its own. */
  takeNode(node: string): boolean;
  /** False: it has no such pool. */
  setCapacity(pool: string, max: number | null): boolean;
}

interface Member {
  readonly name: string;
  readonly providerID: string;
  node: string | null;
}

interface Pool {
  readonly shape: MachinePoolShape;
  max: number | null;
  made: number;
  /** The oldest first. */
  members: Member[];
}

export function createMachinePools(core: Core, index: NodeIndex, kubelet: Kubelet): MachinePools {
  const random = core.random("machine pools");
  const names = core.random("machine pool names");
  const pools = new Map<string, Pool>();
  let stale = false;

  core.store.onChange(({ resource }) => {
    stale ||= resource === "machinepools";
  });

  function launch(pool: Pool): void {
    const { shape } = pool;
    const name = `${shape.name}-${nameSuffix(names)}`;
    const zone = shape.zones[pool.made % shape.zones.length] ?? "";
    pool.made += 1;
    const member: Member = { name, providerID: `sim://${shape.name}/${name}`, node: null };
    pool.members.push(member);
    core.note({ kind: "machine-created", pool: shape.name, machine: name });
    const [bootMs, readyMs] = [draw(shape.bootMs, random()), draw(shape.readyMs, random())];
    core.schedule(after(core.now, bootMs), () => {
      if (!pool.members.includes(member)) return;
      const { nodeDomain } = core.settings;
      const nodeName = nodeDomain === "" ? name : `${name}.${nodeDomain}`;
      const origin = { shape, zone, providerID: member.providerID, bootID: name };
      const node = core.store.write("nodes", nodeFor(nodeName, origin, timestamp(core.now)));
      member.node = nodeName;
      stale = true;
      core.note({ kind: "machine-joined", pool: shape.name, machine: name, node: nodeName });
      core.schedule(after(core.now, readyMs), () => {
        const booted = core.store.get("nodes", nodeName);
        if (booted === undefined || booted.metadata.uid !== node.metadata.uid) return;
        core.store.write("nodes", withGpus(booted, shape, timestamp(core.now)));
      });
    });
  }

  function end(pool: Pool, member: Member, chosen: "random" | "direct"): void {
    pool.members = pool.members.filter((other) => other !== member);
    core.note({ kind: "machine-deleting", pool: pool.shape.name, machine: member.name, chosen });
    if (member.node !== null) loseNode(core, index, kubelet, member.node);
    core.note({ kind: "machine-removed", pool: pool.shape.name, machine: member.name });
  }

  function reconcile(object: MachinePool): boolean {
    const pool = pools.get(keyOf(object.metadata));
    if (pool === undefined) return false;
    const replicas = object.spec?.replicas ?? 0;
    const room = Math.max(0, (pool.max ?? Infinity) - pool.members.length);
    const missing = replicas - pool.members.length;
    const launched = Math.min(missing, room);
    for (let made = 0; made < launched; made += 1) launch(pool);
    for (const member of pool.members.slice(0, Math.max(0, -missing))) end(pool, member, "random");
    return report(object, pool) || launched > 0 || missing < 0;
  }

  function report(object: MachinePool, { members }: Pool): boolean {
    const nodes = members.flatMap(({ node }) => (node === null ? [] : [{ name: node }]));
    const next: MachinePool = {
      ...object,
      spec: { ...object.spec, providerIDList: members.map(({ providerID }) => providerID) },
      status: { ...object.status, replicas: members.length, nodeRefs: nodes },
    };
    if (sameJson(next.spec, object.spec) && sameJson(next.status, object.status)) return false;
    core.store.write("machinepools", next);
    return true;
  }

  return {
    addPool: (shape) => {
      if (shape.zones.length === 0) throw new RangeError(`pool "${shape.name}" names no zone`);
      const metadata = { name: shape.name, namespace: shape.namespace ?? "default" };
      pools.set(keyOf(metadata), { shape, max: shape.maxMachines ?? null, made: 0, members: [] });
      core.store.write("machinepools", { metadata, spec: { replicas: shape.replicas ?? 0 } });
    },
    takeNode: (node) => {
      for (const pool of pools.values()) {
        const member = pool.members.find((each) => each.node === node);
        if (member === undefined) continue;
        core.note({ kind: "node-interrupted", node });
        end(pool, member, "direct");
        stale = true;
        return true;
      }
      return false;
    },
    setCapacity: (name, max) => {
      const pool = [...pools.values()].find(({ shape }) => shape.name === name);
      if (pool === undefined) return false;
      pool.max = max;
      stale = true;
      core.note({ kind: "capacity-changed", pool: name, max });
      return true;
    },
    pass: () => {
      if (!stale) return false;
      stale = false;
      let wrote = false;
      for (const object of Array.from(core.store.list("machinepools"))) wrote = reconcile(object) || wrote;
      for (const [key, pool] of pools) {
        if (core.store.get("machinepools", key) !== undefined) continue;
        for (const member of pool.members) end(pool, member, "direct");
      }
      return wrote;
    },
  };
}
