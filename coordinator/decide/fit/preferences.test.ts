import { describe, expect, test } from "vitest";

import type { Pod } from "../../../shared/model/kube.ts";
import { contextOf, place } from "../../../test/build/place.ts";
import { podInput } from "../../observe/pod-input.ts";
import { firstRefusal } from "./index.ts";
import { preferences } from "./preferences.ts";

/** As the API server gives it: everything that it wishes for is not to be had, and nothing is required. */
const WISHES = {
  metadata: { name: "p", namespace: "default", labels: { app: "web" } },
  spec: {
    containers: [{ name: "c", resources: { requests: { cpu: "1", "nvidia.com/gpu": "1" } } }],
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 100, preference: { matchExpressions: [{ key: "zone", operator: "In", values: ["x"] }] } },
        ],
      },
      podAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 100,
            podAffinityTerm: { topologyKey: "rack", labelSelector: { matchLabels: { app: "none" } } },
          },
        ],
      },
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 100,
            podAffinityTerm: {
              topologyKey: "kubernetes.io/hostname",
              labelSelector: { matchLabels: { app: "web" } },
            },
          },
        ],
      },
    },
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: "rack",
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: { matchLabels: { app: "web" } },
      },
    ],
  },
} as Pod;

describe("preferences", () => {
  test("that cannot be met forbid no place and do not make a pod of another kind", () => {
    const read = (pod: Pod) => podInput(pod, ({ detail }) => expect.unreachable(detail));
    const wishing = read(WISHES);
    const { affinity: _a, topologySpreadConstraints: _t, ...spec } = WISHES.spec;
    const plain = read({ ...WISHES, spec });
    if (wishing === null || plain === null) throw new Error("the pod of this test could not be read");
    const at = place();
    const context = contextOf([plain, wishing], [{ pod: plain, at }]);
    expect(preferences.refusal(wishing, at, context)).toBeNull();
    expect(firstRefusal(wishing, at, context)).toBeNull();
    expect(context.kinds.of(wishing)).toBe(context.kinds.of(plain));
  });
});
