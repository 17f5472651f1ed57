// The example as a pod runs it: plain Python, told by the agent's own code.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";

import { callPod } from "../../../agent/act/hooks/exchange.ts";
import type { HookReply } from "../../../agent/act/hooks/exchange.ts";
import type { HookOccasion, HookTarget } from "../../../agent/act/hooks/hooks.ts";
import { createHooks } from "../../../agent/act/hooks/telling.ts";
import type { Checkpoint } from "../../../shared/contract/checkpoint.ts";
import { checkpointHookOf } from "../../../shared/model/checkpoint-hook.ts";
import type { Pod } from "../../../shared/model/kube.ts";
import { evictionClass } from "../../../shared/model/pod.ts";
import { after, millis } from "../../../shared/model/units.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { createLogSink } from "../../../shared/runtime/log.ts";
import { readEnvironment } from "../../../shared/runtime/settings.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import { eventually } from "../../../test/build/eventually.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));

interface Said {
  readonly event: string;
  readonly step: number | null;
  readonly port?: number;
  readonly uri?: string;
  readonly kind?: string | null;
}

interface Training {
  readonly port: number;
  readonly firstStep: number;
  readonly said: readonly Said[];
  /** SIGTERM; resolves with the exit code. */
  terminate(): Promise<number | null>;
  kill(): Promise<unknown>;
}

let states: string;
const living = new Set<ChildProcess>();
beforeEach(async () => {
  states = await mkdtemp(join(tmpdir(), "checkpoint-"));
});
afterEach(async () => {
  for (const child of living) {
    child.kill("SIGKILL");
    await once(child, "close");
  }
  await rm(states, { recursive: true });
});

/** The loop, which saves only when it is asked, as a process of its own; without what else is installed, so as a toy. */
async function train(...flags: readonly string[]): Promise<Training> {
  const own = ["--host", "127.0.0.1", "--port", "0", "--save-every", "0", "--step-seconds", "0.005"];
  const environment = readEnvironment();
  const child = spawn(
    environment["GPUAS_TOOL_PYTHON"] ?? "python3",
    ["-S", "train.py", "--dir", states, ...own, ...flags],
    {
      cwd: FOLDER,
      stdio: ["ignore", "pipe", "pipe"],
      // No compiled files beside the sources.
      env: { PATH: environment["PATH"], PYTHONDONTWRITEBYTECODE: "1" },
    },
  );
  living.add(child);
  const closed = once(child, "close").then(([code]: unknown[]) => {
    living.delete(child);
    return typeof code === "number" ? code : null;
  });
  const said: Said[] = [];
  let errors = "";
  child.stderr.on("data", (text: Buffer) => {
    errors += text.toString();
  });
  createInterface({ input: child.stdout }).on("line", (line) => said.push(JSON.parse(line) as Said));
  const listening = await eventually(() => said.find(({ event }) => event === "listening"), {
    describe: () => errors,
  });
  return {
    port: listening.port ?? 0,
    firstStep: listening.step ?? 0,
    said,
    terminate: async () => {
      child.kill("SIGTERM");
      return await closed;
    },
    kill: async () => {
      child.kill("SIGKILL");
      return await closed;
    },
  };
}

async function latest(): Promise<{ readonly step: number; readonly file: string } | null> {
  const text = await readFile(join(states, "latest.json"), "utf8").catch(() => null);
  return text === null ? null : (JSON.parse(text) as { step: number; file: string });
}

function occasion(eventId: string, more: Partial<HookOccasion> = {}): HookOccasion {
  const deadline = after(systemClock.now(), millis(120_000));
  return { eventId, kind: "termination", deadline, drill: false, peerInterrupted: false, ...more };
}

function targetAt(port: number): HookTarget {
  const hook = {
    kind: "http",
    address: "127.0.0.1",
    port,
    path: "/checkpoint",
    timeoutMs: millis(60_000),
  } as const;
  return { namespace: "default", name: "train-0", uid: "u1", class: "high", hook };
}

