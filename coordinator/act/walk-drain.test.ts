import { describe, expect, test } from "vitest";

import type { MoveState } from "../../shared/contract/policy/status.ts";
import { POD_ANNOTATION } from "../../shared/model/names.ts";
import { after, epochMs, millis, seconds } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createDiscovery, RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { anActContext } from "../../test/build/act-context.ts";
import { node as aNode } from "../../test/build/node.ts";
import { aWorldClient } from "../../test/build/world-client.ts";
import type { WorldClient } from "../../test/build/world-client.ts";
import { createScaleGroup } from "../cloud/scale/create.ts";
import { moveHash } from "./moves.ts";
import { settle } from "./settle.ts";
import type { InFlight } from "./settle.ts";
import { beginWalk } from "./walk-drain.ts";

const inTurn = async <T>(run: (waited: boolean) => Promise<T>): Promise<T> => await run(false);
const YES = { inTurn, take: () => true, giveBack: () => {} };
const POOL = { namespace: "default", name: "spot-a" };

/** A node with two pods of a service, and a move that began `agoMs` ago to empty it. */
function setup(made: WorldClient, agoMs = 0) {
  const { client, server, world } = made;
  server.change((changed) =>
    changed.submitService({
      name: "web",
      replicas: 2,
      gpus: 1,
      labels: { app: "web" },
      graceSeconds: seconds(1),
    }),
  );
  server.step(after(world.now, millis(2_000)));
  const machine = world.list("machines")[0];
  const name = machine?.status?.nodeRef?.name ?? "";
  const key = `p/spot-a/shrink/${name}`;
  const move: MoveState = {
    key,
    kind: "shrink",
    pool: "spot-a",
    node: name,
    instance: machine?.metadata.name ?? "",
    from: 1,
    to: 0,
    phase: "draining",
    at: new Date(epochMs(systemClock.now() - agoMs)).toISOString(),
  };
  const context = anActContext({
    client,
    clock: systemClock,
    drainTimeoutMs: millis(600_000),
    call: () => ({ signal: new AbortController().signal, deadlineMs: millis(2_000) }),
  });
  const group = createScaleGroup({
    client,
    discover: createDiscovery(client),
    target: { apiVersion: "cluster.x-k8s.io/v1beta1", kind: "MachineDeployment", ...POOL },
    defaultNamespace: "default",
    clock: systemClock,
  });
  const read = () => world.get("nodes", { name });
  const step = async (changes: Partial<InFlight> = {}) => {
    const node = { ...aNode(name), taints: read()?.spec?.taints ?? [] };
    const found = {
      move,
      node,
      underNotice: false,
      group,
      mayStillHappen: false,
      growing: false,
      stopped: null,
    };
    return await settle({ ...found, ...changes }, YES, context);
  };
  const asked = (): readonly string[] =>
    server.audit
      .filter(({ method, path }) => method === "DELETE" || path.endsWith("/eviction"))
      .map((call) => call.method);
  const size = () => world.get("machinedeployments", POOL)?.spec.replicas;
  return {
    asked,
    begin: async () => await beginWalk(context, { node: name, key }),
    key,
    move,
    read,
    size,
    step,
  };
}

function withBudget({ server }: WorldClient): void {
  server.change((world) =>
    world.put("poddisruptionbudgets", {
      metadata: { name: "web", namespace: "default" },
      spec: { selector: { matchLabels: { app: "web" } }, minAvailable: 2 },
    }),
  );
}

