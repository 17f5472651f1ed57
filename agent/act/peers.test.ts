import { describe, expect, test } from "vitest";

import { encode } from "../../shared/contract/codec.ts";
import type { PeerMessage } from "../../shared/contract/peer.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { SUBJECT_ROOT } from "../../shared/model/names.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import type { HookOccasion, HookTarget } from "./hooks/hooks.ts";
import { hearPeers } from "./peers.ts";

const NOW = epochMs(1_000_000);
const message: PeerMessage = {
  v: 1,
  node: "gpu-1",
  id: "aws-i-7",
  interrupted: "gpu-2",
  kind: "termination",
  drill: false,
  deadline: NOW + 120_000,
  pods: ["team/train-1", "team/elsewhere"],
};

const target = (name: string): HookTarget => ({
  namespace: "team",
  name,
  uid: name,
  class: "high",
  hook: { kind: "http", address: "10.0.0.1", port: 8080, path: "/save", timeoutMs: millis(60_000) },
});

/** What the agent of gpu-1 does about these messages on its subject. */
async function hear(...data: readonly Uint8Array[]) {
  const calls: { readonly pod: string; readonly occasion: HookOccasion; readonly by: number }[] = [];
  const said: string[] = [];
  await hearPeers({
    nats: {
      subscribe: async function* (subject) {
        for (const one of data) yield { subject, data: one };
      },
    },
    node: "gpu-1",
    subjectRoot: SUBJECT_ROOT,
    hooks: { call: ({ name }, occasion, by) => calls.push({ pod: name, occasion, by }) },
    targets: () => [target("train-1"), target("other")],
    now: () => NOW,
    onTold: ({ id }, pods) => said.push(`${id}: ${pods}`),
    onRefused: (code) => said.push(code),
    signal: new AbortController().signal,
  });
  return { calls, said };
}

describe("hearPeers()", () => {
  test("calls the hooks of the pods that are named and here, and of no others", async () => {
    const { calls, said } = await hear(encode<"tell">(message));
    expect(calls).toEqual([
      {
        pod: "train-1",
        by: NOW + 120_000,
        occasion: {
          eventId: "aws-i-7",
          kind: "termination",
          deadline: NOW + 120_000,
          drill: false,
          peerInterrupted: true,
        },
      },
    ]);
    expect(said).toEqual(["aws-i-7: 1"]);
  });

  test("refuses what is for another node or is no word that it knows, and hears the next one", async () => {
    const { calls, said } = await hear(
      encode<"tell">({ ...message, node: "gpu-9" }),
      new TextEncoder().encode("{"),
      encode<"tell">(message),
    );
    expect(said).toEqual(["wrong-sender", "not-json", "aws-i-7: 1"]);
    expect(calls).toHaveLength(1);
  });

  test("an agent's subject is its own", () => {
    expect(subjectFor("tell", "gpu-1.a")).toBe("gpuas.v1.tell.gpu-1_a");
  });
});
