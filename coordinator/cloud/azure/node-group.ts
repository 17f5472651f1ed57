// The contract of cloud/group.ts on a scale set or on a pool of AKS. Azure refuses a size that was computed from an older
// reading (ETag); a deletion names its machines and takes no such condition, so the group is read once more just before.
// Which groups there are and how they are read is the account's business.

import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError, kindOf } from "../../../shared/runtime/errors.ts";
import { checkFall, checkGrowth } from "../group.ts";
import type { CallOptions, GroupState, NodeGroup } from "../group.ts";
import { withinShared } from "../within.ts";
import type { ArmAnswer } from "./arm.ts";
import type { AzureCalls } from "./calls.ts";
import type { Finder } from "./find.ts";
import { isBusy, isKept, keptBecause, stateOf } from "./fitness.ts";
import { parseKey } from "./keys.ts";
import { isPlaceholder } from "./members.ts";
import type { Operations } from "./operations.ts";
import { deadIn, emptyIn } from "./reading.ts";
import type { AzureGroupBody, AzureMachine, AzureReading } from "./reading.ts";

export interface AzureGroupParts {
  readonly calls: AzureCalls;
  readonly finder: Finder;
  readonly operations: Operations;
  readonly clock: Clock;
  /** What else was read with a state that was given out, so that a write need not ask again. Of the account. */
  readonly behind: WeakMap<GroupState, AzureReading>;
}

/** What AKS writes itself and takes from nobody. */
const READ_ONLY = ["provisioningState", "eTag", "currentOrchestratorVersion", "nodeImageVersion", "status"];

