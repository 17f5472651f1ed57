// What the next decision wants to remember, kept in a NATS bucket so that a restart or another leader goes on
// with the idle timers. It may be lost: then timers begin anew and removals come later. One value, compressed,
// so that it is read and written as a whole: 10,000 nodes take some 200 kB.

import { once } from "node:events";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";

import * as z from "zod";

import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { AppError, describe } from "../../shared/runtime/errors.ts";
import { createQuietLog } from "../../shared/runtime/log.ts";
import type { Log } from "../../shared/runtime/log.ts";
import type { Bucket } from "../../shared/runtime/nats-kv.ts";
import type {
  AskedGrowth,
  BehaviorMemory,
  HintRecord,
  LaunchedMachine,
  LaunchLedger,
  Memory,
  NodeMemory,
  NodeShape,
  OpenHint,
  RiskMemory,
  SizeMemory,
} from "../decide/snapshot-memory.ts";
import { completed } from "./late-memory.ts";

const KEY = "decide";
/** Stands in every bucket that a leader has used: without it the bucket is new, and whatever was kept before is gone. */
const MARK_KEY = "made";
/** A write this often at most: what is lost by a crash is two seconds of timers, which then begin anew. */
const WRITE_MS = millis(2_000);

export interface MemoryKeeper {
  /** What was kept; null when there is none, when it cannot be read, or when NATS does not answer in time. */
  read(waitMs: Millis, signal: AbortSignal): Promise<Memory | null>;
  /**
   * Adds what `read` was too early for and has been read since, once: what the nodes of pools look like, and what took
   * weeks to count. A coordinator that started before its NATS would else forget the pools that stand at zero, and how
   * often spot is interrupted. Timers have begun anew.
   */
  withLate(memory: Memory): Memory;
  /**
   * What has become of the bucket since this was last asked: it turned out to be one that nobody has used before (`new`, as
   * on a first start), or to be new though we have used it before (`lost`, as when NATS loses its volume).
   */
  takeNews(): "new" | "lost" | null;
  /** The newest is written in the background. */
  keep(memory: Memory): void;
  /** Writes what is due, until the signal; then once more. */
  run(signal: AbortSignal): Promise<void>;
}

export interface MemoryOptions {
  readonly bucket: Pick<Bucket, "get" | "put">;
  readonly whenConnected: (signal: AbortSignal) => Promise<unknown>;
  readonly clock: Clock;
  readonly log: Log;
}

export function createMemoryKeeper({ bucket, whenConnected, clock, log }: MemoryOptions): MemoryKeeper {
  const quiet = createQuietLog(log, clock);
  let due: Memory | null = null;
  /** What was kept before may still stand in the bucket, unread: it must not be written over. */
  let unread = false;
  let late: Memory | null = null;
  let news: "new" | "lost" | null = null;
  let used = false;

  /** Null: there is none, or none that can be read. @throws AppError when the bucket does not answer. */
  async function stored(): Promise<Memory | null> {
    const entry = await bucket.get(KEY);
    if (!(await isMarked())) {
      // An older version left its value without a mark.
      if (entry === null) news = used ? "lost" : "new";
      await mark();
    }
    used = true;
    return entry === null ? null : await unpack(entry.value);
  }

  async function isMarked(): Promise<boolean> {
    return (await bucket.get(MARK_KEY)) !== null;
  }

  async function mark(): Promise<void> {
    await bucket.put(MARK_KEY, new Uint8Array());
  }

  async function write(): Promise<void> {
    if (due === null) return;
    let marked = true;
    try {
      if (unread) late = await stored().catch(orLost);
      else marked = await isMarked();
      unread = false;
    } catch (error) {
      quiet.log("write", "warn", { error }, CANNOT_KEEP);
      return;
    }
    const isLost = used && !marked;
    if (isLost) news = "lost";
    // Whoever leads next reads of the loss in the very value that hides it.
    const memory = { ...completed(due, late), ...(isLost ? { lostAt: clock.now() } : {}) };
    due = null;
    try {
      await bucket.put(KEY, await pack(memory));
      if (!marked) await mark();
      used = true;
    } catch (error) {
      // A newer one may be due by now, and is then the better one to write next.
      due ??= memory;
      if (!(error instanceof AppError)) throw error;
      quiet.log("write", "warn", { error }, CANNOT_KEEP);
    }
  }

  return {
    read: async (waitMs, signal) => {
      const patience = new AbortController();
      const either = AbortSignal.any([signal, patience.signal]);
      const limit = clock.sleep(waitMs, either).then(
        () => {
          patience.abort();
        },
        () => {},
      );
      unread = true;
      try {
        await whenConnected(either);
        // A bucket without its leader answers after seconds, or not at all.
        const memory = await Promise.race([stored(), abortOf(either)]);
        unread = false;
        return memory;
      } catch (error) {
        signal.throwIfAborted();
        log.warn({ reason: describe(error) }, "no idle timers from before; they begin anew");
        return null;
      } finally {
        patience.abort();
        await limit;
      }
    },
    withLate: (memory) => {
      const next = completed(memory, late);
      late = null;
      return next;
    },
    takeNews: () => {
      const taken = news;
      news = null;
      return taken;
    },
    keep: (memory) => {
      due = memory;
    },
    run: async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(WRITE_MS, signal).catch(() => {});
        await write();
      }
      // What came while the last write was on its way.
      await write();
    },
  };
}

