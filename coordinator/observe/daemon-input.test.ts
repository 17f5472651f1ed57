import { describe, expect, test } from "vitest";

import type { DaemonSet, Pod } from "../../shared/model/kube.ts";
import { untoleratedTaint } from "../../shared/model/node.ts";
import { observed } from "../../test/build/observed.ts";

function daemonSet(
  spec: Partial<Pod["spec"]> = {},
  metadata: Partial<DaemonSet["metadata"]> = {},
): DaemonSet {
  const containers = [{ name: "main", resources: { requests: { cpu: "100m" } } }];
  return {
    metadata: { name: "agent", namespace: "system", uid: "u", ...metadata },
    spec: { template: { spec: { containers, ...spec } } },
  };
}

const inputOf = (object: DaemonSet) => observed({ daemonSets: [object] }).cluster.daemons();

describe("daemons()", () => {
  test("says what a pod of each takes, by the same sums as for any pod", () => {
    const [input] = inputOf(
      daemonSet({
        containers: [
          { name: "a", resources: { requests: { cpu: "100m" } } },
          { name: "b", resources: { limits: { cpu: "1", memory: "1Gi" } } },
        ],
        initContainers: [{ name: "i", resources: { requests: { memory: "2Gi" } } }],
      }),
    );
    expect(input).toMatchObject({
      key: "system/agent",
      uid: "u",
      requests: { cpu: 1_100, memory: 2 * 2 ** 30, pods: 1 },
    });
  });

  test("says on which nodes, as the template does", () => {
    const required = { nodeSelectorTerms: [{ matchExpressions: [{ key: "gpu", operator: "Exists" }] }] };
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } };
    const [input] = inputOf(daemonSet({ nodeSelector: { disk: "ssd" }, affinity }));
    expect(input).toMatchObject({
      nodeSelector: { disk: "ssd" },
      nodeTerms: [{ labels: [{ key: "gpu", operator: "Exists", values: [] }], names: [] }],
    });
  });

  test.each<[string, "NoSchedule" | "NoExecute", boolean, boolean]>([
    ["not-ready", "NoExecute", false, true],
    ["unreachable", "NoExecute", false, true],
    ["disk-pressure", "NoSchedule", false, true],
    ["memory-pressure", "NoSchedule", false, true],
    ["pid-pressure", "NoSchedule", false, true],
    ["unschedulable", "NoSchedule", false, true],
    ["network-unavailable", "NoSchedule", true, true],
    ["network-unavailable", "NoSchedule", false, false],
    ["out-of-service", "NoExecute", true, false],
  ])("tolerates as its controller has it: %s %s, hostNetwork %s: %s", (name, effect, hostNetwork, does) => {
    const [input] = inputOf(daemonSet({ hostNetwork }));
    const taint = { key: `node.kubernetes.io/${name}`, effect };
    expect(untoleratedTaint([taint], input?.tolerations) === null).toBe(does);
  });

  test("tolerates what its template says beside that", () => {
    const [input] = inputOf(daemonSet({ tolerations: [{ key: "gpu", operator: "Exists" }] }));
    expect(untoleratedTaint([{ key: "gpu", effect: "NoSchedule" }], input?.tolerations)).toBeNull();
  });

  test.each([
    ["is being deleted", daemonSet({}, { deletionTimestamp: "2026-06-01T00:00:00Z" })],
    ["names its one node", daemonSet({ nodeName: "n1" })],
  ])("leaves out one that %s", (_, object) => {
    const { cluster, problems } = observed({ daemonSets: [object] });
    expect([cluster.daemons(), problems]).toEqual([[], []]);
  });

  test("leaves out one that cannot be read, and says so once", () => {
    const containers = [{ name: "main", resources: { requests: { cpu: "much" } } }];
    const { cluster, problems } = observed({
      daemonSets: [daemonSet({ containers }), { metadata: { name: "bare", uid: "b" } }],
    });
    cluster.daemons();
    expect(cluster.daemons()).toEqual([]);
    expect(problems).toMatchObject([
      { kind: "daemonset", name: "system/agent", detail: expect.stringContaining("much") as string },
      { kind: "daemonset", name: "default/bare" },
    ]);
  });

  test("are the same list while nothing of them changes, and no news", () => {
    const { cluster, news } = observed({ daemonSets: [daemonSet()] });
    const before = cluster.daemons();
    const { store } = cluster.watches[8];
    store.apply({ kind: "put", object: daemonSet() });
    expect([cluster.daemons() === before, news]).toEqual([true, []]);
    store.apply({ kind: "put", object: daemonSet({ nodeSelector: { disk: "ssd" } }) });
    expect(cluster.daemons()).toMatchObject([{ nodeSelector: { disk: "ssd" } }]);
    store.apply({ kind: "gone", object: daemonSet() });
    expect([cluster.daemons(), news]).toEqual([[], ["other", "other"]]);
  });
});
