import { expect, test } from "vitest";

import { NODE_LABEL } from "../../../shared/model/names.ts";
import { machine, packing, termOn } from "../../../test/build/packing.ts";
import { pod } from "../../../test/build/pod.ts";
import { policy } from "../../../test/build/policy.ts";
import type { PodInput } from "../snapshot-pod.ts";
import { packingOrder } from "./order.ts";
import { woven } from "./weave.ts";

const GI = 2 ** 30;
const asking = (name: string, cpu: number, memory: number): PodInput =>
  pod(name, { requests: { pods: 1, cpu: cpu * 1000, memory: memory * GI } });

const order = (all: readonly PodInput[]): string[] => {
  const { parts } = packing({
    policies: [policy({ pools: [machine("m", { usd: 1, cpu: 8, memory: 16 })] })],
    pods: all,
  });
  return woven(all.toSorted(packingOrder), parts).map(({ key }) => key.replace("default/", ""));
};

test("pods that want much memory and pods that want many cores take turns", () => {
  const memory = ["m1", "m2", "m3"].map((name) => asking(name, 1, 8));
  const cores = ["c1", "c2", "c3"].map((name) => asking(name, 4, 1));
  expect(order([...cores, ...memory])).toEqual(["m1", "c1", "m2", "c2", "m3", "c3"]);
});

test("who wants a GPU, or a host without its like, comes before", () => {
  const alone = {
    ...asking("alone", 1, 1),
    labels: { app: "web" },
    podAntiAffinity: [termOn("web", NODE_LABEL.hostname)],
  };
  expect(order([asking("a", 1, 8), asking("b", 4, 1), alone, pod("gpu", { gpus: 1, cpu: 1 })])).toEqual([
    "gpu",
    "alone",
    "a",
    "b",
  ]);
});

test("nobody is lost and nobody comes twice", () => {
  const all = Array.from({ length: 50 }, (_, index) => asking(`p${index}`, 1 + (index % 7), 1 + (index % 5)));
  expect(order(all).toSorted()).toEqual(all.map(({ key }) => key.replace("default/", "")).toSorted());
});
