// The contract of cloud/group.ts on an Auto Scaling group. AWS has no conditional write: what was read a moment ago is
// all there is, so that each write is checked against it before it is sent, and sent once. Which groups there are and
// how they are read is the account's business.

import type { EpochMs } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError, kindOf } from "../../../shared/runtime/errors.ts";
import type { BatchedReads } from "../batch.ts";
import { checkFall, checkGrowth, maybeDone } from "../group.ts";
import type { CallOptions, GroupState, NodeGroup } from "../group.ts";
import { withinShared } from "../within.ts";
import type { Answer, AwsCalls } from "./calls.ts";
import type { Found } from "./find.ts";
import type { LaunchWatch } from "./launch-watch.ts";
import { isPlaceholder } from "./members.ts";
import { isKept, keptBecause, liveIn, stateOf } from "./reading.ts";
import type { AwsInstance, AwsReading } from "./reading.ts";

export interface AwsGroupParts {
  readonly calls: AwsCalls;
  readonly reads: BatchedReads<Found>;
  readonly clock: Clock;
  /**
   * What else was read with a state that was given out, so that a write need not ask again. Of the account, since a
   * group may be asked for anew between its read and its write.
   */
  readonly behind: WeakMap<GroupState, AwsReading>;
  /** Why no size of it may be written; null when all is well. */
  readonly holdReason: (reading: AwsReading) => string | null;
  /** After every write, done or not. */
  readonly onWritten: (key: string) => void;
  readonly watch: Pick<LaunchWatch, "now" | "grown" | "underWay">;
}

