// One region of AWS with one set of credentials: looks at its Auto Scaling groups and hands out the NodeGroup of each.
// The SDK is loaded when an account is made and not before. What is seen is kept elsewhere (observe/clouds.ts).

import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import type { CloudAccount, GroupLook } from "../account.ts";
import { createBatchedReads } from "../batch.ts";
import type { CallOptions, GroupState } from "../group.ts";
import type { Limiter } from "../limiter.ts";
import { probingLimiter } from "../probing.ts";
import { createRecent } from "../recent.ts";
import { within } from "../within.ts";
import { createAwsCalls, createEc2Calls } from "./calls.ts";
import { findGroups } from "./find.ts";
import type { Found } from "./find.ts";
import { holdReason, sentencesOf } from "./fitness.ts";
import { createLaunchWatch, NO_NEWS } from "./launch-watch.ts";
import type { LaunchNews } from "./launch-watch.ts";
import { asideIn, membersOf } from "./members.ts";
import { createAwsGroup } from "./node-group.ts";
import { probeAws } from "./probe.ts";
import { stateOf } from "./reading.ts";
import type { AwsReading } from "./reading.ts";
import { createRivalWatch } from "./rivals.ts";
import type { RivalNews } from "./rivals.ts";
import type { AwsCredentials } from "./sdk.ts";
import { spotPricesOf } from "./spot-prices.ts";
import { templateOf } from "./template.ts";

export interface AwsAccountOptions {
  readonly region: string;
  /** For tests and private endpoints. Absent: as the SDK has it (AWS_ENDPOINT_URL, else AWS's own). */
  readonly endpoint?: string;
  /** Absent: the SDK's default chain: environment, IRSA's web identity, Pod Identity, the instance's role. */
  readonly credentials?: AwsCredentials | (() => Promise<AwsCredentials>);
  readonly clock: Clock;
  /** Of this account alone. */
  readonly limiter: Pick<Limiter, "run">;
  /** Of its questions to EC2, which counts calls apart from Auto Scaling. Absent: the same. */
  readonly priceLimiter?: Pick<Limiter, "run">;
  /** After every write, done or not: what was seen of the group before is old. */
  readonly onWritten?: (key: string) => void;
}

export type AwsAccount = CloudAccount & Disposable;

/** As many as one call reads. */
const BATCH = 100;
/** Of a look's time, what a single call of it may take. */
const SILENT_CALL = 0.75;
/** A hook that is still waited for after this is one that nobody completes. */
const STUCK_MS = 10 * 60_000;

