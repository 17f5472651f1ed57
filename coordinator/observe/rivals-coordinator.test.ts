import { describe, expect, test } from "vitest";

import { LEASE_NAME } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { createDiscovery } from "../../shared/runtime/kube/resources.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { eventually } from "../../test/build/eventually.ts";
import { aWorldClient } from "../../test/build/world-client.ts";
import type { WorldClient } from "../../test/build/world-client.ts";
import { watchCoordinators } from "./rivals-coordinator.ts";

const START = Date.UTC(2026, 10, 26, 12);
const OURS = { namespace: "gpu-autoscaler-system", name: LEASE_NAME };

function setup(
  { client }: WorldClient,
  leaderBefore: string | undefined,
  takenBack = (): number | undefined => undefined,
) {
  const clock = createFakeClock(START);
  const stop = new AbortController();
  const state = { changes: 0 };
  const coordinators = watchCoordinators({
    watch: { client, clock, random: seededRandom(1), log: createLogSink().log, onTrouble: () => {} },
    discover: createDiscovery(client),
    lease: OURS,
    leaderBefore: (policy) => (policy === "gpus" ? leaderBefore : undefined),
    takenBack,
    onChange: () => void state.changes++,
  });
  const running = coordinators.watch.run(stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  return { coordinators, clock, state, end };
}

function hold(
  { server }: WorldClient,
  holder: string,
  { namespace = "staging", renewed = START, name = LEASE_NAME } = {},
): void {
  server.change((world) =>
    world.put("leases", {
      metadata: { namespace, name },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: 15,
        renewTime: new Date(renewed).toISOString().replace("Z", "000Z"),
      },
    }),
  );
}

describe("a second coordinator", () => {
  test("is who holds a lease elsewhere and has led the policy before us, for as long as it does", async () => {
    await using made = await aWorldClient();
    hold(made, "theirs_1");
    const { coordinators, clock, state, end } = setup(made, "theirs_1");
    await eventually(() => coordinators.of("gpus").length > 0);
    expect(coordinators.of("gpus")).toEqual([
      {
        rival: "second-coordinator",
        detail: `theirs_1 holds the lease ${LEASE_NAME} of namespace staging and has led the policy`,
      },
    ]);
    expect(coordinators.of("other")).toEqual([]);
    expect(state.changes).toBeGreaterThan(0);
    // It gives its lease back whenever we take the policy from it.
    hold(made, "");
    await clock.advance(59_000);
    expect(coordinators.of("gpus")).toHaveLength(1);
    await clock.advance(2_000);
    expect(coordinators.of("gpus")).toEqual([]);
    await end();
  });

  test.each<[string, string | undefined, Parameters<typeof hold>[2]]>([
    ["who has led nothing, since anybody may make a lease", "somebody_else", {}],
    ["where nobody has led before us", undefined, {}],
    ["who holds ours: a replica of our own", "theirs_1", { namespace: OURS.namespace }],
    ["whose lease was left behind", "theirs_1", { renewed: START - 61_000 }],
    ["with a lease of another name", "theirs_1", { name: "cluster-autoscaler" }],
  ])("is not one %s", async (_, leaderBefore, options) => {
    await using made = await aWorldClient();
    hold(made, "theirs_1", options);
    // What comes after it shows that it has been seen.
    const { coordinators, state, end } = setup(made, leaderBefore);
    hold(made, "last_1", { namespace: "zz" });
    await eventually(() => state.changes > 0);
    expect(coordinators.of("gpus")).toEqual([]);
    await end();
  });

  test("with a lease of another name is who takes the policy from us and never held our lease", async () => {
    await using made = await aWorldClient();
    hold(made, "us_1", { namespace: OURS.namespace });
    let term: number | undefined;
    const { coordinators, clock, state, end } = setup(made, "theirs_1", () => term);
    // What comes after ours shows that ours has been seen.
    hold(made, "last_1", { namespace: "zz" });
    await eventually(() => state.changes > 0);
    expect(coordinators.of("gpus")).toEqual([]);
    term = 7;
    expect(coordinators.of("gpus")).toEqual([
      {
        rival: "second-coordinator",
        detail: `theirs_1 takes the policy from us and has never held our lease ${OURS.namespace}/${LEASE_NAME}: its own has another name`,
      },
    ]);
    await clock.advance(59_000);
    expect(coordinators.of("gpus")).toHaveLength(1);
    await clock.advance(2_000);
    expect(coordinators.of("gpus")).toEqual([]);
    // And again when it does it again.
    term = 9;
    expect(coordinators.of("gpus")).toHaveLength(1);
    await end();
  });

  test("is no replica of ours that led while we did not", async () => {
    await using made = await aWorldClient();
    hold(made, "theirs_1", { namespace: OURS.namespace });
    const { coordinators, state, end } = setup(made, "theirs_1", () => 7);
    expect(coordinators.of("gpus"), "before anybody knows who held our lease").toEqual([]);
    hold(made, "first_1", { namespace: "y" });
    await eventually(() => state.changes === 1);
    expect(coordinators.of("gpus")).toEqual([]);
    hold(made, "us_1", { namespace: OURS.namespace });
    hold(made, "last_1", { namespace: "zz" });
    await eventually(() => state.changes === 2);
    expect(coordinators.of("gpus")).toEqual([]);
    await end();
  });

  test("ends with its lease", async () => {
    await using made = await aWorldClient();
    hold(made, "theirs_1");
    const { coordinators, end } = setup(made, "theirs_1");
    await eventually(() => coordinators.of("gpus").length > 0);
    made.server.change((world) => world.remove("leases", { namespace: "staging", name: LEASE_NAME }));
    await eventually(() => coordinators.of("gpus").length === 0);
    await end();
  });
});