export function createAwsGroup(key: string, parts: AwsGroupParts): NodeGroup {
  const { calls, reads, clock, behind, holdReason, onWritten, watch } = parts;

  async function current(options: CallOptions): Promise<AwsReading> {
    const reading = readingIn(await reads.read(key, options));
    const reason = holdReason(reading);
    if (reason !== null) throw new AppError("misconfigured", reason);
    return reading;
  }

  async function asSeen(seen: GroupState, options: CallOptions): Promise<AwsReading> {
    const known = behind.get(seen);
    if (known !== undefined) return known;
    const reading = await current(options);
    // AWS refuses no write for being late, but what was just read tells.
    if (reading.size === seen.size) return reading;
    throw new AppError(
      "conflict",
      `${wordsOf(reading.name)} was seen with a size of ${seen.size} and has ${reading.size} by now`,
    );
  }

  async function write(send: () => Promise<Answer<unknown>>): Promise<EpochMs | null> {
    try {
      return (await send()).at;
    } catch (error) {
      throw maybeDone(error);
    } finally {
      onWritten(key);
    }
  }

  async function setSize(
    name: string,
    DesiredCapacity: number,
    options: CallOptions,
  ): Promise<EpochMs | null> {
    const input = { AutoScalingGroupName: name, DesiredCapacity, HonorCooldown: false };
    return await write(async () => await calls.SetDesiredCapacity(input, options));
  }

  /** A read and a write of one operation share its time. */
  async function inTime<T>(
    what: string,
    options: CallOptions,
    work: (left: () => CallOptions) => Promise<T>,
  ): Promise<T> {
    return await withinShared(clock, options, `${what} of ${key}`, work);
  }

  return {
    backEnd: "aws",
    chosenRemoval: true,
    conditional: false,
    read: async (options) => {
      const reading = await current(options);
      const state = stateOf(reading);
      behind.set(state, reading);
      return state;
    },
    resize: async (to, seen, options) => {
      await inTime("resize", options, async (left) => {
        const { name, max } = await asSeen(seen, left());
        checkGrowth(wordsOf(name), to, { ...seen, max });
        const asked = watch.now();
        try {
          watch.grown(name, (await setSize(name, to, left())) ?? asked);
        } catch (error) {
          // Where it was done all the same, an older failure would be taken for that of what was asked for now.
          if (isMaybeDone(error)) watch.grown(name, asked);
          throw error;
        }
      });
    },
    removeInstance: async (id, seen, options) => {
      await inTime("removal", options, async (left) => {
        const reading = await asSeen(seen, left());
        const instance = countedIn(reading, id);
        if (isKept(reading, instance))
          throw new AppError("refused", `${wordsOf(reading.name)}: ${keptBecause(id)}`);
        checkFall(wordsOf(reading.name), 1, { ...seen, min: reading.min });
        const input = { InstanceId: id, ShouldDecrementDesiredCapacity: true };
        await write(async () => await calls.TerminateInstanceInAutoScalingGroup(input, left()));
      });
    },
    releaseInstance: async (id, seen, options) => {
      await inTime("release", options, async (left) => {
        const reading = await asSeen(seen, left());
        const { lifecycle } = countedIn(reading, id);
        if (lifecycle.startsWith("Pending"))
          throw new AppError(
            "refused",
            `${wordsOf(reading.name)}: ${id} is ${lifecycle}, and AWS releases only what is in service: it can go once it is`,
          );
        try {
          checkFall(wordsOf(reading.name), 1, { ...seen, min: reading.min });
        } catch (error) {
          throw replacesItself(error, id);
        }
        const input = {
          AutoScalingGroupName: reading.name,
          InstanceIds: [id],
          ShouldDecrementDesiredCapacity: true,
        };
        await write(async () => await calls.DetachInstances(input, left()));
      });
    },
    cancelUnfilled: async (count, _seen, options) => {
      await inTime("giving back places", options, async (left) => {
        // Never on what was seen before: a place that a machine has filled meanwhile would cost a machine.
        const reading = await current(left());
        const words = wordsOf(reading.name);
        checkFall(words, count, stateOf(reading));
        const open = Math.max(0, reading.size - liveIn(reading));
        if (open < count)
          throw new AppError(
            "conflict",
            `${words}: ${count} open places to give back, and ${open} open by now`,
          );
        // AWS lists a machine a moment after it has begun to launch it, and a size without it would end some machine.
        const underWay = await watch.underWay(reading, left());
        if (open - underWay < count)
          throw new AppError(
            "conflict",
            `${words}: ${count} open places to give back, and of ${open} AWS is filling ${underWay} by now`,
          );
        await setSize(reading.name, reading.size - count, left());
      });
    },
    // A removal is one call at AWS: there is no mark that one could have left behind.
    keepInstance: async () => {},
    contains: async (id, options) => {
      const found = await reads.read(key, options);
      // A group that is gone has taken its machines with it.
      if (found.kind === "missing") return false;
      return readingIn(found).instances.some(
        (instance) => instance.id === id && instance.standing === "counted",
      );
    },
  };
}

function isMaybeDone(error: unknown): boolean {
  return ["timeout", "unavailable"].includes(kindOf(error));
}

function readingIn(found: Found): AwsReading {
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

/** @throws AppError `not-found` for one that is gone or going, `refused` for what fills no place of the size. */
function countedIn({ name, instances }: AwsReading, id: string): AwsInstance {
  const words = wordsOf(name);
  if (isPlaceholder(id))
    throw new AppError("refused", `${words}: ${id} is an open place and no machine; it can be given back`);
  const instance = instances.find((one) => one.id === id);
  if (instance === undefined) throw new AppError("not-found", `${words} has no instance ${id}`);
  switch (instance.standing) {
    case "counted":
      return instance;
    case "leaving":
    case "gone":
      throw new AppError("not-found", `${words}: ${id} is leaving already (${instance.lifecycle})`);
    case "aside":
    case "warm":
      throw new AppError(
        "refused",
        `${words}: ${id} is ${instance.lifecycle}, so that the size does not count it and must not fall by it`,
      );
    default:
      return instance.standing satisfies never;
  }
}

function wordsOf(name: string): string {
  return `Auto Scaling group ${name}`;
}

/** Under its minimum a group fills the place of a lost machine again: a replacement of ours would be the second. */
function replacesItself(error: unknown, id: string): unknown {
  return error instanceof AppError && error.kind === "refused"
    ? new AppError("refused", `${error.message}: AWS replaces ${id} by itself`)
    : error;
}
