// One subscription at Azure with one identity: looks at its scale sets and AKS pools and hands out the NodeGroup of each.
// It speaks to Azure Resource Manager by the few calls of calls.ts. What is seen is kept elsewhere (observe/clouds.ts).

import { millis } from "../../../shared/model/units.ts";
import { describe } from "../../../shared/runtime/errors.ts";
import { readEnvironment } from "../../../shared/runtime/settings.ts";
import type { GroupLook } from "../account.ts";
import type { MadeAccount, MakerParts } from "../accounts.ts";
import type { CallOptions, GroupState } from "../group.ts";
import { probingLimiter } from "../probing.ts";
import { within } from "../within.ts";
import { createArm } from "./arm.ts";
import { createAutoscale } from "./autoscale.ts";
import { createAzureCalls } from "./calls.ts";
import { createFinder } from "./find.ts";
import type { Found } from "./find.ts";
import { rivalsIn, sentencesOf, stateOf } from "./fitness.ts";
import { membersOf } from "./members.ts";
import { createAzureGroup } from "./node-group.ts";
import { createOperations } from "./operations.ts";
import { probeAzure } from "./probe.ts";
import type { AzureReading } from "./reading.ts";
import { templateOf } from "./template.ts";

export interface AzureAccountOptions extends Pick<MakerParts, "clock"> {
  readonly subscriptionID: string;
  readonly limiter: Pick<MakerParts["limiter"], "run">;
  /** Who we are and where Azure is (identity.ts, arm.ts). Absent: the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Of a look's time, what the sizes and machines may take: the rest is for what only explains them. */
const SIZES_SHARE = 0.75;

/** @throws AppError `settings` for an environment that says something impossible. */
export async function createAzureAccount(options: AzureAccountOptions): Promise<MadeAccount> {
  const { subscriptionID: subscription, clock, limiter, env = readEnvironment() } = options;
  const arm = createArm({ env, clock });
  const calls = createAzureCalls(arm, limiter, subscription);
  const operations = createOperations(calls, clock);
  const autoscale = createAutoscale(calls, { clock, subscription });
  const finder = createFinder(calls, clock);
  const behind = new WeakMap<GroupState, AzureReading>();

  function lookOf(key: string, found: Found): GroupLook {
    switch (found.kind) {
      case "found":
        return seen(key, found.reading);
      case "missing":
        return found;
      case "unknown":
      case "failed":
        return { kind: "unknown", detail: describe(found.error) };
      default:
        return found satisfies never;
    }
  }

  function seen(key: string, reading: AzureReading): GroupLook {
    const news = operations.of(key);
    const { template, problems } = templateOf(reading);
    const rivals = [...rivalsIn(reading), ...(reading.set === null ? [] : autoscale.rivalsOf(reading.set))];
    const notes = [news.problem ?? null, lastChangeFailed(reading, news), autoscale.problem()];
    return {
      kind: "seen",
      state: stateOf(reading),
      chosenRemoval: true,
      detaches: false,
      ...(news.failure === null ? {} : { changeFailed: true, changeFailure: news.failure }),
      members: membersOf(reading, news, subscription),
      template,
      capacityType: reading.isSpot ? "spot" : "on-demand",
      mismatches: [...sentencesOf(reading), ...problems, ...notes.filter((note) => note !== null)],
      ...(rivals.length === 0 ? {} : { rivals }),
    };
  }

  async function look(keys: readonly string[], limits: CallOptions): Promise<ReadonlyMap<string, GroupLook>> {
    const words = `look at ${keys.length} groups of Azure in ${subscription}`;
    return await within(clock, limits, words, async (signal) => {
      const ends = { signal, deadlineMs: millis(limits.deadlineMs * SIZES_SHARE) };
      const [all] = await Promise.all([
        finder.readAll(keys, ends),
        operations.follow(keys, ends),
        autoscale.look(ends),
      ]);
      const failed = [...all.values()].flatMap((found) => (found.kind === "failed" ? [found.error] : []));
      if (failed.length > 0 && failed.length === all.size) throw failed[0];
      return new Map([...all].map(([key, found]) => [key, lookOf(key, found)]));
    });
  }

  return await Promise.resolve({
    account: {
      backEnd: "azure",
      name: `azure ${subscription}`,
      look,
      group: (key) => createAzureGroup(key, { calls, finder, operations, clock, behind }),
      probe: async (keys, limits) =>
        await probeAzure(createAzureCalls(arm, probingLimiter(limiter), subscription), keys, limits),
    },
    close: () => arm.close(),
  });
}

/** Azure may take a size back when a change fails; then no place is left that could say why. */
function lastChangeFailed(
  reading: AzureReading,
  { failure }: ReturnType<ReturnType<typeof createOperations>["of"]>,
): string | null {
  if (failure === null || (stateOf(reading).unfilled ?? 0) > 0) return null;
  return `the last change of its size has failed: ${failure.detail}`;
}
