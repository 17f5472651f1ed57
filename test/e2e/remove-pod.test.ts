// How the agent deletes a pod past its budgets, asked of a real API server and of our stand-in alike: the condition that
// says why is merged with those of others, and the UID protects a successor.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createRemover } from "../../agent/act/remove.ts";
import type { Pod } from "../../shared/model/kube.ts";
import { millis, seconds } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { BOTH } from "../control-plane/both.ts";
import type { ApiServer } from "../control-plane/both.ts";

const NODE = "node-of-nobody";
const HOW = { graceSeconds: seconds(17), conditionWithinMs: millis(5_000) };

describe.each(BOTH)("$name", ({ open, why }) => {
  let server: ApiServer;
  let client: KubeClient;
  beforeAll(async () => {
    if (why !== null) return;
    server = await open();
    ({ client } = server);
    await client.create(RESOURCE.nodes, { metadata: { name: NODE } });
  });
  afterAll(async () => {
    if (why === null) await server[Symbol.asyncDispose]();
  });

  /** A running pod on a node that no kubelet plays: nobody confirms that it has ended. */
  const running = async (name: string): Promise<Pod> => {
    const ref = { namespace: "default", name };
    const spec = { nodeName: NODE, containers: [{ name: "main", image: "main" }] };
    await client.create(RESOURCE.pods, { metadata: ref, spec });
    const ready = { type: "Ready", status: "True" };
    return await client.patchStatus(RESOURCE.pods, ref, {
      status: { phase: "Running", conditions: [ready] },
    });
  };
  const remover = () => createRemover({ client, clock: systemClock, log: createLogSink().log });
  const limits = { signal: new AbortController().signal, deadlineMs: millis(10_000) };
  const meant = ({ metadata }: Pod, uid = metadata.uid ?? "") => ({
    key: `default/${metadata.name}`,
    namespace: "default",
    name: metadata.name,
    uid,
  });

  describe.skipIf(why !== null)("createRemover()", () => {
    test("marks the pod beside what others say of it, and gives it the grace that is left", async () => {
      const pod = await running("web");
      expect(await remover()(meant(pod), HOW, limits)).toBe("accepted");
      const { metadata, status } = await client.get(RESOURCE.pods, { namespace: "default", name: "web" });
      expect(metadata).toMatchObject({ uid: pod.metadata.uid, deletionGracePeriodSeconds: 17 });
      const saying = Object.fromEntries((status?.conditions ?? []).map((one) => [one.type, one]));
      expect(saying).toMatchObject({
        Ready: { status: "True" },
        DisruptionTarget: { status: "True", reason: "TerminationByGpuAutoscaler" },
      });
    });

    test("leaves a successor under the same name as it is", async () => {
      const pod = await running("db-0");
      const before = "11111111-2222-3333-4444-555555555555";
      expect(await remover()(meant(pod, before), HOW, limits)).toBe("replaced");
      const { metadata, status } = await client.get(RESOURCE.pods, { namespace: "default", name: "db-0" });
      expect(metadata.deletionTimestamp).toBeUndefined();
      expect(status?.conditions?.map(({ type }) => type)).not.toContain("DisruptionTarget");
    });

    test("finds a pod gone that is gone", async () => {
      const nobody = { key: "default/nobody", namespace: "default", name: "nobody", uid: "1" };
      expect(await remover()(nobody, HOW, limits)).toBe("gone");
    });
  });
});
