import { describe, expect, test } from "vitest";

import { POLICY, SUBJECT_ROOT } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { epochMs } from "../../shared/model/units.ts";
import { systemClock as clock } from "../../shared/runtime/clock.ts";
import { createDiscovery } from "../../shared/runtime/kube/resources.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { eventually } from "../../test/build/eventually.ts";
import { policySpec, poolSpec } from "../../test/build/scene.ts";
import { aWorldClient } from "../../test/build/world-client.ts";
import type { WorldClient } from "../../test/build/world-client.ts";
import { EMPTY_JOURNAL, EMPTY_MEMORY } from "../decide/snapshot-memory.ts";
import { createCluster } from "./cluster.ts";
import { createFleet } from "./fleet.ts";
import { createNotices } from "./notices.ts";
import { createPolicies } from "./policies.ts";
import { createObserver } from "./snapshot.ts";

const UNITS = 1_000_000;

function setup({ client }: WorldClient) {
  const stop = new AbortController();
  const asked: (string | undefined)[] = [];
  const now = () => clock.now();
  const watch = { client, clock, random: seededRandom(1), log: createLogSink().log, onTrouble: () => {} };
  const discover = createDiscovery(client);
  const cluster = createCluster({ watch, discover, onProblem: () => {}, onChange: () => {} });
  const policies = createPolicies({
    watch,
    problemsOf: () => [],
    onObject: () => {},
    onGone: () => {},
    onChange: () => {},
  });
  const observer = createObserver({
    cluster,
    policies,
    fleet: createFleet({ now, subjectRoot: SUBJECT_ROOT, onRefused: () => {}, onTurn: () => {} }),
    notices: createNotices({ now, subjectRoot: SUBJECT_ROOT, onRefused: () => {}, onNotice: () => {} }),
    groups: {
      reading: (target) => {
        asked.push(target?.scale?.name);
        return { group: { kind: "none" }, instances: [] };
      },
      keepOnly: () => {},
    },
    journalOf: () => EMPTY_JOURNAL,
  });
  const running = [...cluster.watches, ...cluster.optional, policies.watch].map(
    async (watched) => await watched.run(stop.signal),
  );
  const end = async (): Promise<void> => {
    stop.abort();
    await Promise.all(running);
  };
  return { asked, cluster, observer, end };
}

function isFrozen(value: unknown): boolean {
  return (
    typeof value !== "object" ||
    value === null ||
    (Object.isFrozen(value) && Object.values(value).every(isFrozen))
  );
}

