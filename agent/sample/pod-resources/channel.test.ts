import { link, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { describe as describeError, kindOf } from "../../../shared/runtime/errors.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import type { FakeClock } from "../../../test/build/clock.ts";
import { encodeList, frame, startFakeKubelet } from "../../../test/build/kubelet.ts";
import type { FakeKubelet, KubeletAnswer, KubeletPod } from "../../../test/build/kubelet.ts";
import { createPodResourcesChannel, LIST_DEADLINE_MS, PING_DEADLINE_MS } from "./channel.ts";
import type { PodResourcesChannel } from "./channel.ts";
import { decodeListResponse } from "./decode.ts";
import { ANSWER_BYTES_MAX } from "./frame.ts";

const POD: KubeletPod = {
  namespace: "team-a",
  name: "train-0",
  containers: [{ name: "trainer", devices: { "nvidia.com/gpu": ["GPU-0"] } }],
};
const never = new AbortController().signal;

let kubelet: FakeKubelet;
let clock: FakeClock;
let channel: PodResourcesChannel;

beforeEach(async () => {
  kubelet = await startFakeKubelet([POD]);
  clock = createFakeClock();
  channel = createPodResourcesChannel(kubelet.socket, clock);
});
afterEach(async () => {
  channel.close();
  await kubelet[Symbol.asyncDispose]();
});

const list = async (): Promise<readonly string[]> =>
  decodeListResponse(await channel.list(never)).map(({ pod, device }) => `${pod} ${device}`);

/** "KIND: MESSAGE" of a call that must fail. */
async function failure(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "none";
  } catch (error) {
    return `${kindOf(error)}: ${describeError(error)}`;
  }
}