export async function createAwsAccount(options: AwsAccountOptions): Promise<AwsAccount> {
  const { region, clock, limiter, priceLimiter = limiter, onWritten } = options;
  const { createSdk } = await import("./sdk.ts");
  const sdk = createSdk(options);
  const calls = createAwsCalls(sdk, limiter, region);
  const ec2 = createEc2Calls(sdk, priceLimiter, region);
  const watch = createLaunchWatch(calls, clock);
  const rivals = createRivalWatch(calls, clock);
  /** Group → instance → since when it is seen to wait in a lifecycle hook. */
  const waitingSince = createRecent<ReadonlyMap<string, Millis>>(clock);

  async function find(keys: readonly string[], limits: CallOptions): Promise<ReadonlyMap<string, Found>> {
    const found = await findGroups(calls, region, keys, limits);
    for (const entry of found.values()) if (entry.kind === "found") watch.dated(entry.at);
    return found;
  }

  const reads = createBatchedReads<Found>(find, { clock, maxBatch: BATCH });
  const behind = new WeakMap<GroupState, AwsReading>();
  let owner: string | null = null;

  function whyHold(reading: AwsReading): string | null {
    owner ??= reading.account === "" ? null : reading.account;
    if (owner !== null && reading.account !== "" && reading.account !== owner)
      return `Auto Scaling group ${reading.name} belongs to AWS account ${reading.account}, and what was seen before to ${owner}: the credentials have changed; put them right, or start the coordinator anew if that is meant`;
    return holdReason(reading, region);
  }

  function stuckIn({ name, instances }: AwsReading): readonly string[] {
    const now = clock.monotonic();
    const before = waitingSince.get(name);
    const waiting = new Map(
      instances
        .filter(({ lifecycle }) => lifecycle === "Pending:Wait")
        .map(({ id }) => [id, before?.get(id) ?? now] as const),
    );
    if (waiting.size > 0) waitingSince.set(name, waiting);
    else waitingSince.delete(name);
    return [...waiting].filter(([, since]) => now - since >= STUCK_MS).map(([id]) => id);
  }

  function lookOf(
    found: Found,
    news: ReadonlyMap<string, LaunchNews>,
    others: ReadonlyMap<string, RivalNews>,
  ): GroupLook {
    switch (found.kind) {
      case "found": {
        const { name } = found.reading;
        return seen(found.reading, news.get(name) ?? NO_NEWS, others.get(name) ?? { rivals: [] });
      }
      case "missing":
        return found;
      case "unknown":
      case "failed":
        return { kind: "unknown", detail: messageOf(found.error) };
      default:
        return found satisfies never;
    }
  }

  function seen(reading: AwsReading, { launches, problem }: LaunchNews, others: RivalNews): GroupLook {
    const detail = whyHold(reading);
    if (detail !== null) return { kind: "unknown", detail };
    const { template, problems } = templateOf(reading);
    const aside = asideIn(reading);
    return {
      kind: "seen",
      state: stateOf(reading),
      chosenRemoval: true,
      detaches: true,
      members: membersOf(reading, launches),
      ...(aside.length === 0 ? {} : { aside }),
      ...(template === undefined ? {} : { template }),
      mismatches: [
        ...sentencesOf(reading, stuckIn(reading)),
        ...problems,
        ...(problem === undefined ? [] : [problem]),
        ...(others.problem === undefined ? [] : [others.problem]),
      ],
      ...(others.rivals.length === 0 ? {} : { rivals: others.rivals }),
    };
  }

  return {
    backEnd: "aws",
    name: `aws ${region}`,
    look: async (keys, limits) =>
      await within(clock, limits, `look at ${keys.length} groups of AWS in ${region}`, async (signal) => {
        // One call that nobody answers ends before the look does, and does not cost the others theirs.
        const ends = { signal, deadlineMs: millis(limits.deadlineMs * SILENT_CALL) };
        const endMs = clock.monotonic() + limits.deadlineMs;
        const found = [...(await find(keys, ends))];
        const failed = found.flatMap(([, entry]) => (entry.kind === "failed" ? [entry.error] : []));
        if (failed.length > 0 && failed.length === found.length) throw failed[0];
        const readings = found.flatMap(([, entry]) => (entry.kind === "found" ? [entry.reading] : []));
        const sized = readings.filter((reading) => whyHold(reading) === null);
        waitingSince.sweep();
        // The sizes are known by now, and are not lost for the sake of why they are not reached.
        const leftMs = millis(Math.max(1, (endMs - clock.monotonic()) / 2));
        const left = { signal, deadlineMs: leftMs };
        const [news, others] = await Promise.all([watch.of(sized, left), rivals.of(sized, left)]);
        return new Map(found.map(([key, entry]) => [key, lookOf(entry, news, others)]));
      }),
    group: (key) =>
      createAwsGroup(key, {
        calls,
        reads,
        clock,
        behind,
        holdReason: whyHold,
        onWritten: (written) => onWritten?.(written),
        watch,
      }),
    spotPrices: async (instanceTypes, at, limits) =>
      await spotPricesOf(ec2, { region, instanceTypes, at }, limits),
    probe: async (keys, limits) => {
      const asking = createAwsCalls(sdk, probingLimiter(limiter), region);
      const found = await findGroups(asking, region, keys, limits);
      const names = [...found.values()].flatMap((entry) =>
        entry.kind === "found" ? [entry.reading.name] : [],
      );
      const prices = createEc2Calls(sdk, probingLimiter(priceLimiter), region);
      return await probeAws({ ...asking, ...prices }, names, limits);
    },
    [Symbol.dispose]: () => sdk[Symbol.dispose](),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
