import { describe, expect, test } from "vitest";

import { decode } from "../../shared/contract/codec.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { POD_ANNOTATION, SUBJECT_ROOT } from "../../shared/model/names.ts";
import { epochMs } from "../../shared/model/units.ts";
import { NOW } from "../../test/build/now.ts";
import { pod } from "../../test/build/pod.ts";
import { notice } from "../../test/build/snapshot.ts";
import { isCheckpointed } from "../decide/fleet/tenants.ts";
import type { PodInput } from "../decide/snapshot-pod.ts";
import type { NoticeInput } from "../decide/snapshot.ts";
import { createPeerTeller, peersOf } from "./peers.ts";

const HOOK = { [POD_ANNOTATION.checkpointUrl]: "http://:9000/save" };

function member(
  name: string,
  node: string | null,
  more: { readonly gang?: string; readonly hook?: boolean; readonly terminating?: boolean } = {},
): PodInput {
  const { gang = "ml/train", hook = true, ...fields } = more;
  return {
    ...pod(name, { node, gpus: 8 }),
    annotations: hook ? HOOK : {},
    gang: { id: gang, minimum: 3, source: "PodGroup" },
    ...fields,
  };
}

const GANG = [member("w0", "n1"), member("w1", "n2"), member("w2", "n3.example")];

function aTeller(state = { connected: true }) {
  const sent: { readonly subject: string; readonly data: Uint8Array }[] = [];
  let told = 0;
  const teller = createPeerTeller({
    publish: (subject, data) => {
      if (state.connected) sent.push({ subject, data });
      return state.connected;
    },
    subjectRoot: SUBJECT_ROOT,
    saves: isCheckpointed,
    onTold: () => void told++,
  });
  const tell = (notices: readonly NoticeInput[], pods: readonly PodInput[] = GANG): void =>
    teller.tell({ notices, pods });
  return { tell, sent, state, count: () => told };
}

describe("peersOf()", () => {
  test("names for each other node the pods of the same gang that can be asked", () => {
    expect([...peersOf([notice("n1", { id: "i" })], GANG, isCheckpointed)]).toEqual([
      {
        v: 1,
        node: "n2",
        id: "i",
        interrupted: "n1",
        kind: "termination",
        drill: false,
        deadline: NOW + 120_000,
        pods: ["default/w1"],
      },
      expect.objectContaining({ node: "n3.example", pods: ["default/w2"] }),
    ]);
  });

  test.each<[string, readonly PodInput[]]>([
    ["of another gang", [member("w0", "n1"), member("x", "n2", { gang: "ml/other" })]],
    ["without a hook", [member("w0", "n1"), member("w1", "n2", { hook: false })]],
    ["without a node", [member("w0", "n1"), member("w1", null)]],
    ["that end", [member("w0", "n1"), member("w1", "n2", { terminating: true })]],
    ["beside it on the same node", [member("w0", "n1"), member("w1", "n1")]],
  ])("leaves out pods %s", (_name, pods) => {
    expect([...peersOf([notice("n1")], pods, isCheckpointed)]).toEqual([]);
  });

  test("asks no hook of the pod that loses its node", () => {
    const pods = [member("w0", "n1", { hook: false }), member("w1", "n2")];
    expect([...peersOf([notice("n1")], pods, isCheckpointed)].map(({ pods: told }) => told)).toEqual([
      ["default/w1"],
    ]);
  });
});

describe("createPeerTeller()", () => {
  test("sends what the agents' codec takes, to their own subjects", () => {
    const { tell, sent, count } = aTeller();
    tell([notice("n1")]);
    expect(sent.map(({ subject }) => subject)).toEqual([
      subjectFor("tell", "n2"),
      subjectFor("tell", "n3.example"),
    ]);
    for (const { subject, data } of sent) expect(decode("tell", subject, data).kind).toBe("message");
    expect(count()).toBe(2);
  });

  test("tells each node once for each interruption", () => {
    const { tell, sent } = aTeller();
    tell([notice("n1")]);
    tell([notice("n1")], [...GANG, member("late", "n2")]);
    expect(sent).toHaveLength(2);
    tell([notice("n1", { id: "next" })]);
    expect(sent).toHaveLength(4);
  });

  test("tells of drills and hints with their kind, and of hints without a time", () => {
    const { tell, sent } = aTeller();
    tell([notice("n1", { id: "d", source: "drill" })]);
    tell([notice("n1", { id: "h", kind: "rebalance" })]);
    const told = sent.map(({ subject, data }) => {
      const decoded = decode("tell", subject, data);
      return decoded.kind === "message"
        ? [decoded.message.id, decoded.message.drill, decoded.message.kind, decoded.message.deadline]
        : decoded;
    });
    expect(told).toContainEqual(["d", true, "termination", NOW + 120_000]);
    expect(told).toContainEqual(["h", false, "rebalance", null]);
  });

  test("keeps silent about maintenance and about a node that is drained", () => {
    const { tell, sent } = aTeller();
    tell([notice("n1", { kind: "maintenance" }), notice("n1", { id: "done", drained: true })]);
    expect(sent).toEqual([]);
  });

  test("tries again what could not be sent", () => {
    const { tell, sent, state } = aTeller({ connected: false });
    tell([notice("n1")]);
    expect(sent).toEqual([]);
    state.connected = true;
    tell([notice("n1")]);
    expect(sent).toHaveLength(2);
  });

  test("names each pod once where many nodes of its gang go at once, and none of those that go", () => {
    const { tell, sent } = aTeller();
    const gang = Array.from({ length: 1_000 }, (_, index) => member(`w${index}`, `n${index}`));
    const going = Array.from({ length: 200 }, (_, index) =>
      notice(`n${index}`, { id: `i${index}`, deadline: epochMs(NOW + 120_000 - index) }),
    );
    for (let cycle = 0; cycle < 3; cycle++) tell(going, gang);
    expect(sent).toHaveLength(800);
    const ids = sent.map(({ subject, data }) => {
      const decoded = decode("tell", subject, data);
      return decoded.kind === "message" ? decoded.message.id : decoded;
    });
    // The one whose time is up first.
    expect(new Set(ids)).toEqual(new Set(["i199"]));
    tell([...going, notice("n500", { id: "later" })], gang);
    expect(sent).toHaveLength(1_599);
  });

  test("says of a real notice rather than of the drill beside it", () => {
    const { tell, sent } = aTeller();
    tell([notice("n1", { id: "drill", source: "drill", deadline: NOW }), notice("n2", { id: "real" })]);
    const [first] = sent;
    const decoded = first === undefined ? null : decode("tell", first.subject, first.data);
    expect(decoded).toMatchObject({ message: { id: "real", drill: false, node: "n3.example" } });
    expect(sent).toHaveLength(1);
  });

  test("passes over a node whose name no agent could have", () => {
    const { tell, sent } = aTeller();
    tell([notice("n1")], [member("w0", "n1"), member("x", "Not_a.Name"), member("w1", "n2")]);
    expect(sent.map(({ subject }) => subject)).toEqual([subjectFor("tell", "n2")]);
  });
});
