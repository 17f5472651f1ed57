import { afterEach, describe, expect, test } from "vitest";

import { createFakeClock, settle } from "../../../test/build/clock.ts";
import type { FakeClock } from "../../../test/build/clock.ts";
import { clientFor } from "../../../test/build/kube-client.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import type { ScriptedReply, ScriptedRequest, ScriptedServer } from "../../../test/build/scripted-server.ts";
import type { Lease } from "../../model/kube.ts";
import { millis } from "../../model/units.ts";
import { AppError } from "../errors.ts";
import { createLeaderElection } from "./lease.ts";
import type { Leadership } from "./lease.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface LeaseServer {
  readonly server: ScriptedServer;
  lease: Lease | null;
  /** Answers first if it returns true. */
  special: (request: ScriptedRequest, reply: ScriptedReply) => boolean;
  /** Somebody writes: the version moves. */
  set(spec: Lease["spec"]): void;
}

/** One Lease with an API server's compare-and-set. */
async function startLeaseServer(): Promise<LeaseServer> {
  let version = 100;
  const store = (lease: Lease): Lease => ({
    ...lease,
    metadata: { ...lease.metadata, resourceVersion: String(++version) },
  });
  const server = await startScriptedServer((request, reply) => {
    if (state.special(request, reply)) return;
    const body = request.body as Lease;
    const refuse = (code: number, reason: string): void => {
      reply.json(code, { kind: "Status", code, reason, message: reason });
    };
    if (request.method === "POST") {
      if (state.lease !== null) {
        refuse(409, "AlreadyExists");
        return;
      }
    } else if (state.lease === null) {
      refuse(404, "NotFound");
      return;
    } else if (
      request.method === "PUT" &&
      body.metadata.resourceVersion !== state.lease.metadata.resourceVersion
    ) {
      refuse(409, "Conflict");
      return;
    }
    if (request.method !== "GET") state.lease = store(body);
    reply.json(200, state.lease);
  });
  cleanups.push(async () => await server[Symbol.asyncDispose]());
  const state: LeaseServer = {
    server,
    lease: null,
    special: () => false,
    set: (spec) => {
      state.lease = store({
        metadata: { namespace: "ns", name: "l" },
        ...(spec === undefined ? {} : { spec }),
      });
    },
  };
  return state;
}

const common = { namespace: "ns", name: "l", random: () => 0, log: { info: () => {}, warn: () => {} } };
const times = { leaseMs: millis(10_000), renewMs: millis(7000), retryMs: millis(1500) };

interface Reign {
  readonly leadership: Leadership;
  readonly signal: AbortSignal;
  /** Lets `lead` return. */
  finish(): void;
}

interface Candidate {
  readonly clock: FakeClock;
  /** The n-th time (from 1) that this candidate leads. */
  reign(n?: number): Promise<Reign>;
  readonly reigns: number;
  stop(): void;
  readonly ended: Promise<void>;
}

/** A candidate with its own clock, as on its own machine. `lead` returns when it is stopped, or by finish(). */
function stand(state: LeaseServer, identity: string, clock = createFakeClock()): Candidate {
  const client = clientFor(state.server.url, clock);
  const controller = new AbortController();
  const reigns: Reign[] = [];
  const waiting = new Set<() => void>();
  const election = createLeaderElection({ ...common, ...times, client, identity, clock });
  const ended = election.run(controller.signal, async (signal, leadership) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => {
      resolve();
    });
    reigns.push({ leadership, signal, finish: resolve });
    for (const wake of waiting) wake();
    await promise;
  });
  cleanups.push(async () => {
    controller.abort();
    await ended;
    client.close();
  });
  return {
    clock,
    reign: async (n = 1) => {
      for (;;) {
        const reign = reigns[n - 1];
        if (reign !== undefined) return reign;
        await new Promise<void>((resolve) => {
          waiting.add(resolve);
        });
      }
    },
    get reigns() {
      return reigns.length;
    },
    stop: () => {
      controller.abort(new Error("stopping"));
    },
    ended,
  };
}

