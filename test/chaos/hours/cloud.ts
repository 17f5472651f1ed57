// The simulated cloud for one replica in virtual time: the account that the observer asks and the groups that the act layer
// writes to, over the world's groups, by the same rules as over HTTP. A write that was sent takes effect whatever becomes
// of its caller, as at any cloud.

import type { CloudAccount, GroupLook } from "../../../coordinator/cloud/account.ts";
import { checkFall, checkGrowth } from "../../../coordinator/cloud/group.ts";
import type { CallOptions, GroupState, NodeGroup } from "../../../coordinator/cloud/group.ts";
import { createFirstSeen, lookOf } from "../../../coordinator/cloud/simulated/look.ts";
import type { WriteName } from "../../../coordinator/cloud/simulated/protocol.ts";
import type { World } from "../../../coordinator/replay/world.ts";
import { millis } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { doWrite, shownGroup } from "../../world/cloud/simulated.ts";
import { forEver } from "./api.ts";
import type { VirtualClock, VirtualTime } from "./time.ts";
import { springs } from "./troubles.ts";
import type { Troubles } from "./troubles.ts";

export interface GroupWrite {
  readonly group: string;
  readonly write: WriteName;
  readonly instance: string | null;
  readonly from: number;
}

export interface VirtualCloudOptions {
  readonly world: World;
  readonly time: VirtualTime;
  readonly clock: VirtualClock;
  readonly troubles: Troubles;
  readonly alive: () => boolean;
  readonly die: () => void;
  /** Whether writes depend on what was read, as at our own cloud; at AWS they do not. */
  readonly conditional: boolean;
  /** Before a write takes effect; what it returns is called when it has. */
  readonly onWrite: (write: GroupWrite) => () => void;
  readonly onWritten: (group: string) => void;
}

/** A provider takes so long over a write. */
const WRITE_MS = 200;

export function createVirtualAccount(options: VirtualCloudOptions): CloudAccount {
  const { world, time, clock, troubles, alive, die } = options;
  const firstSeen = createFirstSeen(() => clock.now());

  async function gate(what: string): Promise<void> {
    if (!alive()) await forEver();
    if (troubles.cloudAway > 0) throw new AppError("unavailable", `cannot ${what}: no connection`);
    const retryAfterMs = troubles.cloudThrottledMs;
    if (retryAfterMs > 0) throw new AppError("throttled", `cannot ${what}: slowly`, { retryAfterMs });
  }

  function lookAt(name: string): GroupLook {
    const group = world.clouds.group(name);
    return lookOf(name, group === null ? null : shownGroup(group, world.now, 0), firstSeen.of(name));
  }

  function group(name: string): NodeGroup {
    const words = `simulated group ${name}`;

    async function read(): Promise<Extract<GroupLook, { kind: "seen" }>> {
      await gate(`read ${words}`);
      const look = lookAt(name);
      if (look.kind !== "seen") throw new AppError("not-found", look.detail);
      return look;
    }

    /** Null: it was done. */
    function takeEffect(write: WriteName, parameters: object, seen: GroupState): AppError | null {
      const before = world.clouds.group(name);
      const instance = "instance" in parameters ? String(parameters.instance) : null;
      const done = options.onWrite({ group: name, write, instance, from: before?.desired ?? 0 });
      const version = options.conditional ? seen.version : String(before?.version ?? 0);
      const refused = doWrite(world, name, write, { ...parameters, version });
      if (refused === null) {
        done();
        return null;
      }
      const { code, message } = refused;
      return new AppError(code, `cannot ${write} ${words}: ${message}`);
    }

    async function send(
      write: WriteName,
      parameters: object,
      seen: GroupState,
      { deadlineMs }: CallOptions,
    ): Promise<void> {
      await gate(`${write} ${words}`);
      const { cloudLate } = troubles;
      const isLate = cloudLate.count > 0;
      if (isLate) cloudLate.count -= 1;
      const dies = springs(troubles, "in-call");
      const { promise, resolve } = Promise.withResolvers<AppError | null>();
      // The provider has it from here on.
      time.alarm(time.ms + (isLate ? deadlineMs + cloudLate.ms : WRITE_MS), () =>
        resolve(takeEffect(write, parameters, seen)),
      );
      if (dies) {
        die();
        await forEver();
      }
      await clock.sleep(isLate ? deadlineMs : millis(WRITE_MS));
      options.onWritten(name);
      if (!alive()) await forEver();
      if (isLate) throw new AppError("timeout", `cannot ${write} ${words}: no answer in time`);
      const refusal = await promise;
      if (springs(troubles, "after-call")) {
        die();
        await forEver();
      }
      if (refusal !== null) throw refusal;
      if (troubles.cloudLost > 0) {
        troubles.cloudLost -= 1;
        throw new AppError("unavailable", `cannot ${write} ${words}: the answer was lost`);
      }
    }

    return {
      backEnd: "simulated",
      chosenRemoval: true,
      conditional: options.conditional,
      read: async () => {
        const { state } = await read();
        return options.conditional ? state : { ...state, version: null };
      },
      resize: async (to, seen, limits) => {
        checkGrowth(words, to, seen);
        await send("desired", { to }, seen, limits);
      },
      removeInstance: async (instance, seen, limits) => {
        checkFall(words, 1, seen);
        await send("remove", { instance }, seen, limits);
      },
      releaseInstance: async (instance, seen, limits) => {
        checkFall(words, 1, seen);
        await send("release", { instance }, seen, limits);
      },
      cancelUnfilled: async (count, seen, limits) => {
        checkFall(words, count, seen);
        await send("cancel", { count }, seen, limits);
      },
      keepInstance: async () => {},
      contains: async (id) =>
        (await read()).members.some((member) => member.id === id && member.state !== "leaving"),
    };
  }

  return {
    backEnd: "simulated",
    name: "simulated",
    look: async (keys) => {
      await gate("look at groups");
      return new Map(keys.map((key) => [key, lookAt(key)]));
    },
    group,
  };
}
