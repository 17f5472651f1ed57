import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs, Ratio } from "../../../shared/model/units.ts";
import { node, reported } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { daemonSet, pod } from "../../../test/build/pod.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import { memory, notice, snapshot } from "../../../test/build/snapshot.ts";
import { sane } from "./sane.ts";

const bad = Number.NaN as EpochMs;
const read = (input: Parameters<typeof sane>[0]) => {
  const made = sane(input);
  if (made === null) throw new Error("the snapshot of this test has no time");
  return made.snapshot;
};

describe("sane()", () => {
  test("is null without a time", () => {
    for (const at of [Number.NaN, -1, Infinity, null as unknown as number])
      expect(sane({ ...snapshot(), at: at as EpochMs })).toBeNull();
  });

  test("changes nothing of a snapshot that is well", () => {
    const input = snapshot({
      nodes: [node("a", { telemetry: reported({ gpus: 1 }) }), node("b")],
      pods: [pod("p"), pod("q", { node: "a" })],
      notices: [notice("a")],
      memory: { ...memory({ a: { idleMs: MINUTE } }), launches: {} },
    });
    expect(read(input)).toEqual(input);
    // Not even copied: a decision at rest must not pay for what is in order.
    expect(read(input).nodes).toBe(input.nodes);
    expect(read(input).pods).toBe(input.pods);
    expect(read(input).memory.nodes).toBe(input.memory.nodes);
  });

  test("takes a size that is no whole number for unknown", () => {
    for (const size of [Number.NaN, -2, 1.5, Infinity]) {
      const [only] = read(snapshot({ policies: [policy({ pools: [pool("spot", { size })] })] })).policies;
      expect(only?.kind === "valid" ? only.pools[0]?.group.kind : null).toBe("unknown");
    }
  });

  test("takes an unreadable past of the journal for just now", () => {
    const journal = {
      lastUpAt: { spot: bad },
      lastDownAt: { spot: bad },
      additions: [{ at: bad, nodes: Number.NaN }],
    };
    const [only] = read(snapshot({ policies: [policy({ journal })] })).policies;
    expect(only?.kind === "valid" ? only.journal : null).toMatchObject({
      lastUpAt: { spot: NOW },
      lastDownAt: { spot: NOW },
      additions: [{ at: NOW, nodes: Number.MAX_SAFE_INTEGER }],
    });
  });

  test("takes readings out of range for unknown, and a report without a time for none", () => {
    const odd = {
      ...reported(),
      gpus: [{ uuid: "g", mean60: 1.2 as Ratio }],
      since: [
        { at: NOW, busiest: -1 as Ratio, peak: bad as unknown as Ratio, coverage: bad as unknown as Ratio },
      ],
    };
    const timeless = { ...odd, receivedAt: bad };
    const [a, b] = read(
      snapshot({ nodes: [node("a", { telemetry: odd }), node("b", { telemetry: timeless })] }),
    ).nodes;
    expect(a?.telemetry).toMatchObject({
      gpus: [{ uuid: "g", mean60: null }],
      since: [{ at: NOW, busiest: null, peak: null, coverage: 0 }],
    });
    expect(b?.telemetry.kind).toBe("unknown");
  });

  test("forgets timers from before the clock was set back", () => {
    const ahead = memory({ a: { idleMs: -MINUTE, emptyMs: -MINUTE } });
    const after = read(
      snapshot({ nodes: [node("a")], memory: { ...ahead, hotSince: { demo: epochMs(NOW + 1) } } }),
    ).memory;
    expect(after.nodes["a"]).toMatchObject({ idleSince: null, emptySince: null });
    expect(after.hotSince).toEqual({});
  });

  test("keeps the same one of two with one name, whichever comes first", () => {
    const two = [node("a", { gpus: 4 }), node("a", { gpus: 8 })];
    expect(read(snapshot({ nodes: two })).nodes).toEqual(read(snapshot({ nodes: two.toReversed() })).nodes);
    expect(read(snapshot({ nodes: two })).nodes).toHaveLength(1);
  });

  test("puts DaemonSets in one order, and has none where nobody told of any", () => {
    const daemons = [daemonSet("b"), daemonSet("a"), daemonSet("b")];
    expect(read(snapshot({ daemons })).daemons?.map(({ key }) => key)).toEqual([
      "kube-system/a",
      "kube-system/b",
    ]);
    expect(read(snapshot())).not.toHaveProperty("daemons");
  });

  test("keeps of a remembered shape the amounts that can be", () => {
    const amounts = { cpu: 1, memory: Number.NaN };
    const shape = {
      allocatable: amounts,
      labels: {},
      taints: [],
      overhead: amounts,
      daemons: { d: amounts },
    };
    expect(read(snapshot({ memory: { ...memory({}), shapes: { p: shape } } })).memory.shapes["p"]).toEqual({
      ...shape,
      allocatable: { cpu: 1 },
      overhead: { cpu: 1 },
      daemons: { d: { cpu: 1 } },
    });
  });

  test("lets a deadline that cannot be read never pass, and a budget allow nothing", () => {
    const input = snapshot({
      notices: [notice("a", { deadline: bad })],
      budgets: [{ key: "b", disruptionsAllowed: Number.NaN, pods: [] }],
    });
    expect(read(input).notices[0]?.deadline).toBe(Number.MAX_SAFE_INTEGER);
    expect(read(input).budgets[0]?.disruptionsAllowed).toBe(0);
  });
});