/** One agent's life: tells the pod and waits for what it says. */
async function tell(port: number, of: HookOccasion, clock: Clock = systemClock): Promise<Checkpoint> {
  const stop = new AbortController();
  try {
    return await new Promise((resolve) => {
      const hooks = createHooks({
        http: callPod,
        exec: null,
        onResult: (_target, _occasion, checkpoint) => {
          resolve(checkpoint);
        },
        onChange: () => {},
        clock,
        log: createLogSink().log,
        signal: stop.signal,
      });
      hooks.call(targetAt(port), of, after(clock.now(), millis(60_000)));
    });
  } finally {
    stop.abort();
  }
}

async function send(
  port: number,
  {
    method = "POST",
    path = "/checkpoint",
    body = "{}",
  }: { method?: "POST" | "GET"; path?: string; body?: string },
): Promise<HookReply> {
  const request = {
    method,
    address: "127.0.0.1",
    port,
    path,
    eventId: "e1",
    body: method === "POST" ? body : null,
  };
  return await callPod(request, { signal: AbortSignal.timeout(10_000), onSent: () => {} });
}

describe("train.py", () => {
  test("has saved, marker and all, before it answers", async () => {
    const training = await train("--save-seconds", "0.2");
    expect(await latest()).toBeNull();
    const checkpoint = await tell(training.port, occasion("e1"));
    const marker = await latest();
    expect(checkpoint).toMatchObject({ result: "saved", step: marker?.step });
    expect(checkpoint.detail).toBeUndefined();
    expect(checkpoint.tookMs).toBeGreaterThanOrEqual(200);
    expect(checkpoint.uri).toBe(`file://${join(states, marker?.file ?? "")}`);
    expect(await readdir(states)).toContain(marker?.file);
    expect(training.said.at(-1)).toMatchObject({ event: "saved", kind: "termination" });
  });

  test("saves once for an event that comes twice, as after a restart of the agent, and again for another", async () => {
    const { port, said } = await train();
    const first = await tell(port, occasion("e1"));
    const second = await tell(port, occasion("e1"));
    expect({ ...second, tookMs: 0 }).toEqual({ ...first, tookMs: 0 });
    expect(said.filter(({ event }) => event === "saved")).toHaveLength(1);
    const other = await tell(port, occasion("e2", { kind: "rebalance", deadline: null }));
    expect(other.step).toBeGreaterThan(first.step ?? 0);
    expect(said.at(-1)).toMatchObject({ event: "saved", kind: "rebalance" });
  });

  test("answers every call that came before the save", async () => {
    const { port, said } = await train("--step-seconds", "0.2");
    const both = await Promise.all([tell(port, occasion("e1")), tell(port, occasion("e2"))]);
    expect(both.map(({ result }) => result)).toEqual(["saved", "saved"]);
    expect(said.filter(({ event }) => event === "saved").length).toBeLessThanOrEqual(2);
  });

  test("answers 202 when it is to, and says how far it is when it is asked", async () => {
    const { port, said } = await train("--poll", "--save-seconds", "0.2");
    const clock = createFakeClock(systemClock.now());
    const told = tell(port, occasion("e1"), clock);
    await clock.untilSleeping(2_000);
    await eventually(() => said.some(({ event }) => event === "saved"));
    // The answer is there as soon as it is said; the next look is two seconds on.
    const checkpoint = await eventually(async () => {
      await clock.advance(2_000);
      return await Promise.race([told, Promise.resolve(null)]);
    });
    expect(checkpoint).toMatchObject({ result: "saved", step: (await latest())?.step });
  });

  test("saves on SIGTERM too, ends, and goes on from there", async () => {
    const training = await train();
    await tell(training.port, occasion("e1"));
    const before = await latest();
    expect(await training.terminate()).toBe(0);
    const marker = await latest();
    expect(marker?.step).toBeGreaterThan(before?.step ?? 0);
    expect(training.said.at(-1)).toMatchObject({ event: "ended", step: marker?.step });
    expect((await train()).firstStep).toBe(marker?.step);
  });

  test("goes on from the state that it named, when the node is gone at once", async () => {
    const training = await train();
    const { step } = await tell(training.port, occasion("e1"));
    await training.kill();
    expect((await train()).firstStep).toBe(step);
  });

  test("says that it could not save, and saves when it is asked once more", async () => {
    const training = await train("--save-seconds", "0.1");
    const { port, said } = training;
    await rm(states, { recursive: true });
    const clock = createFakeClock(systemClock.now());
    const told = tell(port, occasion("e1"), clock);
    await eventually(() => said.some(({ event }) => event === "failed"));
    const checkpoint = await eventually(async () => {
      await clock.advance(1_000);
      return await Promise.race([told, Promise.resolve(null)]);
    });
    expect(checkpoint.result).toBe("failed");
    expect(checkpoint.detail).toContain("No such file");
    expect(said.filter(({ event }) => event === "failed")).toHaveLength(2);
    await training.kill();
    states = await mkdtemp(join(tmpdir(), "checkpoint-"));
  });
});

