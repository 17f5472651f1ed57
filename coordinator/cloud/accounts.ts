// The accounts at clouds that policies name: one for each, made when it is first asked for, with one limiter that all
// its calls about groups go through, and one for prices. A back end's code, and an SDK with it, is loaded only then. An account that cannot be made is
// tried again at the next call.

import type { Random } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { CloudAccount } from "./account.ts";
import type { BackEnd, CallOptions, GroupState, NodeGroup } from "./group.ts";
import { createLimiter } from "./limiter.ts";
import type { CallNote, Limiter } from "./limiter.ts";
import { accountKey, accountName, groupKey } from "./target.ts";
import type { CloudTarget } from "./target.ts";
import { within } from "./within.ts";

export interface Accounts {
  /** @throws AppError when it cannot be made: `misconfigured` for code that is not there, else its own kind. */
  account(target: CloudTarget): Promise<CloudAccount>;
  /** At once; its calls wait for the account, within their own time. */
  groupOf(target: CloudTarget): NodeGroup;
  /** Of each account that has been asked for: how long it rests because its provider wants fewer calls; 0: it does not. */
  rests(): readonly { readonly account: string; readonly ms: Millis }[];
  /** Ends every connection. */
  close(): void;
}

export interface AccountCall extends CallNote {
  readonly account: string;
  readonly backEnd: BackEnd;
}

export interface AccountsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly onCall: (call: AccountCall) => void;
  /** A write to the group was made, or may have been: what was read before is old. */
  readonly onWritten: (target: CloudTarget) => void;
  readonly makers?: Makers;
}

export interface MakerParts {
  readonly clock: Clock;
  readonly limiter: Limiter;
  /** Of questions about prices: however slowly those are answered, or refused, no group waits for them. */
  readonly priceLimiter: Limiter;
}

export interface MadeAccount {
  readonly account: CloudAccount;
  close(): void;
}

export type Makers = {
  readonly [K in CloudTarget["kind"]]: (
    target: Extract<CloudTarget, { readonly kind: K }>,
    parts: MakerParts,
  ) => Promise<MadeAccount>;
};

const MAKERS: Makers = {
  aws: async ({ aws }, parts) => {
    const { createAwsAccount } = await import("./aws/account.ts");
    const account = await createAwsAccount({ region: aws.region, ...parts });
    return { account, close: () => account[Symbol.dispose]() };
  },
  gcp: async ({ gcp }, parts) => {
    const { createGcpAccount } = await import("./gcp/account.ts");
    return await createGcpAccount({ project: gcp.project, ...parts });
  },
  azure: async ({ azure }, parts) => {
    const { createAzureAccount } = await import("./azure/account.ts");
    return await createAzureAccount({ subscriptionID: azure.subscriptionID.toLowerCase(), ...parts });
  },
  simulated: async ({ simulated }, parts) => {
    const { createSimulatedAccount } = await import("./simulated/account.ts");
    const account = createSimulatedAccount({ url: simulated.url, ...parts });
    return { account, close: () => account.close() };
  },
};

/** What is known of a back end's groups before one of its accounts is made. */
const NATURE = {
  aws: { chosenRemoval: true, conditional: false },
  // New machines have names of ours, so a late call makes none twice; a removal names its machine.
  gcp: { chosenRemoval: true, conditional: false },
  // A scale set has an ETag, and so has a pool of AKS; a deletion names its machines and takes none.
  azure: { chosenRemoval: true, conditional: true, removesUnconditionally: true },
  simulated: { chosenRemoval: true, conditional: true },
} as const satisfies Record<
  CloudTarget["kind"],
  Pick<NodeGroup, "chosenRemoval" | "conditional" | "removesUnconditionally">
>;

/** Groups that make a machine which another hand ends anew at once: their `releaseLeaving` is worth its call. */
const REMAKES: readonly CloudTarget["kind"][] = ["gcp"];

/** A few pages each five minutes: enough for twenty at once, and no burst at an API that others of the account use. */
const PRICE_PACE = { burst: 20, perSecond: 2, maxInFlight: 4 };

interface Entry {
  readonly name: string;
  readonly limiter: Limiter;
  readonly priceLimiter: Limiter;
  making: Promise<MadeAccount> | null;
  made: MadeAccount | null;
}