export function createAzureGroup(text: string, parts: AzureGroupParts): NodeGroup {
  const { calls, finder, operations, clock, behind } = parts;
  const key = parseKey(text);
  const { words } = key;

  /** @throws AppError `conflict` where it is not as `seen` says. */
  async function asSeen(seen: GroupState, options: CallOptions): Promise<AzureReading> {
    const known = behind.get(seen);
    if (known !== undefined) return known;
    const reading = await finder.readOne(text, options);
    checkUnchanged(reading, seen);
    return reading;
  }

  function checkUnchanged({ etag, size }: AzureGroupBody, seen: GroupState): void {
    if (etag !== seen.version)
      throw new AppError(
        "conflict",
        `${words} was seen with a size of ${seen.size} and has changed since (now ${size})`,
      );
  }

  function etagOf({ etag }: AzureGroupBody): string {
    if (etag === null)
      throw new AppError(
        "malformed",
        `${words}: Azure's answer has no ETag, without which no size is written`,
      );
    return etag;
  }

  async function write(send: () => Promise<ArmAnswer>): Promise<void> {
    try {
      operations.begun(text, await send());
    } finally {
      finder.forget(text);
    }
  }

  async function setSize(
    reading: AzureReading,
    to: number,
    etag: string,
    options: CallOptions,
  ): Promise<void> {
    const { vmSize: name, tier, pool } = reading;
    if (key.kind === "scale-set") {
      const sku = { name, ...(tier === undefined ? {} : { tier }) };
      await write(async () => await calls.setCapacity(key, { sku, capacity: to, etag }, options));
      return;
    }
    const body = poolBody(pool?.body ?? {}, to);
    await write(async () => await calls.putAgentPool(key, { body, etag }, options));
  }

  /**
   * A deletion depends on nothing that was read, so a conflict means that AKS is still at another change, for minutes
   * as a rule: whoever asked looks again later, as after an answer that was lost, and does not ask at once.
   */
  async function deleteMachines(machines: readonly AzureMachine[], options: CallOptions): Promise<void> {
    try {
      await write(async () =>
        key.kind === "scale-set"
          ? await calls.deleteInstances(
              key,
              machines.map(({ id }) => id),
              options,
            )
          : await calls.deleteMachines(
              key,
              machines.map(({ hostName }) => hostName),
              options,
            ),
      );
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== "conflict") throw error;
      const { message, data } = error;
      throw new AppError("unavailable", message, { cause: error, data });
    }
  }

  /** What was seen, and what stands now: a deletion takes no condition of its own. */
  async function remove(
    how: "remove" | "release",
    id: string,
    seen: GroupState,
    left: () => CallOptions,
  ): Promise<void> {
    const [reading, now] = await Promise.all([asSeen(seen, left()), finder.readBody(text, left())]);
    checkUnchanged(now, seen);
    const member = memberIn(reading, id);
    // One that Azure has evicted, or is evicting, is stopped by nobody.
    const isTaken =
      !member.isProtected && (deadIn(reading).includes(member) || (how === "release" && reading.isSpot));
    if (isKept(member) && !isTaken) throw new AppError("refused", `${words}: ${keptBecause(member)}`);
    checkFall(words, 1, { ...seen, ...boundsOf(reading) });
    await deleteMachines([member], left());
  }

  async function cancel(count: number, left: () => CallOptions): Promise<void> {
    // Never on what was seen before: a place that a machine has filled meanwhile would cost a machine.
    const reading = await finder.readOne(text, left());
    checkFall(words, count, stateOf(reading));
    const dead = deadIn(reading);
    const empty = emptyIn(reading);
    if (dead.length + empty < count)
      throw new AppError(
        "conflict",
        `${words}: ${count} open places to give back, and ${dead.length + empty} open by now`,
      );
    const fromDead = dead.slice(0, count);
    const fromEmpty = count - fromDead.length;
    // A place without an entry may be one that Azure is filling at this moment.
    if (fromEmpty > 0 && (isBusy(reading) || operations.of(text).isOpen))
      throw new AppError(
        "conflict",
        `${words}: ${count} open places to give back, and Azure is filling ${empty} by now`,
      );
    if (fromDead.length > 0) await deleteMachines(fromDead, left());
    if (fromEmpty === 0) return;
    const now = fromDead.length === 0 ? reading : await finder.readOne(text, left());
    if (emptyIn(now) < fromEmpty)
      throw new AppError(
        "conflict",
        `${words}: ${fromEmpty} open places to give back, and ${emptyIn(now)} open by now`,
      );
    await setSize(now, now.size - fromEmpty, etagOf(now), left());
  }

  /** Reads and a write of one operation share its time. */
  async function inTime<T>(
    what: string,
    options: CallOptions,
    work: (left: () => CallOptions) => Promise<T>,
  ): Promise<T> {
    return await withinShared(clock, options, `${what} of ${words}`, work);
  }

  return {
    backEnd: "azure",
    chosenRemoval: true,
    conditional: true,
    removesUnconditionally: true,
    read: async (options) => {
      const reading = await inTime("read", options, async (left) => await finder.readOne(text, left()));
      etagOf(reading);
      const state = stateOf(reading);
      behind.set(state, reading);
      return state;
    },
    resize: async (to, seen, options) => {
      await inTime("resize", options, async (left) => {
        const reading = await asSeen(seen, left());
        checkGrowth(words, to, { ...seen, ...boundsOf(reading) });
        await setSize(reading, to, versionOf(seen), left());
      });
    },
    removeInstance: async (id, seen, options) => {
      await inTime("removal", options, async (left) => await remove("remove", id, seen, left));
    },
    // A machine cannot leave a scale set and run on: it is deleted, which lowers the size, so that nothing comes for it.
    releaseInstance: async (id, seen, options) => {
      await inTime("release", options, async (left) => await remove("release", id, seen, left));
    },
    cancelUnfilled: async (count, _seen, options) => {
      await inTime("giving back places", options, async (left) => await cancel(count, left));
    },
    // A removal is one call at Azure: there is no mark that one could have left behind.
    keepInstance: async () => {},
    contains: async (id, options) => {
      try {
        const machines = await inTime(
          "read",
          options,
          async (left) => await finder.readMachines(text, left()),
        );
        return machines.some((machine) => machine.id === id && isMember(machine));
      } catch (error) {
        // A group that is gone has taken its machines with it.
        if (kindOf(error) === "not-found") return false;
        throw error;
      }
    },
  };

  function versionOf({ version }: GroupState): string {
    if (version === null) throw new AppError("bug", `${words}: a write without the version that was read`);
    return version;
  }

  /** @throws AppError `not-found` for one that is gone or going, `refused` for what is no machine. */
  function memberIn(reading: AzureReading, id: string): AzureMachine {
    if (isPlaceholder(id))
      throw new AppError("refused", `${words}: ${id} is an open place and no machine; it can be given back`);
    const found = reading.machines.find((machine) => machine.id === id);
    if (found === undefined) throw new AppError("not-found", `${words} has no machine ${id}`);
    if (found.standing === "leaving") throw new AppError("not-found", `${words}: ${id} is leaving already`);
    return found;
  }
}

function isMember({ standing }: AzureMachine): boolean {
  return standing !== "leaving";
}

function boundsOf(reading: AzureReading): Pick<GroupState, "min" | "max" | "held"> {
  const { min, max, held } = stateOf(reading);
  return {
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(held === undefined ? {} : { held }),
  };
}

/** The pool as AKS showed it, with another number of nodes. */
function poolBody(body: Readonly<Record<string, unknown>>, count: number): Readonly<Record<string, unknown>> {
  const properties = Object.fromEntries(
    Object.entries((body["properties"] ?? {}) as Readonly<Record<string, unknown>>).filter(
      ([name]) => !READ_ONLY.includes(name),
    ),
  );
  return { properties: { ...properties, count } };
}
