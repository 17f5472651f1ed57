// Brings a fault about in real time, against real processes and sockets, and ends it when it is over.

import type { World } from "../../../coordinator/replay/world.ts";
import { parsePolicyStatus } from "../../../shared/contract/policy/status.ts";
import { POLICY } from "../../../shared/model/names.ts";
import { epochMs, millis } from "../../../shared/model/units.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import { pickOf } from "../bursts.ts";
import type { Fault, FaultKind } from "../fault.ts";
import { edited, POLICY_NAME } from "../fleet.ts";
import type { LiveStage } from "./stage.ts";

export const LIVE_KINDS = [
  "stock-out",
  "launches-fail",
  "cloud-throttles",
  "cloud-away",
  "cloud-answers-lost",
  "cloud-late",
  "api-away",
  "api-slow",
  "api-answers-lost",
  "api-conflicts",
  "api-refuses",
  "api-cut",
  "watches-stale",
  "watches-expire",
  "leader-dies",
  "leader-stops",
  "agent-dies",
  "nats-away",
  "metadata-away",
  "node-lost",
  "node-not-ready",
  "reclaim",
  "policy-edit",
  "clock-step",
] as const satisfies readonly FaultKind[];

export interface LivePlay {
  play(fault: Fault): void;
  /** Whether agents can reach the API server. */
  readonly apiWorks: boolean;
  /** Ends all that stands, and waits until what was away is back. */
  mend(): Promise<void>;
}

const OURS = { userAgentIncludes: "gpu-autoscaler" } as const;
const COORDINATOR = { userAgentIncludes: "coordinator" } as const;
/** Above the deadline of a coordinator's call here. */
const LATE_MS = 1_000;

