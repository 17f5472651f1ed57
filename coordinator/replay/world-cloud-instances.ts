// The instances of the simulated cloud, one by one: they boot, register as nodes, get their GPUs, and end or are taken
// with everything on them. Which group wants how many of them is not known here (world-clouds.ts).

import { after, millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import { AZURE_PLACE, azureHostName, GCP_PROJECT } from "./world-cloud.ts";
import type { CloudGroupShape, CloudInstance } from "./world-cloud.ts";
import { nameSuffix } from "./world-core.ts";
import type { Core } from "./world-core.ts";
import type { NodeIndex } from "./world-index.ts";
import type { Kubelet } from "./world-kubelet.ts";
import { nodeFor, withGpus } from "./world-machine-objects.ts";
import { loseNode } from "./world-nodes.ts";
import { draw } from "./world-options.ts";
import { timestamp } from "./world-time.ts";

export interface Place {
  readonly zone: string;
  readonly instanceType: string;
}

export interface Instances {
  get(id: string): CloudInstance | null;
  /** Members of a group, those that are going included, in the order in which they were made. */
  of(group: string): readonly CloudInstance[];
  count(matches: (instance: CloudInstance) => boolean): number;
  /** The instance whose node this is. */
  behind(node: string): CloudInstance | null;
  /** `id`: where its name was given before; else it gets one. */
  launch(shape: CloudGroupShape, place: Place, id?: string): CloudInstance;
  /** It is no member any more and runs on. */
  release(id: string): void;
  /** Its node and its pods go at once, the instance after a moment. */
  end(id: string, chosen: "random" | "direct"): void;
  /** Gone at once, with its node and its pods. */
  take(id: string): void;
}

/** How long an instance that is ended is still seen. */
const ENDING_MS = millis(20_000);
const HEX = "0123456789abcdef";

/** `onGone`: an instance has stopped to exist, its place can be had again. */
export function createInstances(
  core: Core,
  index: NodeIndex,
  kubelet: Kubelet,
  onGone: (gone: CloudInstance) => void,
): Instances {
  const random = core.random("cloud instances");
  const names = core.random("cloud instance names");
  const all = new Map<string, CloudInstance>();
  const shapes = new Map<string, CloudGroupShape>();
  const members = new Map<string, Set<string>>();
  let made = 0;
  let numbered = 0;

  function write(instance: CloudInstance): CloudInstance {
    all.set(instance.id, instance);
    return instance;
  }

  function newId(shape: CloudGroupShape): string {
    for (;;) {
      numbered += 1;
      if (shape.cloud === "azure") return String(numbered);
      const id =
        shape.cloud === "aws"
          ? `i-0${Array.from({ length: 16 }, () => HEX[Math.floor(names() * 16)] ?? "0").join("")}`
          : `${shape.name}-${nameSuffix(names)}`;
      if (!all.has(id)) return id;
    }
  }

  /** At AWS a node is named for its address, so that nobody can take its name for the instance's; at Azure for its number. */
  function nodeName({ id }: CloudInstance, shape: CloudGroupShape): string {
    const { nodeDomain } = core.settings;
    made += 1;
    if (shape.cloud === "azure") return azureHostName(shape.name, id);
    const name =
      shape.cloud === "aws" ? `ip-10-${(made >> 16) & 255}-${(made >> 8) & 255}-${made & 255}` : id;
    return nodeDomain === "" ? name : `${name}.${nodeDomain}`;
  }

  function boot(id: string, fate: { readonly readyMs: Millis; readonly fails: boolean }): void {
    const instance = all.get(id);
    const shape = shapes.get(id);
    if (instance === undefined || shape === undefined || instance.state !== "pending") return;
    if (fate.fails) {
      write({ ...instance, state: "running" });
      core.note({ kind: "machine-failed", pool: shape.name, machine: id, why: "NeverRegistered" });
      return;
    }
    const { zone, providerID, instanceType } = instance;
    const name = nodeName(instance, shape);
    const origin = { shape: { ...shape, instanceType }, zone, providerID, bootID: id };
    const node = core.store.write("nodes", nodeFor(name, origin, timestamp(core.now)));
    write({ ...instance, state: "running", node: name });
    core.note({ kind: "machine-joined", pool: shape.name, machine: id, node: name });
    core.schedule(after(core.now, fate.readyMs), () => {
      const booted = core.store.get("nodes", name);
      if (booted === undefined || booted.metadata.uid !== node.metadata.uid) return;
      core.store.write("nodes", withGpus(booted, shape, timestamp(core.now)));
    });
  }

  function loseNodeOf({ node }: CloudInstance): void {
    if (node !== null) loseNode(core, index, kubelet, node);
  }

  function forget(instance: CloudInstance): void {
    const { id, group } = instance;
    core.note({ kind: "machine-removed", pool: shapes.get(id)?.name ?? "", machine: id });
    all.delete(id);
    shapes.delete(id);
    if (group !== null) members.get(group)?.delete(id);
    onGone(instance);
  }

  return {
    get: (id) => all.get(id) ?? null,
    of: (group) => [...(members.get(group) ?? [])].flatMap((id) => all.get(id) ?? []),
    count: (matches) => [...all.values()].filter(matches).length,
    behind: (node) => [...all.values()].find((each) => each.node === node) ?? null,
    launch: (shape, { zone, instanceType }, given) => {
      const id = given !== undefined && !all.has(given) ? given : newId(shape);
      const group = shape.name;
      const providerID = providerIdOf(shape, zone, id);
      const { capacityType } = shape;
      shapes.set(id, shape);
      members.set(group, (members.get(group) ?? new Set<string>()).add(id));
      core.note({ kind: "machine-created", pool: group, machine: id });
      const bootMs = draw(shape.bootMs, random());
      const readyMs = draw(shape.readyMs, random());
      const fails = random() < (shape.bootFailureRate ?? 0);
      core.schedule(after(core.now, bootMs), () => boot(id, { readyMs, fails }));
      return write({
        id,
        group,
        zone,
        instanceType,
        capacityType,
        state: "pending",
        createdAt: core.now,
        providerID,
        node: null,
      });
    },
    release: (id) => {
      const instance = all.get(id);
      if (instance === undefined || instance.group === null) return;
      members.get(instance.group)?.delete(id);
      write({ ...instance, group: null });
    },
    end: (id, chosen) => {
      const instance = all.get(id);
      if (instance === undefined || instance.state === "terminating") return;
      core.note({ kind: "machine-deleting", pool: shapes.get(id)?.name ?? "", machine: id, chosen });
      loseNodeOf(instance);
      write({ ...instance, state: "terminating", node: null });
      core.schedule(after(core.now, ENDING_MS), () => {
        const ending = all.get(id);
        if (ending !== undefined) forget(ending);
      });
    },
    take: (id) => {
      const instance = all.get(id);
      if (instance === undefined) return;
      if (instance.node !== null) core.note({ kind: "node-interrupted", node: instance.node });
      loseNodeOf(instance);
      forget(instance);
    },
  };
}

function providerIdOf({ cloud, name }: CloudGroupShape, zone: string, id: string): string {
  switch (cloud) {
    case "aws":
      return `aws:///${zone}/${id}`;
    case "gcp":
      return `gce://${GCP_PROJECT}/${zone}/${id}`;
    case "azure": {
      const { subscription, resourceGroup } = AZURE_PLACE;
      return `azure:///subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/virtualMachineScaleSets/${name}/virtualMachines/${id}`;
    }
    case "simulated":
      return `sim://${name}/${id}`;
    default:
      return cloud satisfies never;
  }
}
