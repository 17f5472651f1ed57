import { expect, onTestFinished, test } from "vitest";

import type { Node } from "../../../shared/model/kube.ts";
import {
  GROUP_ANNOTATION,
  LEASE_NAME,
  NODE_ANNOTATION,
  NODE_LABEL,
  POD_ANNOTATION,
  SERVICE_ACCOUNT,
  TAINT,
} from "../../../shared/model/names.ts";
import { seededRandom } from "../../../shared/model/random.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import { agentPod } from "../../../test/build/doctor-facts.ts";
import {
  comparable,
  LOWERED,
  markedByAgent,
  NOTES,
  retired,
  withCondition,
} from "../../../test/build/marks.ts";
import { aWorldClient } from "../../../test/build/world-client.ts";
import { readCommand } from "../arguments.ts";
import { uninstall } from "./command.ts";

const { namespace } = SERVICE_ACCOUNT;
const SEED = 7;

async function stage(nodes = 1) {
  const made = await aWorldClient(nodes);
  onTestFinished(async () => await made[Symbol.asyncDispose]());
  const { world, server, client } = made;
  const lines: string[] = [];
  const [name = ""] = world.list("nodes").map(({ metadata }) => metadata.name);
  return {
    ...made,
    name,
    lines,
    text: () => lines.join("\n"),
    node: (which = name): Node => {
      const found = world.get("nodes", { name: which });
      if (found === null) throw new Error(which);
      return found;
    },
    change: (edit: (node: Node) => Node, which = name) =>
      server.change(() => {
        const found = world.get("nodes", { name: which });
        if (found !== null) world.put("nodes", edit(found));
      }),
    /** All objects that anybody could have marked. */
    objects: () =>
      (
        ["nodes", "pods", "leases", "nodepools", "nodeclaims", "machines", "autoscalingpolicies"] as const
      ).flatMap((kind) => world.list(kind).map((object) => ({ kind, object: comparable(object) }))),
    run: async (words = "--yes", answer: string | null = null) => {
      const command = readCommand(`uninstall ${words}`.split(" ").filter((word) => word !== ""));
      if (command.word !== "uninstall") throw new Error(words);
      return await uninstall(command, {
        client,
        print: (text) => lines.push(text),
        ask: async () => await Promise.resolve(answer),
        clock: systemClock,
        random: seededRandom(SEED),
        signal: new AbortController().signal,
      });
    },
  };
}

type Stage = Awaited<ReturnType<typeof stage>>;

/** What belongs to others: a label of a pool, a pod's wishes, a NodePool with its limits. */
function furnish({ world, server, change }: Stage): void {
  server.change(() => {
    world.put("pods", {
      metadata: {
        name: "train-0",
        namespace: "default",
        annotations: { [POD_ANNOTATION.evictionPriority]: "high" },
      },
      spec: { containers: [{ name: "c" }] },
    });
    world.put("nodepools", { metadata: { name: "np" }, spec: { limits: LOWERED.before } });
    world.put("nodeclaims", { metadata: { name: "nc" } });
    world.put("machines", { metadata: { name: "m", namespace: "default" } });
    world.put("autoscalingpolicies", { metadata: { name: "gpus" }, spec: {} });
  });
  change((node) => ({
    ...node,
    metadata: { ...node.metadata, labels: { ...node.metadata.labels, [NODE_LABEL.pool]: "spot" } },
    spec: { ...node.spec, taints: [{ key: "gpu", value: "true", effect: "NoSchedule" }] },
  }));
}

function mark({ world, server, change }: Stage): void {
  change((node) => withCondition(retired(markedByAgent(node))));
  server.change(() => {
    const annotate = <K extends "pods" | "nodeclaims" | "machines">(kind: K): void => {
      for (const object of world.list(kind))
        world.put(kind, {
          ...object,
          metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, ...NOTES[kind] } },
        });
    };
    annotate("pods");
    annotate("nodeclaims");
    annotate("machines");
    world.put("nodepools", {
      metadata: { name: "np", annotations: LOWERED.annotations },
      spec: { limits: LOWERED.limits },
    });
    world.put("leases", { metadata: { name: LEASE_NAME, namespace }, spec: { holderIdentity: "a_b" } });
  });
}

test("leaves every object as it was before we came, and finds nothing the second time", async () => {
  const s = await stage();
  furnish(s);
  const before = s.objects();
  mark(s);
  expect(s.objects()).not.toEqual(before);
  expect(await s.run()).toBe(0);
  expect(s.objects()).toEqual(before);

  s.lines.length = 0;
  expect(await s.run()).toBe(0);
  expect(s.text()).toContain("Nothing of ours stands in this cluster");
});

