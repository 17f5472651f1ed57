// The contract of cloud/group.ts on a managed instance group. Machines come by names that we give them and go by their
// names, so that nothing here sets a size; Google refuses no write for being late, so that each is checked against what
// was read a moment before. Which groups there are and how they are read is the account's business.

import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError, kindOf } from "../../../shared/runtime/errors.ts";
import type { BatchedReads } from "../batch.ts";
import { checkFall, checkGrowth, maybeDone } from "../group.ts";
import type { CallOptions, GroupState, NodeGroup } from "../group.ts";
import { withinShared } from "../within.ts";
import type { OperationAnswer } from "./answers.ts";
import type { GcpCall, GcpCalls } from "./calls.ts";
import type { Found } from "./find.ts";
import { memberId, nameIn, openIn } from "./members.ts";
import type { Names } from "./names.ts";
import type { Operations } from "./operations.ts";
import { placeOf, stateOf, wordsOf } from "./reading.ts";
import type { GcpInstance, GcpReading } from "./reading.ts";
import type { Sightings } from "./sightings.ts";
import { isComing, isEmpty } from "./standing.ts";

export interface GcpGroupParts {
  readonly calls: GcpCalls;
  readonly reads: BatchedReads<Found>;
  readonly clock: Clock;
  /** What was read with a state that was given out, so that a write need not ask again. Of the account. */
  readonly behind: WeakMap<GroupState, GcpReading>;
  /** Why no size of it may be written; null when all is well. */
  readonly holdReason: (reading: GcpReading) => string | null;
  readonly operations: Operations;
  readonly names: Names;
  /** Of one reading, asked anew. */
  readonly instancesOf: (
    key: string,
    reading: Pick<GcpReading, "at" | "hasInstances">,
    options: CallOptions,
  ) => Promise<readonly GcpInstance[]>;
  readonly sightings: Pick<Sightings, "isFresh" | "latest" | "written">;
}

export function createGcpGroup(key: string, parts: GcpGroupParts): NodeGroup {
  const { calls, reads, clock, behind, holdReason, operations, names, instancesOf, sightings } = parts;

  async function current(options: CallOptions): Promise<{ reading: GcpReading; state: GroupState }> {
    // The operation first: a size that was read while it ran says nothing of what it did.
    const held = await operations.heldBy(key, options);
    const reading = readingIn(await reads.read(key, options));
    names.seen(key, reading.size);
    const reason = holdReason(reading);
    if (reason !== null) throw new AppError("misconfigured", reason);
    return { reading, state: stateOf(reading, held) };
  }

  async function asSeen(seen: GroupState, options: CallOptions): Promise<GcpReading> {
    const known = behind.get(seen);
    if (known !== undefined) return known;
    const { reading, state } = await current(options);
    // Google refuses no write for being late, but what was just read tells.
    if (reading.size !== seen.size)
      throw new AppError(
        "conflict",
        `${wordsOf(reading.at)} was seen with a size of ${seen.size} and has ${reading.size} by now`,
      );
    if (state.held !== undefined) throw new AppError("refused", state.held);
    return reading;
  }

  /** As whoever has just asked for one of them was told: a burst of notices is many removals of one group in turn. */
  async function instancesNow(reading: GcpReading, options: CallOptions): Promise<readonly GcpInstance[]> {
    return sightings.latest(key) ?? (await instancesOf(key, reading, options));
  }

  /** Sends a write and waits for its operation's end. */
  async function write(
    call: GcpCall,
    left: () => CallOptions,
    send: (options: CallOptions) => Promise<OperationAnswer>,
  ): Promise<void> {
    sightings.written(key);
    let begun: OperationAnswer;
    try {
      begun = await send(left());
    } catch (error) {
      throw maybeDone(error);
    }
    await operations.finish(key, call, begun, left);
  }

  /** All calls of one operation share its time. */
  async function inTime<T>(
    what: string,
    options: CallOptions,
    work: (left: () => CallOptions) => Promise<T>,
  ): Promise<T> {
    return await withinShared(clock, options, `${what} of ${key}`, work);
  }

  async function take(what: string, id: string, seen: GroupState, options: CallOptions): Promise<void> {
    await inTime(what, options, async (left) => {
      const reading = await asSeen(seen, left());
      const { name } = filledIn(reading, await instancesNow(reading, left()), id);
      checkFall(wordsOf(reading.at), 1, seen);
      await write(
        "deleteInstances",
        left,
        async (limits) => await calls.deleteInstances(reading.at, [name], limits),
      );
    });
  }

  return {
    backEnd: "gcp",
    chosenRemoval: true,
    conditional: false,
    read: async (options) => {
      const { reading, state } = await current(options);
      behind.set(state, reading);
      return state;
    },
    resize: async (to, seen, options) => {
      await inTime("growth", options, async (left) => {
        const reading = await asSeen(seen, left());
        checkGrowth(wordsOf(reading.at), to, seen);
        if (to === seen.size) return;
        const fresh = names.of(key, reading.baseName, seen.size, to);
        try {
          await write(
            "createInstances",
            left,
            async (limits) => await calls.createInstances(reading.at, fresh, limits),
          );
          names.settled(key);
        } catch (error) {
          // The same names again, so that what was done all the same is not done twice.
          if (!["timeout", "unavailable"].includes(kindOf(error))) names.settled(key);
          throw error;
        }
      });
    },
    removeInstance: async (id, seen, options) => await take("removal", id, seen, options),
    // Google leaves no machine of its own to run on outside of its group and end there: an abandoned one that is
    // preempted stays, stopped, and costs its disks. So it goes when it is drained or its time is up.
    releaseInstance: async (id, seen, options) => await take("release", id, seen, options),
    releaseLeaving: async (id, seen, options) =>
      await inTime("release", options, async (left) => {
        const reading = await asSeen(seen, left());
        const isFresh = sightings.isFresh(key, id);
        const place = remadeIn(await instancesNow(reading, left()), id, isFresh);
        if (place === null) return false;
        checkFall(wordsOf(reading.at), 1, seen);
        await write(
          "deleteInstances",
          left,
          async (limits) => await calls.deleteInstances(reading.at, [place.name], limits),
        );
        return true;
      }),
    cancelUnfilled: async (count, _seen, options) => {
      await inTime("giving back places", options, async (left) => {
        // Never on what was seen before: a place that a machine has filled meanwhile would cost a machine.
        const { reading, state } = await current(left());
        checkFall(wordsOf(reading.at), count, state);
        const open = openIn(await instancesOf(key, reading, left()));
        if (open.length < count)
          throw new AppError(
            "conflict",
            `${wordsOf(reading.at)}: ${count} open places to give back, and ${open.length} open by now`,
          );
        const given = open.slice(0, count).map(({ name }) => name);
        await write(
          "deleteInstances",
          left,
          async (limits) => await calls.deleteInstances(reading.at, given, limits),
        );
      });
    },
    // A removal is one call at Google: there is no mark that one could have left behind.
    keepInstance: async () => {},
    contains: async (id, options) => {
      try {
        const instances = await instancesOf(key, { at: placeOf(key), hasInstances: true }, options);
        return instances.some((one) => one.standing === "filled" && memberId(one) === id);
      } catch (error) {
        // A group that is gone has taken its machines with it.
        if (kindOf(error) === "not-found") return false;
        throw error;
      }
    },
  };
}