/** Waits for the leader's pause between two renewals and lets it pass. */
async function nextTry({ clock }: Candidate): Promise<void> {
  await clock.untilSleeping(1500);
  await clock.advance(1500);
}

/** The others look twice as often; the last look falls on the end of the lease, a third of a pause after another. */
async function nextLook({ clock }: Candidate): Promise<void> {
  await Promise.race([clock.untilSleeping(750), clock.untilSleeping(250)]);
  await clock.advance(clock.sleeping(250) > 0 ? 250 : 750);
}

/** A candidate's looks until it has seen `ms` of its own time pass. */
async function keepTrying(candidate: Candidate, ms: number): Promise<void> {
  const until = candidate.clock.monotonic() + ms;
  while (candidate.clock.monotonic() < until) await nextLook(candidate);
}

describe("createLeaderElection()", () => {
  test("takes a lease that is not there, as term 1", async () => {
    const state = await startLeaseServer();
    const { leadership } = await stand(state, "a").reign();
    expect(leadership.term).toBe(1);
    expect(leadership.predecessor).toEqual({ kind: "none" });
    expect(state.lease?.spec).toEqual({
      holderIdentity: "a",
      leaseDurationSeconds: 10,
      acquireTime: "2026-01-01T00:00:00.000000Z",
      renewTime: "2026-01-01T00:00:00.000000Z",
      leaseTransitions: 1,
    });
  });

  test("renews while it leads, and says for how long it may act", async () => {
    const state = await startLeaseServer();
    const candidate = stand(state, "a");
    const { leadership } = await candidate.reign();
    expect(leadership.validForMs()).toBe(10_000);
    await candidate.clock.untilSleeping(1500);
    await candidate.clock.advance(1000);
    expect(leadership.validForMs()).toBe(9000);
    await candidate.clock.advance(500);
    await state.server.received("PUT");
    await candidate.clock.untilSleeping(1500);
    expect(leadership.validForMs()).toBe(10_000);
    expect(state.lease?.spec).toMatchObject({
      renewTime: "2026-01-01T00:00:01.500000Z",
      leaseTransitions: 1,
    });
  });

  test("leaves a lease alone that is renewed, however old its wall-clock times look", async () => {
    const state = await startLeaseServer();
    const spec = {
      holderIdentity: "b",
      leaseDurationSeconds: 10,
      renewTime: "2001-01-01T00:00:00.000000Z",
      leaseTransitions: 4,
    };
    state.set(spec);
    const candidate = stand(state, "a");
    for (let renewal = 0; renewal < 4; renewal++) {
      await keepTrying(candidate, 9000);
      state.set(spec);
    }
    expect(candidate.reigns).toBe(0);
    await candidate.clock.untilSleeping(750);
  });

  test("takes a lease that has not changed for its whole length, as the next term", async () => {
    const state = await startLeaseServer();
    state.set({
      holderIdentity: "b",
      leaseDurationSeconds: 10,
      renewTime: "2099-01-01T00:00:00.000000Z",
      leaseTransitions: 4,
    });
    const candidate = stand(state, "a");
    await keepTrying(candidate, 9000);
    expect(candidate.reigns).toBe(0);
    await keepTrying(candidate, 1000);
    expect((await candidate.reign()).leadership.term).toBe(5);
    expect(state.lease?.spec).toMatchObject({ holderIdentity: "a", leaseTransitions: 5 });
  });

  test("believes the length that the holder wrote, not its own", async () => {
    const state = await startLeaseServer();
    state.set({ holderIdentity: "b", leaseDurationSeconds: 30, leaseTransitions: 1 });
    const candidate = stand(state, "a");
    await keepTrying(candidate, 27_000);
    expect(candidate.reigns).toBe(0);
    await keepTrying(candidate, 3000);
    await candidate.reign();
  });

  test("gives the lease back when it is stopped, after its work has ended, and the next one need not wait", async () => {
    const state = await startLeaseServer();
    const first = stand(state, "a");
    await first.reign();
    const second = stand(state, "b");
    await second.clock.untilSleeping(750);
    first.stop();
    await first.ended;
    expect(state.lease?.spec).toMatchObject({ holderIdentity: "", leaseTransitions: 1 });
    await nextLook(second);
    const { leadership } = await second.reign();
    expect(leadership.term).toBe(2);
    expect(leadership.predecessor).toEqual({ kind: "gave-back" });
  });

  test("gives the lease back and ends when the work returns by itself", async () => {
    const state = await startLeaseServer();
    const candidate = stand(state, "a");
    (await candidate.reign()).finish();
    await candidate.ended;
    expect(state.lease?.spec?.holderIdentity).toBe("");
  });

  test("passes on what the work throws, after giving the lease back", async () => {
    const state = await startLeaseServer();
    const clock = createFakeClock();
    const client = clientFor(state.server.url, clock);
    const election = createLeaderElection({ ...common, ...times, client, identity: "a", clock });
    const run = election.run(
      new AbortController().signal,
      async () => await Promise.reject(new Error("work broke")),
    );
    await expect(run).rejects.toThrow("work broke");
    expect(state.lease?.spec?.holderIdentity).toBe("");
    client.close();
  });

  test("steps down at once when somebody else holds the lease, and stands again", async () => {
    const state = await startLeaseServer();
    const candidate = stand(state, "a");
    const { leadership, signal } = await candidate.reign();
    state.set({ holderIdentity: "b", leaseDurationSeconds: 10, leaseTransitions: 2 });
    await candidate.clock.untilSleeping(1500);
    await candidate.clock.advance(1500);
    await aborted(signal);
    expect(leadership.validForMs()).toBe(0);
    expect(signal.reason).toMatchObject({ kind: "conflict", message: "lost the lease ns/l of term 1" });
    expect(state.lease?.spec?.holderIdentity).toBe("b");
    await keepTrying(candidate, 10_000);
    expect((await candidate.reign(2)).leadership.term).toBe(3);
  });

  test("steps down when the lease was deleted", async () => {
    const state = await startLeaseServer();
    const candidate = stand(state, "a");
    const { signal } = await candidate.reign();
    state.lease = null;
    await candidate.clock.untilSleeping(1500);
    await candidate.clock.advance(1500);
    await aborted(signal);
  });

  test("stays leader when somebody only annotates the lease", async () => {
    const state = await startLeaseServer();
    const candidate = stand(state, "a");
    const { signal } = await candidate.reign();
    state.set(state.lease?.spec);
    await candidate.clock.untilSleeping(1500);
    await candidate.clock.advance(1500);
    await state.server.received("PUT", 2); // the refused one and the one over the new version
    await candidate.clock.untilSleeping(1500);
    expect(signal.aborted).toBe(false);
    expect(state.lease?.spec).toMatchObject({ holderIdentity: "a", leaseTransitions: 1 });
  });

  test("stays leader when the answer to a renewal was lost on the way", async () => {
    const state = await startLeaseServer();
    const candidate = stand(state, "a");
    const { signal } = await candidate.reign();
    let lost = 0;
    state.special = (request, reply) => {
      if (request.method !== "PUT" || lost > 0) return false;
      lost++;
      state.set((request.body as Lease).spec);
      reply.json(504, { kind: "Status", code: 504, reason: "Timeout", message: "gave up" });
      return true;
    };
    await candidate.clock.untilSleeping(1500);
    await candidate.clock.advance(1500);
    await state.server.received("PUT", 1);
    await nextTry(candidate);
    await state.server.received("PUT", 3);
    await candidate.clock.untilSleeping(1500);
    expect(signal.aborted).toBe(false);
    expect(state.lease?.spec?.holderIdentity).toBe("a");
  });

  test("steps down when it could not renew in time, before anybody else may take over", async () => {
    const state = await startLeaseServer();
    const candidate = stand(state, "a");
    const { leadership, signal } = await candidate.reign();
    let validWhenLost = -1;
    signal.addEventListener("abort", () => {
      validWhenLost = 10_000 - candidate.clock.monotonic();
    });
    state.special = (_, reply) => {
      reply.json(503, { kind: "Status", code: 503, reason: "ServiceUnavailable", message: "down" });
      return true;
    };
    // Tries at 1.5, 3, 4.5, 6 s, and the last pause ends with the time to renew.
    for (let attempt = 0; attempt < 4; attempt++) await nextTry(candidate);
    expect(signal.aborted).toBe(false);
    expect(leadership.validForMs()).toBe(4000);
    await candidate.clock.untilSleeping(1000);
    await candidate.clock.advance(1000);
    await aborted(signal);
    expect(validWhenLost).toBe(3000);
    state.special = () => false;
  });

  test("gives the last try to renew no more time than is left, however many requests it takes", async () => {
    const state = await startLeaseServer();
    const candidate = stand(state, "a");
    const { signal } = await candidate.reign();
    // The first renewal is refused three seconds later, as it is when somebody annotates the lease, and the reading
    // that follows hangs, as does all that comes after it.
    let refuse: (() => void) | null = null;
    state.special = (request, reply) => {
      const conflict = { kind: "Status", code: 409, reason: "Conflict", message: "changed" };
      if (request.method === "PUT" && refuse === null) refuse = () => reply.json(409, conflict);
      return true;
    };
    let lostAtMs = -1;
    signal.addEventListener("abort", () => {
      lostAtMs = candidate.clock.monotonic();
    });
    await candidate.clock.untilSleeping(1500);
    await candidate.clock.advance(1500);
    await state.server.received("PUT");
    await candidate.clock.advance(3000);
    (refuse as (() => void) | null)?.();
    await state.server.received("GET", 2);
    while (!signal.aborted) await candidate.clock.advance(100);
    expect(lostAtMs).toBe(7_000);
    state.special = () => false;
  });

  test("resigns when it is told to, gives the lease back, and leaves others the turn", async () => {
    const state = await startLeaseServer();
    const candidate = stand(state, "a");
    const { leadership, signal } = await candidate.reign();
    leadership.resign(new AppError("conflict", "policy p is led by b (term 3), ours was 2"));
    expect(signal.aborted).toBe(true);
    expect(leadership.validForMs()).toBe(0);
    await state.server.received("PUT");
    await candidate.clock.untilSleeping(1500);
    expect(state.lease?.spec?.holderIdentity).toBe("");
    expect(candidate.reigns).toBe(1);
    await candidate.clock.advance(1500);
    const again = await candidate.reign(2);
    expect(again.leadership.term).toBe(2);
    expect(again.leadership.predecessor).toEqual({ kind: "gave-back" });
  });

  test("one of two candidates leads, never both, and the other takes over when the first falls silent", async () => {
    const state = await startLeaseServer();
    const first = stand(state, "a");
    const { leadership } = await first.reign();
    // The wall clocks of the two are an hour apart, which must not matter.
    const second = stand(state, "b", createFakeClock(Date.UTC(2026, 0, 1, 1)));
    await keepTrying(second, 9000);
    expect(second.reigns).toBe(0);
    // The first one's time stands still: as when its machine is paused.
    await keepTrying(second, 1000);
    const taken = await second.reign();
    expect([leadership.term, taken.leadership.term]).toEqual([1, 2]);
    expect(taken.leadership.predecessor).toEqual({ kind: "silent", identity: "a", lastSeenMs: 0 });
    expect(taken.leadership.sinceMs).toBe(10_000);
    // It wakes up, tries to renew, and learns that it is over.
    await nextTry(first);
    await aborted((await first.reign()).signal);
    expect(taken.signal.aborted).toBe(false);
  });

  test("refuses times that cannot keep two leaders apart", async () => {
    const state = await startLeaseServer();
    const clock = createFakeClock();
    const client = clientFor(state.server.url, clock);
    expect(() =>
      createLeaderElection({ ...common, ...times, leaseMs: millis(7000), client, identity: "a", clock }),
    ).toThrow("retry < renew < lease must hold, got retry 1500 ms, renew 7000 ms, lease 7000 ms");
    client.close();
  });
});

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) {
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => {
        resolve();
      });
    });
  }
  await settle();
}