test("--dry-run says all of it and changes nothing", async () => {
  const s = await stage();
  furnish(s);
  mark(s);
  const before = s.objects();
  expect(await s.run("--dry-run")).toBe(0);
  expect(s.objects()).toEqual(before);
  for (const word of [
    "the cordon",
    TAINT.spotInterruption,
    TAINT.scaleDown,
    NODE_ANNOTATION.drainState,
    "Lease",
    GROUP_ANNOTATION.limitBefore,
    "helm uninstall",
  ])
    expect(s.text()).toContain(word);
  expect(
    s
      .text()
      .split("\n")
      .filter((line) => line.length > 100),
  ).toEqual([]);
});

test("asks first: anything but yes changes nothing, and without a terminal it says what to give", async () => {
  const s = await stage();
  mark(s);
  const before = s.objects();
  expect(await s.run("", "y")).toBe(1);
  expect(s.text()).toContain("Nothing is changed");
  await expect(s.run("", null)).rejects.toThrow("give --yes");
  expect(s.objects()).toEqual(before);
  expect(await s.run("", "yes")).toBe(0);
  expect(s.node().spec?.unschedulable ?? false).toBe(false);
});

test.each([
  ["the agent's note says so", (node: Node) => markedByAgent(node, false)],
  ["the coordinator's note says so", (node: Node) => retired(node, true)],
])("keeps a cordon that was there before: %s", async (_, edit) => {
  const s = await stage();
  s.change(edit);
  expect(await s.run()).toBe(0);
  expect(s.node().spec?.unschedulable).toBe(true);
  expect(s.node().spec?.taints?.map(({ key }) => key)).toEqual([TAINT.unschedulable]);
  expect(
    Object.keys(s.node().metadata.annotations ?? {}).filter((key) => key.startsWith("gpu-autoscaler.io/")),
  ).toEqual([]);
});

test("names a cordon of which nobody knows whose it is, and keeps it", async () => {
  const s = await stage();
  s.change((node) => ({
    ...node,
    spec: { unschedulable: true },
    metadata: { ...node.metadata, annotations: { [NODE_ANNOTATION.drainState]: "{" } },
  }));
  expect(await s.run()).toBe(1);
  expect(s.text()).toContain(`kubectl uncordon ${s.name}`);
  expect(s.node().spec?.unschedulable).toBe(true);
});

test("tries a node again that changes meanwhile, and loses nobody's taint", async () => {
  const s = await stage();
  mark(s);
  let quicker = 2;
  const stop = s.server.onRequest(({ when, method, path }) => {
    if (when !== "before" || method !== "PATCH" || !path.includes("/nodes/") || quicker === 0) return;
    quicker--;
    s.change((node) => ({
      ...node,
      spec: {
        ...node.spec,
        taints: [...(node.spec?.taints ?? []), { key: `other-${quicker}`, effect: "NoSchedule" }],
      },
    }));
  });
  expect(await s.run()).toBe(0);
  stop();
  expect(s.node().spec?.taints?.map(({ key }) => key)).toEqual(["other-1", "other-0"]);
});

test("says what could not be taken back, and takes back the rest", async () => {
  const s = await stage(2);
  const [, other = ""] = s.world.list("nodes").map(({ metadata }) => metadata.name);
  s.change((node) => markedByAgent(node));
  s.change((node) => markedByAgent(node), other);
  s.server.faults.set({
    kind: "status",
    code: 403,
    match: { method: "PATCH", pathIncludes: `/nodes/${s.name}` },
  });
  expect(await s.run("--yes -o json")).toBe(1);
  const told = JSON.parse(s.lines.at(-1) ?? "") as {
    readonly result: { readonly failed: readonly { readonly name: string; readonly why: string }[] };
  };
  expect(told.result.failed).toMatchObject([{ name: s.name, why: expect.stringContaining("403") as string }]);
  expect(s.node(other).spec?.unschedulable ?? false).toBe(false);
});

test("says what could not be read, and does not call that clean", async () => {
  const s = await stage();
  s.server.faults.set({ kind: "status", code: 403, match: { pathIncludes: "/machines" } });
  expect(await s.run()).toBe(1);
  expect(s.text()).toContain("Could not be read");
});

test("says who still runs and may write his marks again", async () => {
  const s = await stage();
  s.server.change(() => s.world.put("pods", agentPod(s.name)));
  mark(s);
  expect(await s.run()).toBe(1);
  expect(s.text()).toContain(`-  ${namespace}/agent-${s.name}`);
});

test("says before which nodes are being emptied", async () => {
  const s = await stage();
  mark(s);
  expect(await s.run("--dry-run")).toBe(0);
  expect(s.text()).toMatch(/Know before:\n.*is being emptied \(aws\)/);
});

test("leaves policies, unless it is asked to", async () => {
  const s = await stage();
  furnish(s);
  expect(await s.run()).toBe(0);
  expect(s.text()).toContain("1 policy and their definition");
  expect(await s.run("--yes --policies")).toBe(0);
  expect(s.world.list("autoscalingpolicies")).toEqual([]);
});
