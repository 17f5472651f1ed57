// "Why?" asked of the shipped programs: gpuasctl through the API server's proxy to the coordinator, and from a file
// without either.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { millis } from "../../shared/model/units.ts";
import { gpuasctl } from "../build/coordinator.ts";
import { openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";

const SERVICE = "services/default/scaler:9403";
const PLACE = ["--service", "default/scaler:9403"];

const FULL = "at the maximum of the pool, 1: raise nodePools[].maxSize to allow more [at-maximum]";

/** A pool for one node: what a second job gets is an explanation. */
async function openBusyScene(): Promise<Scene> {
  const scene = await openScene();
  scene.policy(policySpec([poolSpec("spot-a", { maxSize: 1 })]));
  return scene;
}

function submit(scene: Scene, id: string, gpus: number): void {
  scene.server.change((world) => world.submitJob({ id, gpus, durationMs: millis(600_000) }));
}

function podOf(scene: Scene, id: string): string {
  const found = scene.world.list("pods").find(({ metadata }) => metadata.name.startsWith(id));
  return found === undefined ? "" : `${found.metadata.namespace ?? ""}/${found.metadata.name}`;
}

const ctl = async (scene: Scene, ...args: readonly string[]) =>
  await gpuasctl([...args, "--kubeconfig", scene.kubeconfig]);

describe("gpuasctl", () => {
  test("explains pod, node and pool by the coordinator, and decides on its snapshot, also from a file", async () => {
    await using scene = await openBusyScene();
    const { url } = await scene.coordinator();
    scene.server.proxy(SERVICE, url);
    submit(scene, "fits", 8);
    await scene.until(() => scene.status()?.pools[0]?.ready === 1);
    submit(scene, "second", 8);
    const waits = await scene.until(() => podOf(scene, "second"));

    // The next cycle has seen it.
    const pod = await scene.until(async () => {
      const answer = await ctl(scene, "explain", "pod", waits, ...PLACE);
      if (!answer.out.includes(FULL)) throw new Error(`${answer.out}${answer.err}`);
      return answer;
    });
    expect(pod.out).toMatch(/no node is asked for by this decision[\s\S]*gpus\/spot-a {2}no {2}/);

    const node = scene.world.list("nodes")[0]?.metadata.name ?? "";
    const explained = await ctl(scene, "explain", "node", node, ...PLACE);
    expect(explained).toMatchObject({ code: 0, err: "" });
    expect(explained.out).toContain(`Node ${node}\n  of pool gpus/spot-a, up, 1 pod on it\n  stays: `);

    const pool = await ctl(scene, "explain", "pool", "gpus/spot-a", "-o", "json", ...PLACE);
    expect(JSON.parse(pool.out)).toMatchObject({ kind: "pool", size: 1, ready: 1, maxSize: 1 });

    const live = await ctl(scene, "decide", "--live", "--explain", ...PLACE);
    expect(live.out).toMatch(
      /^Decision of [\s\S]*Holds\n {2}gpus\/spot-a[\s\S]*Pods that wait, and every pool/,
    );

    const snapshot = await (await fetch(new URL("/snapshot", url))).text();
    const file = join(scene.kubeconfig, "..", "snapshot.json");
    await writeFile(file, snapshot);
    await scene.server.close();
    const fromFile = await gpuasctl(["explain", "pod", waits, "--snapshot", file]);
    expect(fromFile).toMatchObject({ code: 0, err: "" });
    expect(fromFile.out).toContain(FULL);
  });

  test("finds the leader behind a service that has chosen the other replica", async () => {
    await using scene = await openBusyScene();
    const first = await scene.coordinator({ env: { POD_NAME: "first" } });
    const second = await scene.coordinator({ env: { POD_NAME: "second" }, waitFor: "listening" });
    scene.server.proxy(SERVICE, second.url);
    scene.server.proxy("pods/default/first:9403", first.url);
    await scene.until(async () => (await fetch(new URL("/explain", first.url))).ok);
    const pool = await ctl(scene, "explain", "pool", "gpus/spot-a", ...PLACE);
    expect(pool).toMatchObject({ code: 0, err: "" });
    expect(pool.out).toContain("Pool gpus/spot-a  spot");

    await scene.until(async () => {
      const refused = await fetch(new URL("/explain", second.url));
      return refused.status === 503 && (await refused.text()).includes("first_");
    });
  });

  test("says what is missing: no service, nobody behind it, no such pod, no cluster", async () => {
    await using scene = await openBusyScene();
    const { url } = await scene.coordinator();
    const none = await ctl(scene, "decide", "--live", ...PLACE);
    expect(none).toMatchObject({ code: 1, out: "" });
    expect(none.err).toMatch(/services "scaler" not found\n.*looked for at default\/scaler:9403; --service/);

    scene.server.proxy(SERVICE, "http://127.0.0.1:1");
    const gone = await ctl(scene, "explain", "node", "n1", ...PLACE);
    expect(gone.code).toBe(69);
    expect(gone.err).toContain("error trying to reach service");

    scene.server.proxy(SERVICE, url);
    await scene.until(async () => (await fetch(new URL("/explain", url))).ok);
    const unknown = await ctl(scene, "explain", "pod", "default/none", ...PLACE);
    expect(unknown.code).toBe(1);
    expect(unknown.err).toBe("gpuasctl: the last decision knows no pod default/none\n");

    const nowhere = await gpuasctl([
      "explain",
      "node",
      "n1",
      "--kubeconfig",
      join(scene.kubeconfig, "..", "none"),
    ]);
    expect(nowhere.code).toBe(64);
    expect(nowhere.err).toContain("gpuasctl: ");
  });
});
