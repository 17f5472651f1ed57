import { describe, expect, test } from "vitest";

import { encode } from "../../shared/contract/codec.ts";
import type { DrainReport } from "../../shared/contract/drain-report.ts";
import type { DrainState } from "../../shared/contract/node-marks.ts";
import type { NoticeMessage } from "../../shared/contract/notice.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { NODE_ANNOTATION, SUBJECT_ROOT } from "../../shared/model/names.ts";
import { epochMs } from "../../shared/model/units.ts";
import { HINT_STANDS_MS } from "./hints.ts";
import { AFTER_DEADLINE_MS, createNotices } from "./notices.ts";

const START = Date.UTC(2026, 5, 1);

function aSetup() {
  const state = { now: START, woken: 0, refused: [] as string[] };
  const notices = createNotices({
    now: () => epochMs(state.now),
    subjectRoot: SUBJECT_ROOT,
    onRefused: (kind, code) => state.refused.push(`${kind} ${code}`),
    onNotice: () => void state.woken++,
  });
  const notice = (overrides: Partial<NoticeMessage> = {}): void => {
    const message: NoticeMessage = {
      v: 1,
      node: "n1",
      id: "i",
      phase: "seen",
      source: "aws",
      seenAt: START,
      deadline: START + 120_000,
      replace: true,
      pods: { low: 0, medium: 0, high: 0, system: 0 },
      ...overrides,
    };
    notices.accept(subjectFor("notice", message.node), encode<"notice">(message));
  };
  const drain = (overrides: Partial<DrainReport> = {}): void => {
    const message: DrainReport = {
      v: 1,
      node: "n1",
      id: "i",
      cause: "notice",
      source: "aws",
      phase: "drained",
      at: START,
      deadline: START + 120_000,
      counts: { evicted: 0, gone: 0, blocked: 0, waiting: 0 },
      ...overrides,
    };
    notices.accept(subjectFor("drain", message.node), encode<"drain">(message));
  };
  const current = (nodes = [aNode()]) => notices.current(nodes, epochMs(state.now));
  return { notices, state, notice, drain, current };
}

function aNode(
  overrides: {
    readonly name?: string;
    readonly createdAt?: number;
    readonly drain?: Partial<DrainState>;
    readonly annotations?: Readonly<Record<string, string>>;
  } = {},
) {
  const { name = "n1", createdAt = START - 3_600_000, drain, annotations = {} } = overrides;
  const value: DrainState = {
    v: 1,
    id: "i",
    cause: "notice",
    source: "aws",
    phase: "started",
    seenAt: START,
    deadline: START + 120_000,
    replace: true,
    cordonedByUs: true,
    ...drain,
  };
  return {
    name,
    createdAt: epochMs(createdAt),
    annotations,
    drainState: drain === undefined ? ({ kind: "none" } as const) : ({ kind: "value", value } as const),
  };
}

