import { describe, expect, test } from "vitest";

import { podObject } from "../../test/build/observed.ts";
import { gangOf } from "./gangs.ts";

type Marks = Readonly<Record<string, string>>;

const ASKED = {
  minimum: (kind: string, namespace: string, name: string) =>
    name === "unsaid" ? null : name === "one" ? 1 : `${kind} ${namespace}/${name}`.length,
};
const gang = (labels: Marks, annotations: Marks = {}) => gangOf(podObject({ labels, annotations }), ASKED);

const POD_GROUP: Marks = { "scheduling.x-k8s.io/pod-group": "g" };
const JOB_SET: Marks = { "jobset.sigs.k8s.io/jobset-name": "j", "jobset.sigs.k8s.io/restart-attempt": "2" };
const LWS: Marks = {
  "leaderworkerset.sigs.k8s.io/name": "serve",
  "leaderworkerset.sigs.k8s.io/group-index": "3",
  "leaderworkerset.sigs.k8s.io/group-key": "aa",
};
const LWS_SIZE: Marks = { "leaderworkerset.sigs.k8s.io/size": "4" };
const KUEUE: Marks = { "kueue.x-k8s.io/pod-group-name": "k" };
const KUEUE_SIZE: Marks = { "kueue.x-k8s.io/pod-group-total-count": "5" };
const OURS: Marks = { "gpu-autoscaler.io/gang": "a", "gpu-autoscaler.io/gang-size": "6" };

describe("gangOf()", () => {
  test("is none for a pod that nobody marked", () => {
    expect(gang({ app: "web" })).toEqual({ fromObject: false });
  });

  test.each<[string, Marks, Marks, object, boolean]>([
    ["PodGroup", POD_GROUP, {}, { id: "PodGroup team/g", minimum: 15, source: "PodGroup" }, true],
    [
      "PodGroup of Volcano",
      {},
      { "scheduling.k8s.io/group-name": "v" },
      { id: "volcano PodGroup team/v", minimum: 22, source: "PodGroup" },
      true,
    ],
    [
      "PodGroup of Volcano, newer spelling",
      {},
      { "scheduling.volcano.sh/group-name": "v" },
      { id: "volcano PodGroup team/v", minimum: 22, source: "PodGroup" },
      true,
    ],
    [
      "LeaderWorkerSet",
      LWS,
      LWS_SIZE,
      { id: "LeaderWorkerSet team/serve/3", minimum: 4, source: "LeaderWorkerSet" },
      false,
    ],
    ["JobSet", JOB_SET, {}, { id: "JobSet team/j/2", minimum: 13, source: "JobSet" }, true],
    ["Kueue", KUEUE, KUEUE_SIZE, { id: "Kueue team/k", minimum: 5, source: "Kueue" }, false],
    ["our annotations", {}, OURS, { id: "gang team/a", minimum: 6, source: "annotation" }, false],
  ])("knows %s", (_, labels, annotations, expected, fromObject) => {
    expect(gang(labels, annotations)).toEqual({ gang: expected, fromObject });
  });

  test("believes the scheduler's own group first, then the others in order", () => {
    const marks: readonly [Marks, Marks][] = [
      [POD_GROUP, {}],
      [LWS, LWS_SIZE],
      [JOB_SET, {}],
      [KUEUE, KUEUE_SIZE],
      [{}, OURS],
    ];
    const sources = marks.map((_, from) => {
      const left = marks.slice(from);
      const labels = Object.assign({}, ...left.map(([each]) => each)) as Marks;
      const annotations = Object.assign({}, ...left.map(([, each]) => each)) as Marks;
      return gang(labels, annotations).gang?.source;
    });
    expect(sources).toEqual(["PodGroup", "LeaderWorkerSet", "JobSet", "Kueue", "annotation"]);
  });

  test.each([
    ["no size", {}],
    ["a size with a typing error", { "gpu-autoscaler.io/gang-size": "4x" }],
    ["a size below one", { "gpu-autoscaler.io/gang-size": "0" }],
  ])("does not know how many with %s", (_, size) => {
    expect(gang({}, { "gpu-autoscaler.io/gang": "a", ...size }).gang).toMatchObject({ minimum: null });
  });

  test("does not know how many while the object is not there, and asks it again", () => {
    expect(gang({ "scheduling.x-k8s.io/pod-group": "unsaid" })).toMatchObject({
      gang: { minimum: null },
      fromObject: true,
    });
  });

  test("is none where one pod is enough, though that may change", () => {
    expect(gang({ "scheduling.x-k8s.io/pod-group": "one" })).toEqual({ fromObject: true });
    expect(gang(KUEUE, { "kueue.x-k8s.io/pod-group-total-count": "1" })).toEqual({ fromObject: false });
  });
});