function readingIn(found: Found): GcpReading {
  switch (found.kind) {
    case "found":
      return found.reading;
    case "missing":
      throw new AppError("not-found", found.detail);
    case "unknown":
    case "failed":
      throw found.error;
    default:
      return found satisfies never;
  }
}

/**
 * The machine that an id names, as long as it is the same machine: its name may be another one's by now.
 * @throws AppError `not-found` for one that is gone or going, `refused` for what fills no place of the size.
 */
function filledIn({ at }: GcpReading, instances: readonly GcpInstance[], id: string): GcpInstance {
  const words = wordsOf(at);
  const { name, of } = nameIn(id);
  if (of === "place")
    throw new AppError("refused", `${words}: ${id} is an open place and no machine; it can be given back`);
  const instance = instances.find((one) => one.name === name);
  if (instance === undefined) throw new AppError("not-found", `${words} has no instance ${name}`);
  if (instance.standing === "aside")
    throw new AppError(
      "refused",
      `${words}: ${name} is ${instance.status ?? instance.action} on purpose, so that the size does not count it and must not fall by it`,
    );
  if (instance.standing !== "filled")
    throw new AppError("not-found", `${words}: ${name} is leaving already (${instance.action})`);
  if (memberId(instance) !== id)
    throw new AppError("not-found", `${words}: ${id} is gone, and ${name} is another machine by now`);
  return instance;
}

/**
 * The place of a machine that another hand ends, as long as what is made for it is no node: empty, or with the old
 * machine on its way out, or with a new one that has not booted, by Google's word or because the old one was there a
 * moment ago (`isFresh`). Null: it is too late, or there is no such place.
 */
function remadeIn(instances: readonly GcpInstance[], id: string, isFresh: boolean): GcpInstance | null {
  const { name, of } = nameIn(id);
  const instance = instances.find((one) => one.name === name);
  if (of === "place" || instance === undefined) return null;
  const { standing, raw } = instance;
  if (standing === "leaving" || standing === "aside") return null;
  if (memberId(instance) === id) return standing === "ending" || standing === "open" ? instance : null;
  return isEmpty(raw) || isComing(raw) || isFresh ? instance : null;
}
