// One agent process for each node of the simulated cluster, each with an NVML double of its own whose
// utilisation follows the pods on the node. Like a DaemonSet, it starts an agent when a node registers and ends
// it when the node is gone; a crashed agent is started again.

import { join } from "node:path";

import type { World } from "../../coordinator/replay/world.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { AgentProcess } from "../build/agent.ts";
import { writeScenario } from "../nvml-double/scenario.ts";
import { gpusOf, podsOn } from "./cluster.ts";
import type { Span } from "./evidence.ts";
import { GPUS_PER_NODE } from "./scene.ts";

export interface Fleet {
  /** Brings agents and GPUs in line with the world's nodes and pods. */
  follow(): void;
  /** Kills a node's agent; it stays away. */
  kill(node: string): Promise<void>;
  readonly lives: Readonly<Record<string, readonly Span[]>>;
  readonly running: number;
  stop(): Promise<void>;
}

interface Member {
  readonly scenario: string;
  agent: Promise<AgentProcess> | null;
  /** What the double was last told, so that it is written only on a change. */
  told: string;
  /** GPU → uid of the pod that holds it; a pod keeps its GPUs. */
  readonly held: (string | null)[];
  banned: boolean;
}

export interface FleetOptions {
  readonly world: World;
  readonly now: () => EpochMs;
  readonly scenarioDir: string;
  /** 0..1 for each GPU of a job's pods. */
  readonly utilizationOf: (job: string) => number;
  readonly start: (node: string, scenario: string) => Promise<AgentProcess>;
  readonly onTrouble: (text: string) => void;
}

export function createFleet(options: FleetOptions): Fleet {
  const { world, now } = options;
  const members = new Map<string, Member>();
  const lives: Record<string, { from: EpochMs; to: EpochMs | null }[]> = {};

  const endLife = (node: string): void => {
    const life = lives[node]?.at(-1);
    if (life !== undefined && life.to === null) life.to = now();
  };

  const launch = (node: string, member: Member): void => {
    (lives[node] ??= []).push({ from: now(), to: null });
    member.agent = options.start(node, member.scenario);
    member.agent.catch((error: unknown) =>
      options.onTrouble(`the agent of ${node} did not start: ${String(error)}`),
    );
    void member.agent.then(
      async (agent) => {
        const code = await agent.exited;
        endLife(node);
        if (!members.has(node) || member.banned) return;
        options.onTrouble(`the agent of ${node} ended with ${code}; it is started again`);
        launch(node, member);
      },
      () => endLife(node),
    );
  };

  const leave = async (node: string): Promise<void> => {
    const member = members.get(node);
    members.delete(node);
    endLife(node);
    await (await member?.agent?.catch(() => null))?.stop();
  };

  return {
    lives,
    get running() {
      return members.size;
    },
    follow: () => {
      const nodes = new Set(world.list("nodes").map((node) => node.metadata.name));
      for (const node of nodes) {
        let member = members.get(node);
        if (member === undefined) {
          const scenario = join(options.scenarioDir, `${node}.scenario`);
          member = {
            scenario,
            agent: null,
            told: "",
            held: Array.from({ length: GPUS_PER_NODE }, () => null),
            banned: false,
          };
          members.set(node, member);
          tell(world, node, member, options.utilizationOf);
          launch(node, member);
        } else {
          tell(world, node, member, options.utilizationOf);
        }
      }
      for (const node of members.keys()) if (!nodes.has(node)) void leave(node);
    },
    kill: async (node) => {
      const member = members.get(node);
      if (member === undefined) return;
      member.banned = true;
      await (await member.agent)?.kill();
    },
    stop: async () => {
      await Promise.all([...members.keys()].map(leave));
    },
  };
}

/** Gives the node's GPUs to its running pods and writes the double's file when something changed. */
function tell(world: World, node: string, member: Member, utilizationOf: (job: string) => number): void {
  const pods = podsOn(world, node).filter((pod) => pod.status?.phase === "Running");
  const uids = new Set(pods.map((pod) => pod.metadata.uid ?? ""));
  member.held.forEach((uid, gpu) => {
    if (uid !== null && !uids.has(uid)) member.held[gpu] = null;
  });
  const percent = Array.from({ length: GPUS_PER_NODE }, () => 0);
  for (const pod of pods) {
    const uid = pod.metadata.uid ?? "";
    for (
      let missing = gpusOf(pod) - member.held.filter((each) => each === uid).length;
      missing > 0;
      missing -= 1
    ) {
      const free = member.held.indexOf(null);
      if (free >= 0) member.held[free] = uid;
    }
    const busy = Math.round(100 * utilizationOf(pod.metadata.ownerReferences?.[0]?.name ?? ""));
    member.held.forEach((each, gpu) => {
      if (each === uid) percent[gpu] = busy;
    });
  }
  const told = percent.join(" ");
  if (told === member.told) return;
  member.told = told;
  writeScenario(member.scenario, {
    gpus: percent.map((busy, gpu) => ({
      uuid: `GPU-${node}-${gpu}`,
      name: "NVIDIA H100 80GB HBM3",
      busId: `0000:${(0x18 + gpu).toString(16)}:00.0`,
      memoryTotalMib: 81_559,
      memoryUsedMib: busy > 0 ? 20_000 + 500 * busy : 0,
      utilPercent: busy,
      temperatureC: 30 + Math.round(busy / 3),
      powerMw: 75_000 + 6000 * busy,
    })),
  });
}
