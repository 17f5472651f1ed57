// Sentences for why a pod is not demand, or has no place that it could be given: what it waits for, what holds it
// back and what has to come first.

import type { Sentences } from "./table.ts";
import { count, duration, verb } from "./words.ts";

export const POD: Sentences<
  | "pod-waits"
  | "pod-gated"
  | "pod-nominated"
  | "pod-undecided"
  | "pod-of-daemon-set"
  | "pod-static"
  | "pod-not-gpu"
  | "pod-fits-existing"
  | "pod-expendable"
  | "pod-ends"
  | "pod-has-successor"
  | "claims-not-understood"
  | "provisioning-request"
  | "volume-missing"
  | "volume-unbound"
  | "volume-lost"
  | "gang-incomplete"
  | "gang-does-not-fit"
  | "outranked"
  | "left-for-next"
> = {
  "pod-waits": ({ ageMs, needMs }) =>
    `unschedulable for ${duration(ageMs)} of ${duration(needMs)} (pendingPodTimeoutSeconds)`,
  "pod-gated": () => "held by a scheduling gate",
  "pod-nominated": ({ node }) => `the scheduler is making room on node ${node}`,
  "pod-undecided": () => "the scheduler has not tried it yet",
  "pod-of-daemon-set": () => "DaemonSet pods come with a node and ask for none",
  "pod-static": () => "static pods belong to their node",
  "pod-not-gpu": () =>
    "it asks for no GPU, and no GPU node is bought for that: set nodePools[].allowCpuPods where one should be",
  "pod-fits-existing": ({ node }) => `there is room on node ${node}`,
  "pod-expendable": ({ priority, cutoff }) =>
    `its priority ${priority} is below ${cutoff}: it fills what is free, and no node is bought for it`,
  "pod-ends": ({ pod }) => `pod ${pod} is ending and asks for nothing more`,
  "pod-has-successor": ({ owner }) => `${owner} has made the pod that follows it, and only that one counts`,
  "claims-not-understood": ({ claim }) =>
    `it asks for devices by resource claim ${claim}, which is not understood: ask by resource name, for example nvidia.com/gpu`,
  "provisioning-request": ({ name }) =>
    `it belongs to ProvisioningRequest ${name}, which is not understood: its pods get no node from here`,
  "volume-missing": ({ claim }) => `its volume claim ${claim} does not exist: make the claim`,
  "volume-unbound": ({ claim }) =>
    `its volume claim ${claim} is not bound, and no node would change that: see its storage class and provisioner`,
  "volume-lost": ({ claim }) => `the volume of its claim ${claim} is gone: make the claim anew`,
  "gang-incomplete": ({ gang, have, need }) =>
    `${count(have, "pod")} of ${gang} ${verb(have, "is", "are")} here and it starts with ${need}: no node is bought before the others are made`,
  "gang-does-not-fit": ({ gang, need, pod }) =>
    `the ${count(need, "pod")} of ${gang} start together or not at all, and there is no place for ${pod}`,
  outranked: ({ priority }) =>
    `pods of higher priority than its ${priority} come first and take what there is`,
  "left-for-next": () => "not looked at in this decision, whose work was used up; it comes first in the next",
};
