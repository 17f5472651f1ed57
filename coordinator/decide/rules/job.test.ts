import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { pod } from "../../../test/build/pod.ts";
import { policy } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { job } from "./job.ts";

const ofJob = (options: Parameters<typeof pod>[1], spec = {}) =>
  snapshot({
    nodes: [node("n1")],
    policies: [policy(spec)],
    pods: [pod("p", { node: "n1", owner: { uid: "j", kind: "Job" }, ...options })],
  });

test("a Job's pod keeps its node", () => {
  expect(verdict(job, ofJob({}))).toEqual({ code: "pod-of-job", node: "n1", pod: "default/p" });
});

test("it may go when it says so, or when the policy gives up idle holders and it holds GPUs", () => {
  expect(
    verdict(job, ofJob({ annotations: { "cluster-autoscaler.kubernetes.io/safe-to-evict": "true" } })),
  ).toBeNull();
  expect(verdict(job, ofJob({ gpus: 1 }, { reclaimIdleHolders: true }))).toBeNull();
  expect(verdict(job, ofJob({ gpus: 0 }, { reclaimIdleHolders: true }))?.code).toBe("pod-of-job");
});
