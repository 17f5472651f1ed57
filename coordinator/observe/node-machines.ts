// Which machine each node is, by its providerID, and which nodes wear a pool's label: what members of a cloud's group
// are joined to. Made from the store when it is asked for and kept until a node changes. It judges no readiness.

import type { Node } from "../../shared/model/kube.ts";
import { NODE_ANNOTATION } from "../../shared/model/names.ts";
import { poolLabelOf } from "../../shared/model/node.ts";
import { elapsed } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { providerIdKey } from "../cloud/provider-id.ts";

export interface NodeMachines {
  /** Undefined: the node is not there, or has none. */
  providerIdOf(node: string): string | undefined;
  /** Names of the nodes that say they are this machine, however it is spelled; more than one is a fault of theirs. */
  nodesOf(providerID: string): readonly string[];
  /** The node that this machine was until a moment ago, and when it was found gone; null: none, or it is one again. */
  lostBy(providerID: string): LostNode | null;
  /** Nodes that wear the label of a pool of this name. */
  labelled(pool: string): readonly LabelledNode[];
  /** A node has changed. */
  changed(): void;
}

export interface LostNode {
  readonly node: string;
  readonly at: EpochMs;
}

export interface LabelledNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly providerID?: string;
  /** It is cordoned or under notice, as one that goes is. */
  readonly going: boolean;
}

interface Index {
  readonly byMachine: ReadonlyMap<string | null, readonly Node[]>;
  readonly byPool: ReadonlyMap<string | null, readonly Node[]>;
}

/** By then its cloud has long been asked about it. */
const LOST_KEPT_MS = 60_000;

export function createNodeMachines(
  store: {
    get(ref: { readonly name: string }): Node | undefined;
    values(): readonly Node[];
  },
  now: () => EpochMs,
): NodeMachines {
  let index: Index | null = null;
  let before: Index["byMachine"] = new Map();
  const lost = new Map<string, LostNode>();

  function findLost(byMachine: Index["byMachine"]): void {
    const at = now();
    for (const [key, since] of lost)
      if (byMachine.has(key) || elapsed(since.at, at) > LOST_KEPT_MS) lost.delete(key);
    for (const [key, [was]] of before)
      if (key !== null && was !== undefined && !byMachine.has(key))
        lost.set(key, { node: was.metadata.name, at });
    before = byMachine;
  }

  const indexed = (): Index => {
    if (index !== null) return index;
    const nodes = store.values();
    index = {
      byMachine: Map.groupBy(nodes, ({ spec }) => providerIdKey(spec?.providerID ?? "")),
      byPool: Map.groupBy(nodes, ({ metadata }) => poolLabelOf(metadata.labels ?? {})),
    };
    findLost(index.byMachine);
    return index;
  };

  return {
    providerIdOf: (node) => saidBy(store.get({ name: node })),
    nodesOf: (providerID) => {
      const key = providerIdKey(providerID);
      return key === null ? [] : (indexed().byMachine.get(key) ?? []).map(({ metadata }) => metadata.name);
    },
    lostBy: (providerID) => {
      const key = providerIdKey(providerID);
      indexed();
      return key === null ? null : (lost.get(key) ?? null);
    },
    labelled: (pool) =>
      (indexed().byPool.get(pool) ?? []).map((node) => {
        const { name, labels = {} } = node.metadata;
        const providerID = saidBy(node);
        return { name, labels, going: isGoing(node), ...(providerID === undefined ? {} : { providerID }) };
      }),
    changed: () => {
      index = null;
    },
  };
}

function isGoing({ metadata: { annotations = {} }, spec = {} }: Node): boolean {
  return spec.unschedulable === true || annotations[NODE_ANNOTATION.interruptionSource] !== undefined;
}

/** An empty one is one that nobody has set yet. */
function saidBy(node: Node | undefined): string | undefined {
  const providerID = node?.spec?.providerID;
  return providerID === "" ? undefined : providerID;
}
