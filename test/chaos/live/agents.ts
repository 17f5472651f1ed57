// The shipped agents of a fleet, one process for each node that the world has, each with a double of the NVML library whose
// load follows the node's pods and with a metadata service of its own. Like a DaemonSet it starts what a node lacks, and
// again what has ended, unless it was told to leave it away.

import { join } from "node:path";

import type { World } from "../../../coordinator/replay/world.ts";
import { GPU_RESOURCE } from "../../../shared/model/names.ts";
import { millis } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import { describe } from "../../../shared/runtime/errors.ts";
import { startAgent } from "../../build/agent.ts";
import type { AgentProcess } from "../../build/agent.ts";
import { startCloudMetadata } from "../../build/metadata.ts";
import type { CloudMetadata } from "../../build/metadata.ts";
import { writeScenario } from "../../nvml-double/scenario.ts";
import type { Fault as MetadataFault } from "../../world/metadata/fault.ts";

export interface LiveAgents {
  /** Brings processes and loads in line with the world's nodes and pods. */
  follow(): void;
  /** Kills the node's agent; it stays away until it may come back. */
  kill(node: string): void;
  revive(node: string): void;
  /** The node's metadata tells of its end. */
  terminate(node: string, at: EpochMs): void;
  /** Undone by what it returns. */
  failMetadata(node: string, fault: MetadataFault): () => void;
  /** Whether the agent runs, has been ready and can ask its metadata. */
  isAble(node: string): boolean;
  readonly nodes: readonly string[];
  stop(): Promise<void>;
}

interface Member {
  readonly scenario: string;
  readonly metadata: Promise<CloudMetadata>;
  agent: AgentProcess | null;
  starting: Promise<void> | null;
  away: boolean;
  gone: boolean;
  /** Metadata faults that stand. */
  failing: number;
  told: string;
}

export interface LiveAgentsOptions {
  readonly world: () => World;
  readonly kubeconfig: string;
  readonly nats: string;
  readonly doubleDir: string;
  readonly dir: string;
  /** The load of a pod's GPUs, 0 to 1. */
  readonly loadOf: (owner: string) => number;
  readonly onTrouble: (text: string) => void;
}

const GPUS = 8;
/** Before an agent that did not come up is tried again. */
const AGAIN_MS = millis(1_000);

export function createLiveAgents(options: LiveAgentsOptions): LiveAgents {
  const members = new Map<string, Member>();
  const leaving = new Set<Promise<void>>();

  async function start(node: string, member: Member): Promise<void> {
    const metadata = await member.metadata;
    if (member.gone || member.away) return;
    const agent = await startAgent({
      node,
      kubeconfig: options.kubeconfig,
      nats: options.nats,
      doubleDir: options.doubleDir,
      scenario: member.scenario,
      waitFor: "listening",
      env: { ...metadata.env, GPUAS_REPORT_INTERVAL: "2s" },
    });
    member.agent = agent;
    void agent.exited.then(() => {
      if (member.agent === agent) member.agent = null;
    });
    if (member.gone || member.away) await agent.kill();
  }

  async function leave(node: string): Promise<void> {
    const member = members.get(node);
    if (member === undefined) return;
    members.delete(node);
    member.gone = true;
    await member.starting?.catch(() => {});
    await member.agent?.kill();
    await (await member.metadata)[Symbol.asyncDispose]();
  }

  function tell(node: string, member: Member): void {
    let free = 0;
    const percent = Array.from({ length: GPUS }, () => 0);
    for (const pod of options.world().list("pods")) {
      if (pod.spec.nodeName !== node || pod.status?.phase !== "Running") continue;
      const wanted = Number(pod.spec.containers[0]?.resources?.requests?.[GPU_RESOURCE] ?? 0);
      const load = Math.round(100 * options.loadOf(pod.metadata.ownerReferences?.[0]?.name ?? ""));
      for (let gpu = 0; gpu < wanted && free < GPUS; gpu++) percent[free++] = load;
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
        memoryUsedMib: 100 + 500 * busy,
        utilPercent: busy,
        temperatureC: 30 + Math.round(busy / 3),
        powerMw: 75_000 + 6000 * busy,
      })),
    });
  }

  const metadataOf = async (node: string): Promise<CloudMetadata> => {
    const member = members.get(node);
    if (member === undefined) throw new RangeError(`there is no node ${node}`);
    return await member.metadata;
  };

  return {
    get nodes() {
      return [...members.keys()];
    },
    follow: () => {
      const nodes = options.world().list("nodes");
      const names = new Set(nodes.map(({ metadata }) => metadata.name));
      for (const node of names) {
        let member = members.get(node);
        if (member === undefined) {
          member = {
            scenario: join(options.dir, `${node}.scenario`),
            metadata: startCloudMetadata("aws", systemClock),
            agent: null,
            starting: null,
            away: false,
            gone: false,
            failing: 0,
            told: "",
          };
          members.set(node, member);
        }
        const ready = member;
        tell(node, member);
        if (member.agent !== null || member.starting !== null || member.away) continue;
        const begun: Promise<void> = start(node, member)
          // One that was ended while it started; a later look starts it again.
          .catch((error: unknown) => options.onTrouble(`agent of ${node}: ${describe(error)}`))
          .then(async () => await systemClock.sleep(AGAIN_MS))
          .then(() => {
            ready.starting = null;
          });
        member.starting = begun;
      }
      for (const node of members.keys()) {
        if (names.has(node)) continue;
        const left: Promise<void> = leave(node).finally(() => leaving.delete(left));
        leaving.add(left);
      }
    },
    kill: (node) => {
      const member = members.get(node);
      if (member === undefined) return;
      member.away = true;
      void member.agent?.kill();
    },
    revive: (node) => {
      const member = members.get(node);
      if (member !== undefined) member.away = false;
    },
    terminate: (node, at) => {
      void metadataOf(node).then((metadata) => metadata.terminate(at));
    },
    failMetadata: (node, fault) => {
      const member = members.get(node);
      if (member === undefined) return () => {};
      member.failing += 1;
      const set = member.metadata.then(({ endpoint }) => endpoint.fail(fault));
      return () => {
        member.failing -= 1;
        void set.then((undo) => undo());
      };
    },
    isAble: (node) => {
      const member = members.get(node);
      return member !== undefined && member.agent !== null && !member.away && member.failing === 0;
    },
    stop: async () => {
      await Promise.all([...members.keys()].map(leave));
      await Promise.all(leaving);
    },
  };
}