export function createAccounts(options: AccountsOptions): Accounts {
  const { clock, random, onCall, onWritten, makers = MAKERS } = options;
  const entries = new Map<string, Entry>();

  function entryOf(target: CloudTarget): Entry {
    const key = accountKey(target);
    const known = entries.get(key);
    if (known !== undefined) return known;
    const name = accountName(target);
    const about = {
      clock,
      random,
      onCall: (note: CallNote) => onCall({ ...note, account: name, backEnd: target.kind }),
    };
    const limiter = createLimiter({ ...about, name });
    const priceLimiter = createLimiter({ ...about, ...PRICE_PACE, name: `${name} prices` });
    const entry: Entry = { name, limiter, priceLimiter, making: null, made: null };
    entries.set(key, entry);
    return entry;
  }

  async function accountOf(target: CloudTarget): Promise<CloudAccount> {
    const entry = entryOf(target);
    const { limiter, priceLimiter } = entry;
    const making = (entry.making ??= make(target, { clock, limiter, priceLimiter }));
    try {
      entry.made ??= await making;
      return entry.made.account;
    } catch (error) {
      if (entry.making === making) entry.making = null;
      throw cannotMake(entry.name, error);
    }
  }

  async function make(target: CloudTarget, parts: MakerParts): Promise<MadeAccount> {
    switch (target.kind) {
      case "aws":
        return await makers.aws(target, parts);
      case "gcp":
        return await makers.gcp(target, parts);
      case "azure":
        return await makers.azure(target, parts);
      case "simulated":
        return await makers.simulated(target, parts);
      default:
        return target satisfies never;
    }
  }

  /** Calls the real group with what is left of the call's time once there is one. */
  async function onGroup<T>(
    target: CloudTarget,
    limits: CallOptions,
    call: (group: NodeGroup, limits: CallOptions) => Promise<T>,
  ): Promise<T> {
    const { made, name } = entryOf(target);
    if (made !== null) return await call(made.account.group(groupKey(target)), limits);
    const begunMs = clock.monotonic();
    const account = await within(
      clock,
      limits,
      `${name}: making the account`,
      async () => await accountOf(target),
    );
    const leftMs = Math.max(0, limits.deadlineMs - (clock.monotonic() - begunMs));
    return await call(account.group(groupKey(target)), { ...limits, deadlineMs: millis(leftMs) });
  }

  return {
    account: accountOf,
    groupOf: (target) => {
      async function write<T>(
        limits: CallOptions,
        call: (group: NodeGroup, limits: CallOptions) => Promise<T>,
      ): Promise<T> {
        try {
          return await onGroup(target, limits, call);
        } finally {
          onWritten(target);
        }
      }
      return {
        backEnd: target.kind,
        ...NATURE[target.kind],
        read: async (limits) => await onGroup(target, limits, async (group, left) => await group.read(left)),
        contains: async (id, limits) =>
          await onGroup(target, limits, async (group, left) => await group.contains(id, left)),
        resize: async (to, seen, limits) =>
          await write(limits, async (group, left) => await group.resize(to, seen, left)),
        removeInstance: async (id, seen, limits) =>
          await write(limits, async (group, left) => await group.removeInstance(id, seen, left)),
        releaseInstance: async (id, seen, limits) =>
          await write(limits, async (group, left) => await group.releaseInstance(id, seen, left)),
        cancelUnfilled: async (count, seen, limits) =>
          await write(limits, async (group, left) => await group.cancelUnfilled(count, seen, left)),
        keepInstance: async (id, limits) =>
          await write(limits, async (group, left) => await group.keepInstance(id, left)),
        ...(!REMAKES.includes(target.kind)
          ? {}
          : {
              releaseLeaving: async (id: string, seen: GroupState, limits: CallOptions) =>
                await write(
                  limits,
                  async (group, left) => (await group.releaseLeaving?.(id, seen, left)) ?? false,
                ),
            }),
      };
    },
    rests: () => [...entries.values()].map(({ name, limiter }) => ({ account: name, ms: limiter.restMs() })),
    close: () => {
      for (const { made } of entries.values()) made?.close();
    },
  };
}

function cannotMake(name: string, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  const isAbsent =
    cause instanceof Error &&
    "code" in cause &&
    (cause.code === "ERR_MODULE_NOT_FOUND" || cause.code === "MODULE_NOT_FOUND");
  return isAbsent
    ? new AppError(
        "misconfigured",
        `${name}: this coordinator lacks the code of the back end; use the shipped image`,
        { cause },
      )
    : new AppError("unavailable", `${name}: the account cannot be opened`, { cause });
}