describe("createNotices()", () => {
  test("tells a notice once, whichever channels bring it, and wakes the loop", () => {
    const { notice, current, state } = aSetup();
    notice();
    notice();
    expect(current([aNode({ drain: {} })])).toEqual([
      {
        id: "i",
        node: "n1",
        source: "aws",
        seenAt: START,
        deadline: START + 120_000,
        replace: true,
        drained: false,
      },
    ]);
    expect(state.woken).toBe(1);
  });

  test("knows a notice by the node's mark alone", () => {
    expect(aSetup().current([aNode({ drain: { id: "by-mark" } })])).toMatchObject([
      { id: "by-mark", node: "n1" },
    ]);
  });

  test("takes no voluntary drain for a notice", () => {
    expect(aSetup().current([aNode({ drain: { cause: "request", source: "coordinator" } })])).toEqual([]);
  });

  test("moves a deadline closer and never away", () => {
    const { notice, current } = aSetup();
    notice();
    notice({ phase: "superseded", deadline: START + 30_000 });
    notice({ phase: "superseded", deadline: START + 300_000 });
    expect(current()[0]?.deadline).toBe(START + 30_000);
  });

  test("ends with its cancellation, also when the other channel still shows it", () => {
    const { notice, current } = aSetup();
    notice({ source: "drill" });
    notice({ source: "drill", phase: "cancelled" });
    expect(current([aNode({ drain: { source: "drill" } })])).toEqual([]);
  });

  test("is drained when the agent says so, and when the node is gone", () => {
    const { notice, drain, current } = aSetup();
    notice();
    notice({ id: "other", node: "n2" });
    drain();
    expect(current([aNode()]).map(({ id, drained }) => [id, drained])).toEqual([
      ["i", true],
      ["other", true],
    ]);
  });

  test("understands a drain report that comes before its notice", () => {
    const { notice, drain, current } = aSetup();
    drain();
    notice();
    expect(current()).toMatchObject([{ drained: true }]);
  });

  test("is not drained by the deadline alone", () => {
    const { notice, drain, current } = aSetup();
    notice();
    drain({ phase: "final" });
    expect(current()).toMatchObject([{ drained: false }]);
  });

  test("is over some minutes after its deadline", () => {
    const { notice, current, state } = aSetup();
    notice();
    state.now = START + 120_000 + AFTER_DEADLINE_MS;
    expect(current()).toHaveLength(1);
    state.now += 1;
    expect(current()).toEqual([]);
  });

  test("does not stick to a newer machine of the same name", () => {
    const { notice, current } = aSetup();
    notice();
    expect(current([aNode({ createdAt: START + 121_000 })])).toEqual([]);
  });

  test("is not lost on a young node whose clock runs behind the API server's", () => {
    const { notice, current } = aSetup();
    notice();
    expect(current([aNode({ createdAt: START + 60_000 })])).toHaveLength(1);
    expect(current([aNode({ createdAt: START + 121_000, drain: {} })])).toHaveLength(1);
  });

  test("does not wake the loop for what is long over, as a restart reads a whole day", () => {
    const { notice, state, current } = aSetup();
    state.now = START + 20 * 3_600_000;
    notice();
    expect(state.woken).toBe(0);
    expect(current()).toEqual([]);
  });

  test("says that a machine has survived, by either channel", () => {
    const { notice, current } = aSetup();
    notice({ phase: "survived" });
    expect(current()).toMatchObject([{ id: "i", survived: true, drained: false }]);
    expect(aSetup().current([aNode({ drain: { phase: "survived" } })])).toMatchObject([{ survived: true }]);
  });

  test("takes a drill that its agent refuses for none, and for one once it begins", () => {
    const { notice, current } = aSetup();
    notice({ source: "drill" });
    expect(current([aNode({ drain: { source: "drill", phase: "refused" } })])).toEqual([]);
    expect(current([aNode({ drain: { source: "drill", phase: "started" } })])).toHaveLength(1);
  });

  test("keeps what the machine says of itself, and what its pods saved", () => {
    const { notice, drain, current, state } = aSetup();
    const machine = { cloud: "aws", zoneId: "usw2-az1", lifecycle: "spot" } as const;
    notice({ machine, action: "terminate" });
    notice({ phase: "superseded", deadline: START + 60_000 });
    const late = { pod: "ml/a", result: "late", tookMs: 9 } as const;
    drain({ phase: "wave", checkpoints: [late] });
    drain({
      phase: "wave",
      class: "high",
      checkpoints: [{ ...late, result: "saved", step: 7, uri: "s3://b/7" }],
    });
    const woken = state.woken;
    drain({ phase: "wave", class: "system" });
    expect(state.woken).toBe(woken);
    expect(current()).toMatchObject([
      {
        action: "terminate",
        machine,
        checkpoints: [{ pod: "ml/a", result: "saved", step: 7, uri: "s3://b/7" }],
      },
    ]);
  });

  test("counts what it refuses", () => {
    const { notices, state } = aSetup();
    notices.accept(subjectFor("notice", "n1"), new Uint8Array([0]));
    notices.accept(subjectFor("drain", "n1"), new TextEncoder().encode('{"v":2}'));
    expect(state.refused).toEqual(["notice not-json", "drain unknown-version"]);
  });
});

describe("the first sight of a notice", () => {
  test("is not put off by an agent that starts anew", () => {
    const { notice, current, state } = aSetup();
    notice();
    state.now = START + 60_000;
    notice({ seenAt: START + 50_000 });
    expect(current([aNode({ drain: { seenAt: START + 50_000 } })])[0]?.seenAt).toBe(START);
  });

  test("is not later than it was heard of, whatever the node's clock says", () => {
    const { notice, current } = aSetup();
    notice({ seenAt: START + 60_000 });
    expect(current()[0]?.seenAt).toBe(START);
    const marked = aSetup().current([aNode({ drain: { seenAt: START + 60_000 } })]);
    expect(marked[0]?.seenAt).toBe(START);
  });
});