export function createLivePlay(options: {
  readonly stage: LiveStage;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly notice: (node: string, deadline: number) => void;
}): LivePlay {
  const { stage, spec } = options;
  const { scene, cloud, agents, coordinators } = stage;
  const { server } = scene;
  const undos = new Set<() => void>();
  let apiAway = 0;
  let natsAway = 0;
  let nats: Promise<unknown> = Promise.resolve();

  /** Runs `undo` once: after the time, or when all is mended. */
  function later(ms: number, undo: () => void): void {
    const once = (): void => {
      if (!undos.delete(once)) return;
      clearTimeout(timer);
      undo();
    };
    const timer = setTimeout(once, ms);
    undos.add(once);
  }
  const change = (make: (world: World) => void): void => server.change(make);
  const nodeAt = (pick: number): string | null => {
    const nodes = scene.world.list("nodes");
    return nodes.length === 0 ? null : pickOf(nodes, pick).metadata.name;
  };

  /** Kills the leader at the n-th request that fits. */
  function trap(fault: Extract<Fault, { kind: "leader-dies" }>): void {
    let left = fault.nth;
    const hit = (): void => {
      left -= 1;
      if (left > 0) return;
      off();
      coordinators.kill();
    };
    const [when, where] = fault.point.split("-");
    const off =
      where === "node"
        ? server.onRequest(({ when: moment, method, path, userAgent }) => {
            if (
              moment === "after" &&
              method === "PATCH" &&
              path.startsWith("/api/v1/nodes/") &&
              userAgent.includes("coordinator")
            )
              hit();
          })
        : where === "status"
          ? server.onRequest(({ when: moment, method, path }) => {
              if (
                moment === when &&
                method === "PUT" &&
                path.endsWith(`/${POLICY.plural}/${POLICY_NAME}/status`)
              )
                hit();
            })
          : cloud.onRequest(({ phase, write }) => {
              if (write && phase === (when === "in" ? "arrived" : "decided")) hit();
            });
    later(20_000, off);
  }

  function play(fault: Fault): void {
    switch (fault.kind) {
      case "stock-out":
        change((world) => world.clouds.setCapacity({ zone: fault.zone }, fault.left));
        later(fault.forMs, () => change((world) => world.clouds.setCapacity({ zone: fault.zone }, null)));
        break;
      case "launches-fail": {
        const { name } = pickOf(scene.world.clouds.groups(), fault.pick);
        const failure = { kind: fault.why, code: fault.why, message: "told to fail" };
        change((world) => world.clouds.failLaunches(name, failure));
        later(fault.forMs, () => change((world) => world.clouds.failLaunches(name, null)));
        break;
      }
      case "cloud-throttles":
        later(fault.forMs, cloud.trouble.set({ kind: "refuse", code: "throttled", retryAfterSeconds: 1 }));
        break;
      case "cloud-away":
        later(fault.forMs, cloud.trouble.set({ kind: "lost", when: "before" }));
        break;
      case "cloud-answers-lost":
        later(
          20_000,
          cloud.trouble.set({ kind: "lost", when: "after", times: fault.count, match: { write: true } }),
        );
        break;
      case "cloud-late":
        later(
          20_000,
          cloud.trouble.set({
            kind: "slow",
            ms: millis(LATE_MS + fault.lateMs * 0.8),
            times: fault.count,
            match: { write: true },
          }),
        );
        break;
      case "api-away":
        apiAway += 1;
        server.refuse(true);
        later(fault.forMs, () => {
          apiAway -= 1;
          if (apiAway === 0) server.refuse(false);
        });
        break;
      case "api-slow":
        later(fault.forMs, server.faults.set({ kind: "slow", ms: millis(fault.ms), match: OURS }));
        break;
      case "api-answers-lost":
        later(
          20_000,
          server.faults.set({
            kind: "cut",
            when: "after",
            times: fault.count,
            match: { ...COORDINATOR, method: "PUT" },
          }),
        );
        break;
      case "api-conflicts":
        conflicts(fault.count);
        break;
      case "api-refuses":
        later(
          20_000,
          server.faults.set({
            kind: "status",
            code: fault.code,
            times: fault.count,
            match: { ...OURS, watch: false },
          }),
        );
        break;
      case "api-cut":
        server.cutAll();
        break;
      case "watches-stale":
        later(
          fault.forMs,
          server.faults.set({
            kind: fault.silent ? "silence" : "cut",
            match: { ...COORDINATOR, watch: true },
          }),
        );
        break;
      case "watches-expire":
        change((world) => world.compact());
        server.cutAll();
        break;
      case "leader-dies":
        if (fault.point === "now") coordinators.kill();
        else trap(fault);
        break;
      case "leader-stops":
        coordinators.stop();
        break;
      case "agent-dies": {
        const node = nodeAt(fault.pick);
        if (node === null) break;
        agents.kill(node);
        later(fault.forMs, () => agents.revive(node));
        break;
      }
      case "nats-away":
        natsAway += 1;
        if (natsAway === 1) nats = nats.then(async () => await scene.nats.kill());
        later(fault.forMs, () => {
          natsAway -= 1;
          if (natsAway === 0) nats = nats.then(async () => await scene.nats.restart());
        });
        break;
      case "metadata-away": {
        const node = nodeAt(fault.pick);
        if (node === null) break;
        const ways = {
          silent: { kind: "hang" },
          refuses: { kind: "status", status: 503 },
          broken: { kind: "garbage" },
        } as const;
        later(fault.forMs, agents.failMetadata(node, ways[fault.how]));
        break;
      }
      case "node-lost": {
        const node = nodeAt(fault.pick);
        if (node !== null) change((world) => world.interrupt(node, world.now));
        break;
      }
      case "node-not-ready": {
        const node = nodeAt(fault.pick);
        if (node === null) break;
        change((world) => world.setNodeReady(node, false));
        later(fault.forMs, () =>
          change((world) => {
            if (world.get("nodes", { name: node }) !== null) world.setNodeReady(node, true);
          }),
        );
        break;
      }
      case "reclaim":
        reclaim(fault);
        break;
      case "policy-edit":
        scene.policy(edited(spec, fault.edit, fault.pick), POLICY_NAME);
        later(fault.forMs, () => scene.policy(spec, POLICY_NAME));
        break;
      case "clock-step":
        // Processes here share the machine's clock: it is the cloud's that is set.
        cloud.skew(fault.byMs);
        later(fault.forMs, () => cloud.skew(0));
        break;
      default:
        fault satisfies never;
    }
  }

  function conflicts(count: number): void {
    let left = count;
    const off = server.onRequest(({ when, method, path }) => {
      if (when !== "before" || method !== "PUT" || !path.endsWith(`/${POLICY_NAME}/status`)) return;
      left -= 1;
      if (left <= 0) off();
      change((world) => {
        const policy = world.get("autoscalingpolicies", { name: POLICY_NAME });
        if (policy === null) return;
        const annotations = { ...policy.metadata.annotations, touched: String(world.version) };
        world.put("autoscalingpolicies", { ...policy, metadata: { ...policy.metadata, annotations } });
      });
    });
    later(20_000, off);
  }

  function reclaim({ zone, pick, noticeMs }: Extract<Fault, { kind: "reclaim" }>): void {
    const held = scene.world.clouds
      .groups()
      .filter(({ shape }) => shape.capacityType === "spot")
      .flatMap(({ instances }) => instances)
      .filter((one) => one.zone === zone && one.node !== null && one.state === "running");
    if (held.length === 0) return;
    const { node } = pickOf(held, pick);
    if (node === null || !agents.nodes.includes(node)) return;
    // Metadata tells whole seconds.
    const deadline = epochMs(Math.floor((systemClock.now() + noticeMs) / 1000) * 1000);
    options.notice(node, deadline);
    agents.terminate(node, deadline);
    change((world) => world.interrupt(node, deadline));
  }

  return {
    play,
    get apiWorks() {
      return apiAway === 0;
    },
    mend: async () => {
      for (const undo of undos) undo();
      server.faults.clear();
      cloud.trouble.clear();
      await nats;
    },
  };
}

/** Keys of moves that have begun and not ended. */
export function openMoves(world: World): readonly string[] {
  const status = parsePolicyStatus(world.get("autoscalingpolicies", { name: POLICY_NAME })?.status);
  return (status?.moves ?? []).flatMap(({ phase, key }) =>
    phase === "intended" || phase === "draining" ? [key] : [],
  );
}
