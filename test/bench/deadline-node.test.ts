import { describe, expect, test } from "vitest";

import { epochMs, millis, seconds } from "../../shared/model/units.ts";
import { kindOf } from "../../shared/runtime/errors.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { Answers } from "./deadline-api.ts";
import { openNode } from "./deadline-node.ts";
import type { VirtualNode } from "./deadline-node.ts";
import type { DrawnPod } from "./deadline-pods.ts";

const POD: DrawnPod = {
  owner: "job-00",
  class: "high",
  grace: seconds(30),
  wantsMs: millis(20_000),
  blocked: false,
};

const nodeWith = (pods: readonly DrawnPod[], answers: Answers = "healthy"): VirtualNode =>
  openNode({ pods, answers, firstFails: true, noticeS: 60 });

/** Asks the node's first pod to leave `atMs` after the notice, with this grace. */
function evictAt(node: VirtualNode, atMs: number, graceS: number): void {
  node.work(async () => {
    await node.clock.sleep(millis(atMs));
    const { name, namespace = "", uid = "" } = node.watched()[0]?.metadata ?? { name: "" };
    await node.client.evict({ namespace, name, uid, graceSeconds: seconds(graceS) });
  });
}

describe("the fate of a pod", () => {
  test.each([
    // It wants 20 s, and SIGTERM comes 1 s after the answer, which takes 20 ms.
    ["has its grace", 0, 30, { warned: true, givenMs: 30_000, clean: true, graceless: false }],
    ["is killed at the end of its grace", 0, 19, { warned: true, givenMs: 19_000, clean: false }],
    ["is cut off by the end of the machine", 40_000, 30, { givenMs: 18_980, clean: false, warned: true }],
    ["is told too late for any grace", 58_500, 30, { warned: true, givenMs: 480, graceless: true }],
    [
      "is not told when the machine is off before its kubelet acts",
      59_000,
      30,
      { warned: false, givenMs: 0 },
    ],
  ])("%s", async (_, atMs, graceS, expected) => {
    const node = nodeWith([POD]);
    evictAt(node, atMs, graceS);
    expect(await node.fates()).toEqual([expect.objectContaining({ ...expected, sentMs: atMs })]);
  });

  test("a second call cuts its grace, counted from the first SIGTERM", async () => {
    const node = nodeWith([POD]);
    evictAt(node, 0, 30);
    evictAt(node, 5_000, 10);
    expect(await node.fates()).toEqual([expect.objectContaining({ givenMs: 10_000, clean: false })]);
  });

  test("nobody asked: not told", async () => {
    expect(await nodeWith([POD]).fates()).toEqual([expect.objectContaining({ warned: false, sentMs: null })]);
  });

  test("a budget holds against an eviction and not against a delete", async () => {
    const node = nodeWith([{ ...POD, blocked: true }]);
    const outcomes: string[] = [];
    node.work(async () => {
      const { name, namespace = "", uid = "" } = node.watched()[0]?.metadata ?? { name: "" };
      outcomes.push((await node.client.evict({ namespace, name, uid })).kind);
      await node.client.delete(RESOURCE.pods, { namespace, name }, { uid, graceSeconds: seconds(25) });
    });
    expect(await node.fates()).toEqual([expect.objectContaining({ blocked: true, givenMs: 25_000 })]);
    expect(outcomes).toEqual(["budget-blocked"]);
  });
});

describe("the API server", () => {
  test("fails every second call", async () => {
    const node = nodeWith([POD], "failing");
    const answers: string[] = [];
    node.work(async () => {
      for (let call = 0; call < 4; call++)
        await node.client.get(RESOURCE.nodes, { name: node.name }).then(
          () => answers.push("read"),
          (error: unknown) => answers.push(kindOf(error)),
        );
    });
    await node.fates();
    expect(answers).toEqual(["unavailable", "read", "unavailable", "read"]);
  });

  test("does what it was asked when the caller has long given up", async () => {
    const node = nodeWith([POD], "slow");
    const marks: unknown[] = [];
    node.work(async () => {
      const given = node.client.mergePatch(
        RESOURCE.nodes,
        { name: node.name },
        { spec: { unschedulable: true } },
        { deadlineMs: millis(200) },
      );
      marks.push(await given.then(() => "done", kindOf), node.clock.now() - node.noticeAt);
      marks.push(node.current().spec?.unschedulable === true);
      await node.clock.sleep(millis(800));
      marks.push(node.current().spec?.unschedulable === true);
    });
    await node.fates();
    expect(marks).toEqual(["timeout", 200, false, true]);
  });

  test("refuses a patch of a version that has passed", async () => {
    const node = nodeWith([POD]);
    const kinds: string[] = [];
    node.work(async () => {
      const body = { metadata: { resourceVersion: "1" }, spec: { unschedulable: true } };
      kinds.push(
        await node.client.mergePatch(RESOURCE.nodes, { name: node.name }, body).then(() => "", kindOf),
      );
    });
    await node.fates();
    expect(kinds).toEqual(["conflict"]);
  });
});

test("a machine is off when its notice is over", () => {
  const node = nodeWith([POD]);
  expect(node.powerOffAt).toBe(epochMs(node.noticeAt + 60_000));
});