describe("createObserver()", () => {
  test("gives a snapshot that is frozen to its depth and is nothing but JSON", async () => {
    await using made = await aWorldClient(2);
    made.server.change((world) => {
      world.submitService({ name: "web", replicas: 1 });
      world.addDaemonSet({ name: "agent", cpu: "100m", memory: "100Mi" });
    });
    const { observer, end } = setup(made);
    await eventually(() => observer.listed());
    const taken = observer.snapshot(clock.now(), EMPTY_MEMORY, UNITS);
    expect(taken.nodes).toHaveLength(2);
    expect(taken.pods.length).toBeGreaterThan(0);
    expect(taken.namespaces).toHaveProperty("default");
    const [daemon] = taken.daemons ?? [];
    expect(daemon).toMatchObject({ key: "kube-system/agent", requests: { cpu: 100, pods: 1 } });
    expect(taken.pods.filter((pod) => pod.owner?.uid === daemon?.uid)).toHaveLength(2);
    expect(taken.workUnits).toBe(UNITS);
    expect(isFrozen(taken)).toBe(true);
    expect(JSON.parse(JSON.stringify(taken))).toEqual(taken);
    await end();
  });

  test("looks at the groups of every policy before the first snapshot, for the day when this replica leads", async () => {
    await using made = await aWorldClient(1);
    made.server.change((world) =>
      world.put("autoscalingpolicies", {
        apiVersion: POLICY.apiVersion,
        kind: POLICY.kind,
        metadata: { name: "gpus" },
        spec: policySpec([poolSpec("spot-a"), poolSpec("od-b")]),
      }),
    );
    const { asked, observer, end } = setup(made);
    await eventually(() => observer.listed());
    observer.follow();
    expect(asked).toEqual(["spot-a", "od-b"]);
    await end();
  });

  test.each([
    "persistentvolumeclaims",
    "persistentvolumes",
    "storageclasses",
    "csinodes",
    "namespaces",
    "daemonsets",
  ])("is not synced before %s are listed", async (plural) => {
    await using made = await aWorldClient(1);
    made.server.faults.set({ kind: "silence", match: { pathIncludes: `/${plural}` } });
    const { observer, end } = setup(made);
    await eventually(() => observer.missing(clock.now()).length === 1);
    expect(observer.missing(clock.now())).toEqual([`${plural}: not listed yet`]);
    await end();
  });

  test("keeps of what is listed and of what is watched only what is read", async () => {
    await using made = await aWorldClient(1);
    const put = (name: string): void => {
      made.server.change((world) =>
        world.put("pods", {
          metadata: { name, namespace: "default", annotations: { "example.com/note": "long" } },
          spec: {
            schedulerName: "none",
            containers: [{ name: "main", resources: { requests: { cpu: "1" } } }],
          },
        }),
      );
    };
    put("listed");
    const { cluster, observer, end } = setup(made);
    await eventually(() => observer.listed());
    put("watched");
    const [, { store }] = cluster.watches;
    await eventually(() => store.size === 2);
    expect(cluster.pods().map(({ key }) => key)).toEqual(["default/listed", "default/watched"]);
    for (const { metadata, spec } of store.values()) {
      expect(Object.keys(metadata).sort()).toEqual(["creationTimestamp", "name", "namespace", "uid"]);
      expect(Object.keys(spec)).toEqual(["containers"]);
    }
    await end();
  });

  test("names what is not listed yet, and is not synced before", async () => {
    await using made = await aWorldClient(1);
    made.server.faults.set({ kind: "silence", match: { pathIncludes: "/pods" } });
    const { observer, end } = setup(made);
    await eventually(() => observer.missing(clock.now()).length === 1);
    expect(observer.listed()).toBe(false);
    expect(observer.snapshot(clock.now(), EMPTY_MEMORY, UNITS).sync).toEqual({
      kind: "unsynced",
      missing: ["pods: not listed yet"],
    });
    await end();
  });

  test("is not synced while a watch has been silent for long, and synced anew from when it is back", async () => {
    await using made = await aWorldClient(1);
    const { observer, end } = setup(made);
    await eventually(() => observer.listed());
    const before = clock.now();
    expect(observer.snapshot(before, EMPTY_MEMORY, UNITS).sync).toEqual({ kind: "synced", since: before });

    made.server.faults.set({ kind: "status", code: 503, match: { pathIncludes: "/nodes" } });
    made.server.cutAll();
    const later = await eventually(() =>
      observer.missing(epochMs(clock.now() + 20_000)).length > 0 ? epochMs(clock.now() + 20_000) : null,
    );
    expect(observer.snapshot(later, EMPTY_MEMORY, UNITS).sync).toMatchObject({ kind: "unsynced" });

    made.server.faults.clear();
    await eventually(() => observer.missing(epochMs(clock.now() + 20_000)).length === 0);
    const back = clock.now();
    expect(observer.snapshot(back, EMPTY_MEMORY, UNITS).sync).toEqual({ kind: "synced", since: back });
    await end();
  });

  test("gives a budget with the pods that it selects, and allows nothing before its controller has looked", async () => {
    await using made = await aWorldClient(1);
    made.server.change((world) => {
      world.submitService({ name: "web", replicas: 2, labels: { app: "web" } });
      world.put("poddisruptionbudgets", {
        apiVersion: "policy/v1",
        kind: "PodDisruptionBudget",
        metadata: { name: "web", namespace: "default" },
        spec: { maxUnavailable: 1, selector: { matchLabels: { app: "web" } } },
      });
    });
    const { observer, end } = setup(made);
    await eventually(() => observer.listed());
    const [budget] = observer.snapshot(clock.now(), EMPTY_MEMORY, UNITS).budgets;
    expect(budget).toMatchObject({ key: "default/web" });
    expect(budget?.pods).toHaveLength(2);
    await end();
  });
});
