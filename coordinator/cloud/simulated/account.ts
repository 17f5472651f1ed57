// The back end `simulated`: groups of the simulated cloud that tests, replay and the demo run. It speaks our own
// protocol (protocol.ts) and keeps the contract of every back end; no bill ever follows from it.

import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { HttpRequest, HttpResponse } from "../../../shared/runtime/kube/transport.ts";
import { createTransport } from "../../../shared/runtime/kube/transport.ts";
import type { CloudAccount, GroupLook } from "../account.ts";
import { createBatchedReads, seenOf } from "../batch.ts";
import { checkFall, checkGrowth, maybeDone } from "../group.ts";
import type { CallOptions, GroupState, NodeGroup } from "../group.ts";
import type { Limiter } from "../limiter.ts";
import { within } from "../within.ts";
import { createFirstSeen, lookOf } from "./look.ts";
import { MAX_BYTES, MAX_NAMES, groupsAnswer } from "./protocol.ts";
import type { WriteName } from "./protocol.ts";
import { bodyOf } from "./refusals.ts";

export interface SimulatedAccountOptions {
  readonly url: string;
  readonly clock: Clock;
  /** Paces the calls. Without one they are sent as they come. */
  readonly limiter?: Pick<Limiter, "run">;
  /** A write to this group has been sent, or may have been: what was read before is old. */
  readonly onWritten?: (group: string) => void;
}

/** As many groups as are sized in one cycle must not queue for a connection. */
const MAX_SOCKETS = 128;

/** As metrics and the limiter know the writes; the read is GetGroups. */
const CALL_NAMES: Readonly<Record<WriteName, string>> = {
  desired: "SetDesired",
  remove: "RemoveInstance",
  release: "ReleaseInstance",
  cancel: "CancelUnfilled",
};

export interface SimulatedAccount extends CloudAccount {
  /** Closes every connection. */
  close(): void;
}

/** One call: its name for the limiter, and what completes "cannot …". */
interface Call {
  readonly name: string;
  readonly what: string;
}

export function createSimulatedAccount(options: SimulatedAccountOptions): SimulatedAccount {
  const { clock, limiter } = options;
  const server = new URL(options.url);
  const transport = createTransport({
    config: { server, namespace: "", token: async () => await Promise.resolve(null) },
    clock,
    userAgent: "gpu-autoscaler-coordinator",
    maxBytes: MAX_BYTES,
    maxSockets: MAX_SOCKETS,
  });
  const firstSeen = createFirstSeen(() => clock.now());
  const reads = createBatchedReads(look, { clock, maxBatch: MAX_NAMES });

  async function send(
    { name, what }: Call,
    request: Pick<HttpRequest, "method" | "path" | "json" | "repeatable">,
    { signal, deadlineMs }: CallOptions,
  ): Promise<unknown> {
    const once = async (ends: AbortSignal): Promise<HttpResponse> =>
      await transport.call({ ...request, what, token: null }, { deadlineMs, signal: ends });
    const limits = { signal, deadlineMs };
    // Inside: a refusal has to be an error there too, so that a throttled account rests.
    const run = async (ends: AbortSignal): Promise<unknown> => bodyOf(what, await once(ends));
    return await (limiter === undefined ? within(clock, limits, what, run) : limiter.run(name, limits, run));
  }

  async function look(keys: readonly string[], limits: CallOptions): Promise<ReadonlyMap<string, GroupLook>> {
    const looks = new Map<string, GroupLook>();
    for (const names of chunksOf([...new Set(keys)], MAX_NAMES)) {
      const query = new URLSearchParams(names.map((name): [string, string] => ["name", name]));
      const what = `read ${names.length === 1 ? `simulated group ${names[0]}` : `${names.length} simulated groups`}`;
      const path = `/groups?${query.toString()}`;
      const body = await send({ name: "GetGroups", what }, { method: "GET", path, repeatable: true }, limits);
      const answer = groupsAnswer.safeParse(body);
      if (!answer.success)
        throw new AppError("malformed", `cannot ${what}: the answer has no groups`, { cause: answer.error });
      const shown = new Map(Object.entries(answer.data.groups));
      for (const name of names) looks.set(name, lookOf(name, shown.get(name), firstSeen.of(name)));
    }
    return looks;
  }

  function group(key: string): NodeGroup {
    const words = `simulated group ${key}`;

    async function write(
      action: WriteName,
      what: string,
      parameters: object,
      seen: GroupState,
      limits: CallOptions,
    ): Promise<void> {
      const path = `/groups/${encodeURIComponent(key)}/${action}`;
      const json = { ...parameters, version: versionOf(words, seen) };
      try {
        await send(
          { name: CALL_NAMES[action], what },
          { method: "POST", path, json, repeatable: false },
          limits,
        );
      } catch (error) {
        throw maybeDone(error);
      } finally {
        options.onWritten?.(key);
      }
    }

    return {
      backEnd: "simulated",
      chosenRemoval: true,
      conditional: true,
      read: async (limits) => seenOf(await reads.read(key, limits)).state,
      resize: async (to, seen, limits) => {
        checkGrowth(words, to, seen);
        await write("desired", `size ${words} to ${to}`, { to }, seen, limits);
      },
      removeInstance: async (id, seen, limits) => {
        checkFall(words, 1, seen);
        await write("remove", `remove ${id} from ${words}`, { instance: id }, seen, limits);
      },
      releaseInstance: async (id, seen, limits) => {
        checkFall(words, 1, seen);
        await write("release", `release ${id} from ${words}`, { instance: id }, seen, limits);
      },
      cancelUnfilled: async (count, seen, limits) => {
        checkFall(words, count, seen);
        await write("cancel", `cancel ${count} open places of ${words}`, { count }, seen, limits);
      },
      // A removal is one call that happens or does not, so that none leaves anything behind.
      keepInstance: async () => {},
      contains: async (id, limits) => {
        const seen = await reads.read(key, limits);
        if (seen.kind === "missing") return false;
        return seenOf(seen).members.some((member) => member.id === id && member.state !== "leaving");
      },
    };
  }

  return {
    backEnd: "simulated",
    name: `simulated ${server.host}`,
    look,
    group,
    close: () => transport.close(),
  };
}

function versionOf(words: string, { version }: GroupState): string {
  if (version === null) throw new AppError("bug", `${words}: a write without the version that was read`);
  return version;
}

function chunksOf<V>(values: readonly V[], size: number): readonly (readonly V[])[] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, at) =>
    values.slice(at * size, (at + 1) * size),
  );
}