describe("hints", () => {
  const hint = { id: "h", kind: "rebalance", deadline: START, replace: false } as const;
  const mark = (overrides: object = {}) => ({
    [NODE_ANNOTATION.interruptionHint]: JSON.stringify({
      v: 1,
      id: "h",
      source: "aws",
      kind: "rebalance",
      action: "rebalance",
      seenAt: START,
      at: null,
      ...overrides,
    }),
  });

  test("come by message and by mark, and are one", () => {
    const { notice, current, state } = aSetup();
    notice(hint);
    notice(hint);
    expect(state.woken).toBe(1);
    expect(current([aNode({ annotations: mark() })])).toMatchObject([
      { id: "h", node: "n1", kind: "rebalance", replace: false, drained: false },
    ]);
    expect(aSetup().current([aNode({ annotations: mark() })])).toMatchObject([
      { id: "h", kind: "rebalance" },
    ]);
  });

  test("are over after half an hour, and wake nobody then", () => {
    const { notice, current, state } = aSetup();
    notice(hint);
    state.now = START + HINT_STANDS_MS;
    expect(current()).toHaveLength(1);
    state.now += 1;
    expect(current()).toEqual([]);
    notice({ ...hint, id: "old" });
    expect(state.woken).toBe(1);
  });

  test("stand no longer for a node whose clock runs ahead", () => {
    const { current, state } = aSetup();
    const ahead = aNode({ annotations: mark({ seenAt: START + 3_600_000 }) });
    expect(current([ahead])).toHaveLength(1);
    state.now = START + HINT_STANDS_MS + 1;
    expect(current([ahead])).toEqual([]);
  });

  test("do not begin anew with their agent", () => {
    const { current, state } = aSetup();
    expect(current([aNode({ annotations: mark() })])).toHaveLength(1);
    state.now = START + HINT_STANDS_MS + 1;
    expect(current([aNode({ annotations: mark() })])).toEqual([]);
    expect(current([aNode({ annotations: mark({ seenAt: state.now }) })])).toEqual([]);
  });

  test("with a time stand until it is past", () => {
    const { current, state } = aSetup();
    const annotations = mark({
      kind: "maintenance",
      action: "Reboot",
      at: START + 3_600_000,
      endsMachine: true,
    });
    state.now = START + 3_600_000 + 10 * 60_000;
    const standing = {
      kind: "maintenance",
      deadline: START + 3_600_000,
      endsMachine: true,
      action: "Reboot",
    };
    expect(current([aNode({ annotations })])).toMatchObject([standing]);
    state.now += 1;
    expect(current([aNode({ annotations })])).toEqual([]);
  });

  test("end when they are cancelled, when their mark has gone, and with their node", () => {
    const { notice, current } = aSetup();
    notice(hint);
    expect(current([aNode({ annotations: mark() })])).toHaveLength(1);
    expect(current([aNode()])).toEqual([]);
    notice({ ...hint, id: "other" });
    notice({ ...hint, id: "other", phase: "cancelled" });
    expect(current([aNode({ annotations: mark({ id: "other" }) })])).toEqual([]);
    notice({ ...hint, id: "third", node: "gone" });
    expect(current([aNode()])).toEqual([]);
  });

  test("stand on when another one takes their room on the node", () => {
    const { current } = aSetup();
    const node = (id: string) => aNode({ annotations: mark({ id }) });
    expect(current([node("h")]).map(({ id }) => id)).toEqual(["h"]);
    expect(current([node("m")]).map(({ id }) => id)).toEqual(["h", "m"]);
    expect(current([aNode()])).toEqual([]);
  });

  test("do not stick to a newer machine of the same name", () => {
    const { notice, current } = aSetup();
    notice(hint);
    expect(current([aNode({ createdAt: START + 1_000 })])).toEqual([]);
  });

  test("become the notice that has their id", () => {
    const { notice, current } = aSetup();
    notice({ ...hint, kind: "maintenance", deadline: START + 600_000 });
    notice({ id: "h", deadline: START + 600_000 });
    const standing = current();
    expect(standing.map(({ id }) => id)).toEqual(["h"]);
    expect(standing[0]?.kind).toBeUndefined();
  });

  test("say nothing that a terminal would obey, nor without end", () => {
    const { notice, current } = aSetup();
    notice({ ...hint, action: "re\u001b[2Jbalance" });
    const long = mark({ id: "long", action: `a\nb${"x".repeat(100_000)}` });
    notice({ id: "real", node: "n2", action: "ter\rminate" });
    const nodes = [aNode({ annotations: long }), aNode({ name: "n2" })];
    const said = Object.fromEntries(current(nodes).map(({ id, action = "" }) => [id, action]));
    expect(said["h"]).toBe("re [2Jbalance");
    expect(said["real"]).toBe("ter minate");
    expect(said["long"]).toMatch(/^a bx+…$/);
    expect(said["long"]).toHaveLength(128);
  });

  test("that cannot be read on the node are none", () => {
    expect(aSetup().current([aNode({ annotations: mark({ kind: "termination" }) })])).toEqual([]);
  });
});
