// Changes that Azure has accepted and carries out over minutes, followed without waiting for them: each look asks once how
// they stand. One that ended badly says why machines did not come, until the next change of the group or for half an
// hour. One that nobody knows any more is forgotten: what became of it, the machines themselves show.

import type { LaunchFailureKind } from "../../../shared/contract/policy/status.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { kindOf } from "../../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../../shared/runtime/errors.ts";
import type { CallOptions } from "../group.ts";
import type { ArmAnswer } from "./arm.ts";
import { operation, readAs } from "./bodies.ts";
import type { AzureCalls } from "./calls.ts";
import { launchKindOf } from "./codes.ts";
import { firstLine, saidIn } from "./errors.ts";
import { parseKey } from "./keys.ts";

export interface LaunchFailure {
  readonly kind: LaunchFailureKind;
  readonly detail: string;
}

export interface OperationNews {
  /** A change is being carried out, as far as is known. */
  readonly isOpen: boolean;
  /** Of the newest change. */
  readonly failure: LaunchFailure | null;
  /** Why nothing newer is known, in words. */
  readonly problem?: string;
}

export interface Operations {
  /** A change of the group was accepted. What was known of the one before is old. */
  begun(key: string, answer: ArmAnswer): void;
  /** Asks how those of these groups stand that are due. Rejects for nothing but the end of `limits.signal`. */
  follow(keys: readonly string[], limits: CallOptions): Promise<void>;
  of(key: string): OperationNews;
}

interface Followed {
  readonly path: string | null;
  readonly begunMs: Millis;
  dueMs: number;
  failure: LaunchFailure | null;
  problem?: string;
  isOpen: boolean;
}

/** Of one question about an operation: says nothing of the operation. */
const PASSING: readonly ErrorKind[] = ["throttled", "timeout", "unavailable"];
const KEPT_MS = 30 * 60_000;
/** Azure lets an operation go on for longer than anybody waits for a machine. */
const OPEN_MS = 60 * 60_000;

export function createOperations(calls: Pick<AzureCalls, "getOperation">, clock: Clock): Operations {
  const followed = new Map<string, Followed>();

  function sweep(): void {
    const now = clock.monotonic();
    for (const [key, { begunMs, isOpen }] of followed)
      if (now - begunMs >= (isOpen ? OPEN_MS : KEPT_MS)) followed.delete(key);
  }

  async function ask(key: string, one: Followed, path: string, limits: CallOptions): Promise<void> {
    try {
      const { json, retryAfterMs } = await calls.getOperation(parseKey(key).kind, path, limits);
      delete one.problem;
      if (retryAfterMs !== null) one.dueMs = clock.monotonic() + retryAfterMs;
      // Of a place that only says "not yet": a body comes with the end.
      if (json === undefined) return;
      const { status, error } = readAs(operation, json, "an operation");
      if (!isEnd(status)) return;
      one.isOpen = false;
      one.failure = status === "Succeeded" ? null : failureOf(status, error);
    } catch (error) {
      limits.signal.throwIfAborted();
      const kind = kindOf(error);
      if (PASSING.includes(kind)) return;
      // Nobody will ever say how it ended; its machines do.
      one.isOpen = false;
      // At some addresses the end of an operation is an answer that refuses.
      if (kind === "no-capacity" || kind === "quota") one.failure = { kind, detail: messageOf(error) };
      else if (kind !== "not-found")
        one.problem = `how the last change goes on cannot be read: ${messageOf(error)}`;
    }
  }

  return {
    begun: (key, { operation: path, retryAfterMs }) => {
      const now = clock.monotonic();
      followed.set(key, {
        path,
        begunMs: now,
        dueMs: now + (retryAfterMs ?? 0),
        failure: null,
        isOpen: path !== null,
      });
    },
    follow: async (keys, limits) => {
      sweep();
      await Promise.all(
        keys.map(async (key) => {
          const one = followed.get(key);
          if (one === undefined || !one.isOpen || one.path === null || clock.monotonic() < one.dueMs) return;
          await ask(key, one, one.path, limits);
        }),
      );
    },
    of: (key) => {
      const one = followed.get(key);
      if (one === undefined) return { isOpen: false, failure: null };
      const { isOpen, failure, problem } = one;
      return { isOpen, failure, ...(problem === undefined ? {} : { problem }) };
    },
  };
}

/** As resource management defines it: whatever is none of these goes on. */
function isEnd(status: string): boolean {
  return ["Succeeded", "Failed", "Canceled"].includes(status);
}

function failureOf(status: string, error: unknown): LaunchFailure {
  const { code, message } = saidIn({ error }) ?? { code: status, message: "Azure gives no reason" };
  return { kind: launchKindOf(code, message), detail: firstLine(`${code}: ${message}`) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