describe("checkpoint_hook.py", () => {
  test.each([
    [404, { path: "/other" }],
    [404, { path: "/other", method: "GET" as const }],
    [404, { method: "GET" as const }],
    [400, { body: "{" }],
    [400, { body: "[1]" }],
    [400, { body: '{"eventId": 5}' }],
    [400, { body: '{"eventId": ""}' }],
  ])("answers %i to %j, and trains on", async (status, request) => {
    const { port } = await train();
    expect(await send(port, request)).toMatchObject({ kind: "answer", status });
    expect(await tell(port, occasion("e1"))).toMatchObject({ result: "saved" });
  });

  test("reads no body that is larger than a call", async () => {
    const { port } = await train();
    const reply = await send(port, { body: JSON.stringify({ eventId: "e1", more: "x".repeat(70_000) }) });
    // The rest of what we send may meet a closed connection.
    if (reply.kind === "answer") expect(reply.status).toBe(413);
    else expect(reply.kind).toBe("broken");
    expect(await tell(port, occasion("e1"))).toMatchObject({ result: "saved" });
  });

  test("saves although nobody waits for the answer any more", async () => {
    const { port, said } = await train("--save-seconds", "0.3");
    const leaving = new AbortController();
    const body = JSON.stringify({ eventId: "e1", kind: "termination" });
    const request = {
      method: "POST",
      address: "127.0.0.1",
      port,
      path: "/checkpoint",
      eventId: "e1",
      body,
    } as const;
    const reply = await callPod(request, {
      signal: leaving.signal,
      onSent: () => {
        leaving.abort();
      },
    });
    expect(reply).toMatchObject({ kind: "ended" });
    // Whether the call arrived before the connection went is not known; that the loop goes on is.
    const again = await tell(port, occasion("e1"));
    expect(again).toMatchObject({ result: "saved", step: (await latest())?.step });
    expect(said.filter(({ event }) => event === "saved")).toHaveLength(1);
  });
});

describe("pod.yaml", () => {
  test("is what the agent reads", async () => {
    const documents = parseAllDocuments(await readFile(join(FOLDER, "pod.yaml"), "utf8"));
    expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
    const objects = documents.map(
      (document) => document.toJS() as { kind: string; spec: { template?: Pick<Pod, "metadata" | "spec"> } },
    );
    expect(objects.map(({ kind }) => kind)).toEqual(["Job", "PersistentVolumeClaim", "NetworkPolicy"]);
    const template = objects[0]?.spec.template;
    if (template === undefined) throw new Error("the Job has no template");
    const pod: Pod = { ...template, status: { podIPs: [{ ip: "10.0.0.5" }] } };
    expect(checkpointHookOf(pod, { exec: false })).toEqual({
      kind: "http",
      address: "10.0.0.5",
      port: pod.spec.containers[0]?.ports?.[0]?.containerPort,
      path: "/checkpoint",
      timeoutMs: 60_000,
    });
    expect(evictionClass(pod)).toEqual({ class: "high", unknown: null });
  });
});