const CANNOT_KEEP = "cannot keep the idle timers; after a restart they begin anew";

/** A value that is no memory is as good as none; a bucket that does not answer is not. */
function orLost(error: unknown): null {
  if (error instanceof AppError && error.kind !== "malformed") throw error;
  return null;
}

async function abortOf(signal: AbortSignal): Promise<never> {
  signal.throwIfAborted();
  await once(signal, "abort");
  throw signal.reason;
}

async function pack(memory: Memory): Promise<Uint8Array> {
  return await promisify(gzip)(JSON.stringify(memory));
}

const instant = z.number().min(0);
const amount = z.number();
const record = <T extends z.ZodType>(value: T) => z.record(z.string(), value);
const events = z.array(z.object({ at: instant, nodes: amount }));

/** Each field of the type has its line, or the compiler says so: what is not named would be lost with a restart. */
type Fields<T> = Readonly<Record<keyof Required<T>, z.ZodType>>;

const nodeMemory = {
  idleSince: instant.nullable(),
  lastReportAt: instant.nullable(),
  emptySince: instant.nullable(),
  movableSince: instant.optional(),
  comingSince: instant.optional(),
  downSince: instant.optional(),
} satisfies Fields<NodeMemory>;

const nodeShape = {
  allocatable: record(amount),
  labels: record(z.string()),
  taints: z.array(
    z.object({
      key: z.string(),
      value: z.string().optional(),
      effect: z.enum(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
    }),
  ),
  overhead: record(amount).optional(),
  daemons: record(record(amount)).optional(),
  capacity: record(amount).optional(),
  volumeLimits: record(amount).optional(),
  source: z.enum(["node", "template", "group", "catalogue"]).optional(),
} satisfies Fields<NodeShape>;

const behaviorMemory = {
  recommendations: events,
  ups: events,
  downs: events,
  exempt: record(amount).optional(),
} satisfies Fields<BehaviorMemory>;

const launchLedger = {
  asked: z.array(
    z.object({
      key: z.string(),
      intendedAt: instant.optional(),
      seen: amount,
    } satisfies Fields<AskedGrowth>),
  ),
  machines: z.array(
    z.object({
      id: z.string(),
      intendedAt: instant.optional(),
      acceptedAt: instant.optional(),
      launchedAt: instant.optional(),
      registeredAt: instant.optional(),
      readyAt: instant.optional(),
      forPods: z.boolean().optional(),
    } satisfies Fields<LaunchedMachine>),
  ),
  stageMs: record(z.array(amount)),
} satisfies Fields<LaunchLedger>;

const riskMemory = {
  nodeDays: amount,
  interruptions: amount,
  at: instant,
  zoneId: z.string().optional(),
} satisfies Fields<RiskMemory>;

const openHint = {
  node: z.string(),
  pool: z.string(),
  since: instant,
  settled: z.boolean().optional(),
} satisfies Fields<OpenHint>;

const hintRecord = { followed: amount, spared: amount, at: instant } satisfies Fields<HintRecord>;

const sizeMemory = {
  group: z.string(),
  size: amount,
  at: instant,
  byHand: z.array(z.object({ at: instant, from: amount, to: amount })),
  explained: record(z.object({ at: instant, nodes: amount })).optional(),
  lately: z.array(z.object({ at: instant, size: amount })).optional(),
  noticed: record(instant).optional(),
} satisfies Fields<SizeMemory>;

/** Written by ourselves, and by other versions of ourselves: what does not fit is as good as lost. */
const memorySchema = z.object({
  v: z.literal(1),
  at: instant.nullable(),
  nodes: record(z.object(nodeMemory)),
  shapes: record(z.object(nodeShape)),
  hotSince: record(instant),
  launches: record(z.object({ missing: amount, since: instant, from: instant.optional() })).optional(),
  bootMs: record(z.array(amount)).optional(),
  ledger: record(z.object(launchLedger)).optional(),
  risk: record(z.object(riskMemory)).optional(),
  rebalanced: record(record(instant)).optional(),
  openHints: record(z.object(openHint)).optional(),
  hintRecord: record(z.object(hintRecord)).optional(),
  countedNotices: record(instant).optional(),
  lessSpot: record(instant).optional(),
  sizes: record(z.object(sizeMemory)).optional(),
  lostAt: instant.optional(),
  failedSince: record(instant).optional(),
  behavior: record(z.object(behaviorMemory)).optional(),
  leftOut: z.array(z.string()).optional(),
  promised: record(z.array(z.array(z.string()))).optional(),
} satisfies Fields<Memory>);

async function unpack(value: Uint8Array): Promise<Memory> {
  const parsed = memorySchema.safeParse(JSON.parse((await promisify(gunzip)(value)).toString("utf8")));
  if (!parsed.success)
    throw new AppError(
      "malformed",
      `the kept idle timers do not have the expected form: ${z.prettifyError(parsed.error)}`,
    );
  // The numbers are instants by the schema; the brand exists for the compiler only.
  return parsed.data as unknown as Memory;
}