describe("the channel to the kubelet", () => {
  test("asks as gRPC does, for nothing in particular", async () => {
    expect(await list()).toEqual(["train-0 GPU-0"]);
    const { path, headers, body } = kubelet.lastCall;
    expect(path).toBe("/v1.PodResourcesLister/List");
    expect(headers).toMatchObject({
      ":method": "POST",
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-timeout": "5000m",
    });
    expect([...body]).toEqual([0, 0, 0, 0, 0]);
  });

  test("keeps one session for all calls and pings it before each later one", async () => {
    for (let call = 0; call < 4; call++) await list();
    expect({ sessions: kubelet.sessions, pings: kubelet.pings }).toEqual({ sessions: 1, pings: 3 });
    expect(clock.sleeping()).toBe(0);
  });

  test("reads a node with 110 pods, and one with no devices at all", async () => {
    const pods = Array.from({ length: 110 }, (_, index) => ({ ...POD, name: `pod-${index}` }));
    kubelet.answer({ kind: "pods", pods });
    expect(await list()).toHaveLength(110);
    kubelet.answer({ kind: "pods", pods: [] });
    expect(await list()).toEqual([]);
  });

  test("goes on with a kubelet that has started anew in the same place", async () => {
    await list();
    await kubelet.stop();
    await expect(list()).rejects.toMatchObject({ kind: "not-found" });
    await kubelet.start();
    expect(await list()).toEqual(["train-0 GPU-0"]);
    expect(kubelet.sessions).toBe(2);
  });

  test("leaves a session that still works when another socket lies in the place of its own", async () => {
    await list();
    await using other = await startFakeKubelet([{ ...POD, name: "train-9" }]);
    await rename(other.socket, kubelet.socket);
    expect(await list()).toEqual(["train-9 GPU-0"]);
    expect([kubelet.lists, other.lists]).toEqual([1, 1]);
  });

  test("opens another session when the kubelet says that it takes no more calls on this one", async () => {
    await list();
    kubelet.goAway();
    // The word may arrive before the next call, or only while it is under way.
    await list().catch(() => []);
    expect(await list()).toEqual(["train-0 GPU-0"]);
    expect(kubelet.sessions).toBeGreaterThan(1);
  });

  test("gives a stalled kubelet 5 s, and the next call a session of its own", async () => {
    kubelet.answer({ kind: "stall" });
    const call = failure(list());
    await kubelet.listed(1);
    await clock.advance(LIST_DEADLINE_MS);
    expect(await call).toBe("timeout: the kubelet has not answered within 5 s");
    kubelet.answer({ kind: "pods", pods: [POD] });
    expect(await list()).toEqual(["train-0 GPU-0"]);
    expect(kubelet.sessions).toBe(2);
  });

  test("ends a call with the signal's reason", async () => {
    kubelet.answer({ kind: "stall" });
    const stop = new AbortController();
    const call = failure(channel.list(stop.signal));
    await kubelet.listed(1);
    stop.abort(new Error("stopping"));
    expect(await call).toBe("bug: stopping");
    expect(clock.sleeping()).toBe(0);
    await expect(channel.list(stop.signal)).rejects.toThrow("stopping");
  });

  const body = frame(encodeList([POD]));
  const compressed = Uint8Array.from(body);
  compressed[0] = 1;
  test.each<[string, KubeletAnswer, string, string]>([
    [
      "a rate limit",
      { kind: "status", code: 8, message: "rejected by rate limit" },
      "throttled",
      "by rate limit",
    ],
    ["a status in the head", { kind: "status", code: 8, message: "a b", headOnly: true }, "throttled", "a b"],
    [
      "a service that it does not have",
      { kind: "status", code: 12, message: "no List" },
      "refused",
      "no List",
    ],
    ["no permission", { kind: "status", code: 7, message: "go away" }, "denied", "go away"],
    ["a trouble of its own", { kind: "status", code: 13, message: "" }, "unavailable", "status 13"],
    ["HTTP's refusal", { kind: "http", status: 404 }, "unavailable", "HTTP status 404"],
    ["a broken connection", { kind: "cut" }, "unavailable", ""],
    ["no message", { kind: "body", body: new Uint8Array() }, "malformed", "ends after 0 bytes"],
    ["half a frame", { kind: "body", body: body.subarray(0, 3) }, "malformed", "ends after 3 bytes"],
    ["a message that is cut off", { kind: "body", body: body.subarray(0, 20) }, "malformed", "and is 15"],
    ["two messages", { kind: "body", body: Buffer.concat([body, body]) }, "malformed", "bytes long"],
    ["a compressed message", { kind: "body", body: compressed }, "malformed", "marked with 1"],
  ])("names %s, and the next call succeeds", async (_, answer, kind, words) => {
    kubelet.answer(answer);
    const found = await failure(list());
    expect(found).toContain(`${kind}: `);
    expect(found).toContain(words);
    kubelet.answer({ kind: "pods", pods: [POD] });
    expect(await list()).toEqual(["train-0 GPU-0"]);
    expect(clock.sleeping()).toBe(0);
  });

  test("takes an answer of exactly 4 MiB and refuses a larger one", async () => {
    // Field 15, which nobody knows, with a length of four bytes: the message is read and passed over.
    const filled = (bytes: number): Uint8Array => {
      const message = Buffer.alloc(bytes);
      const length = bytes - 5;
      message[0] = 0x7a;
      for (let at = 0; at < 4; at++) message[1 + at] = ((length >> (7 * at)) & 0x7f) | (at < 3 ? 0x80 : 0);
      return frame(message);
    };
    kubelet.answer({ kind: "body", body: filled(2 ** 22 - 5) });
    expect(await list()).toEqual([]);
    kubelet.answer({ kind: "body", body: filled(2 ** 22 - 4) });
    expect(await failure(list())).toBe(`malformed: the answer is larger than ${ANSWER_BYTES_MAX} bytes`);
  });

  test("says when there is no socket, when something else lies there, and when nobody listens", async () => {
    const folder = await mkdtemp(join(tmpdir(), "gpu-autoscaler-socket-"));
    const at = async (path: string): Promise<Uint8Array> =>
      await createPodResourcesChannel(path, clock).list(never);
    await expect(at(join(folder, "none"))).rejects.toMatchObject({ kind: "not-found" });
    await writeFile(join(folder, "file"), "");
    await expect(at(join(folder, "file"))).rejects.toMatchObject({ kind: "bad-input" });
    // A kubelet that was killed leaves its socket behind.
    await link(kubelet.socket, join(folder, "left"));
    await kubelet.stop();
    await expect(at(join(folder, "left"))).rejects.toMatchObject({
      kind: "unavailable",
      message: `cannot talk to the kubelet at ${join(folder, "left")}`,
    });
    await rm(folder, { recursive: true });
  });

  test("leaves a session that does not answer a ping within a second", async () => {
    await list();
    kubelet.freeze();
    const call = list();
    await clock.untilSleeping(PING_DEADLINE_MS);
    await clock.advance(PING_DEADLINE_MS);
    expect(await call).toEqual(["train-0 GPU-0"]);
    expect(kubelet.sessions).toBe(2);
  });
});