describe("a node without an agent", () => {
  test("is closed, emptied by evictions, and then taken out of its group", async () => {
    await using made = await aWorldClient(1);
    const { asked, begin, key, read, size, step } = setup(made);
    await begin();
    expect(read()?.spec).toMatchObject({
      unschedulable: true,
      taints: expect.arrayContaining([
        { key: "gpu-autoscaler.io/scale-down", value: `walk-${moveHash(key)}`, effect: "NoSchedule" },
      ]) as unknown,
    });
    expect(await step()).toEqual({
      kind: "draining",
      detail: "the coordinator empties it: 2 of 2 pods are leaving",
    });
    expect(asked()).toEqual(["POST", "POST"]);
    made.server.step(after(made.world.now, millis(5_000)));
    expect(await step()).toEqual({ kind: "applied", from: 1, to: 0 });
    expect(size()).toBe(0);
  });

  test("keeps the pods that a budget keeps, is asked again, and is given back at the deadline", async () => {
    await using made = await aWorldClient(1);
    const { asked, begin, read, size, step, move } = setup(made);
    withBudget(made);
    await begin();
    const blocked = {
      kind: "draining",
      detail: "the coordinator empties it: 0 of 2 pods are leaving, 2 kept by budgets",
    };
    expect(await step()).toEqual(blocked);
    expect(await step()).toEqual(blocked);
    const late = { ...move, at: new Date(systemClock.now() - 600_001).toISOString() };
    expect(await step({ move: late })).toMatchObject({
      kind: "failed",
      detail: expect.stringMatching(/^not empty by the deadline: 2 left, default\/web/) as string,
    });
    expect(asked()).toEqual(["POST", "POST", "POST", "POST"]);
    expect(read()?.spec?.unschedulable ?? false).toBe(false);
    expect(read()?.spec?.taints ?? []).toEqual([]);
    expect(size()).toBe(1);
  });

  test("keeps a pod that is not to be moved, as its agent would", async () => {
    await using made = await aWorldClient(1);
    const { begin, move, read, step } = setup(made);
    const pinned = made.world.list("pods")[0]?.metadata.name ?? "";
    await made.client.mergePatch(
      RESOURCE.pods,
      { namespace: "default", name: pinned },
      { metadata: { annotations: { [POD_ANNOTATION.doNotDisrupt]: "true" } } },
    );
    await begin();
    expect(await step()).toEqual({
      kind: "draining",
      detail: "the coordinator empties it: 1 of 2 pods are leaving, 1 not to be moved",
    });
    made.server.step(after(made.world.now, millis(5_000)));
    expect(await step()).toMatchObject({ kind: "draining" });
    const late = { ...move, at: new Date(systemClock.now() - 600_001).toISOString() };
    expect(await step({ move: late })).toMatchObject({
      kind: "failed",
      detail: expect.stringContaining(`default/${pinned}, which stays`) as string,
    });
    expect(made.server.audit.some(({ path }) => path.endsWith(`/${pinned}/eviction`))).toBe(false);
    // On a machine that is dead it runs no more, so there is nothing to keep.
    await begin();
    const marked = { ...aNode(move.node ?? ""), taints: read()?.spec?.taints ?? [] };
    await step({ node: { ...marked, ready: "not-ready" } });
    expect(made.server.audit.some(({ path }) => path.endsWith(`/${pinned}/eviction`))).toBe(true);
  });

  test("goes on under a new leader, who finds the mark", async () => {
    await using made = await aWorldClient(1);
    const { begin, move, step } = setup(made);
    await begin();
    expect(await step({ move: { ...move, phase: "intended" } })).toMatchObject({ kind: "draining" });
    expect(await step()).toMatchObject({
      kind: "draining",
      detail: expect.stringContaining("2 of 2") as string,
    });
  });

  test("is given back when its policy is stopped, and left to the notice that it comes under", async () => {
    await using made = await aWorldClient(1);
    const { asked, begin, read, step } = setup(made, 60_000);
    await begin();
    expect(await step({ underNotice: true })).toMatchObject({ kind: "failed" });
    await begin();
    expect(await step({ stopped: "the policy is disabled" })).toEqual({
      kind: "failed",
      detail: "the policy is disabled",
    });
    expect(read()?.spec?.unschedulable ?? false).toBe(false);
    expect(asked()).toEqual([]);
  });

  test("whose mark is not back from the watch is not given up", async () => {
    await using made = await aWorldClient(1);
    const { begin, step, move } = setup(made);
    await begin();
    expect(await step({ node: aNode(move.node ?? "") })).toMatchObject({ kind: "draining" });
  });
});
