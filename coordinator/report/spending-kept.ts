// Keeps what was spent in a NATS bucket, so that a restart or another leader goes on counting. Only the one leader
// writes, over what it has read itself; while NATS is away counting goes on, and what a crash loses is told as time in
// which nobody looked.

import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";

import * as z from "zod";

import { millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { AppError, describe } from "../../shared/runtime/errors.ts";
import { createQuietLog } from "../../shared/runtime/log.ts";
import type { Log } from "../../shared/runtime/log.ts";
import type { Bucket } from "../../shared/runtime/nats-kv.ts";
import type { LedgerState } from "../money/ledger.ts";
import type { Tally } from "../money/tally.ts";
import type { Spending, SpendingState } from "./spending.ts";

export const SPENDING_KEY = "money";
/** What a crash loses is so much at most. */
export const WRITE_MS = millis(15_000);
export const RETRY_MS = millis(2_000);

export interface SpendingKeeperOptions {
  readonly spending: Pick<Spending, "take" | "state">;
  readonly bucket: Pick<Bucket, "get" | "put">;
  readonly whenConnected: (signal: AbortSignal) => Promise<unknown>;
  /** Of this replica: what another one has written is never written over. */
  readonly identity: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Reads first, then writes now and then, until the signal. Never rejects for NATS. */
export async function keepSpending(options: SpendingKeeperOptions, signal: AbortSignal): Promise<void> {
  const { spending, bucket, identity, clock, log } = options;
  const quiet = createQuietLog(log, clock);
  let revision: number | null = null;
  /** Until the first write is through, each look is all that there is of the new leader. */
  let isKept = false;
  /** Whether what another one writes may have read something of ours. */
  let wasSent = false;

  async function read(): Promise<void> {
    await options.whenConnected(signal);
    const entry = await bucket.get(SPENDING_KEY);
    const kept = entry === null ? null : await unpack(entry.value).catch(orBegunAnew);
    // What is counted by now may be another leadership's.
    if (signal.aborted) return;
    if (kept !== null) spending.take(kept.state);
    revision = entry?.revision ?? 0;
  }

  function orBegunAnew(error: unknown): null {
    const words = "what was spent before cannot be read; counting begins anew";
    log.warn({ part: "money", reason: describe(error) }, words);
    return null;
  }

  /** False: somebody else leads and has ours. */
  async function write(over: number): Promise<boolean> {
    const state = spending.state();
    if (state === null) return true;
    const value = await pack({ v: 1, writer: identity, state });
    try {
      revision = await bucket.put(SPENDING_KEY, value, over);
      isKept = true;
      return true;
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== "conflict") {
        wasSent = true;
        throw error;
      }
      const entry = await bucket.get(SPENDING_KEY);
      if (entry !== null && (await writerOf(entry.value)) !== identity) {
        if (isKept || wasSent) return false;
        // The last write of who led before came after we had read: ours goes on over that one.
        revision = null;
        return true;
      }
      // Our own write whose answer was lost, or a bucket that is new: what is in memory is all of it.
      revision = entry?.revision ?? 0;
      return true;
    }
  }

  while (!signal.aborted) {
    let failed = false;
    try {
      if (revision === null) await read();
      else if (!(await write(revision))) {
        log.warn({ part: "money" }, "another replica keeps what is spent; this one counts and keeps nothing");
        return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof AppError)) throw error;
      quiet.log("money", "warn", { part: "money", error }, "cannot keep what is spent; counting goes on");
      failed = true;
    }
    await clock.sleep(failed || !isKept ? RETRY_MS : WRITE_MS, signal).catch(() => {});
  }
}

interface Kept {
  readonly v: 1;
  readonly writer: string;
  readonly state: SpendingState;
}

const amount = z.number();
type Fields<T> = Readonly<Record<keyof Required<T>, z.ZodType>>;
const tally = z.object({
  usd: amount,
  nodeHours: amount,
  unknownNodeHours: amount,
  onDemandUsd: amount,
  onDemandUnknownNodeHours: amount,
  comparedUsd: amount,
  comparedOnDemandUsd: amount,
} satisfies Fields<Tally>);
const ledger = z.object({
  total: tally,
  cuts: z.record(z.string(), z.record(z.string(), tally)),
} satisfies Fields<LedgerState>);
const keptSchema = z.object({
  v: z.literal(1),
  writer: z.string(),
  state: z.object({
    since: z.number().min(0),
    until: z.number().min(0),
    unobservedMs: z.number().min(0),
    months: z.record(z.string().regex(/^\d{4}-\d\d$/), ledger),
  } satisfies Fields<SpendingState>),
} satisfies Fields<Kept>);

async function pack(kept: Kept): Promise<Uint8Array> {
  return await promisify(gzip)(JSON.stringify(kept));
}

/** @throws AppError malformed */
async function unpack(value: Uint8Array): Promise<Kept> {
  let json: unknown;
  try {
    json = JSON.parse((await promisify(gunzip)(value)).toString("utf8"));
  } catch (cause) {
    throw new AppError("malformed", "it is no packed JSON", { cause });
  }
  const parsed = keptSchema.safeParse(json);
  if (!parsed.success) throw new AppError("malformed", z.prettifyError(parsed.error));
  // Instants are numbers by the schema; the brand exists for the compiler only.
  return parsed.data as unknown as Kept;
}

/** Null: nobody knows, so it was not ours. */
async function writerOf(value: Uint8Array): Promise<string | null> {
  try {
    return (await unpack(value)).writer;
  } catch {
    return null;
  }
}
