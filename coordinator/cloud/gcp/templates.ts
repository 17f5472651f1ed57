// Instance templates and machine types by their names, asked for once each: neither changes as long as it exists. What
// could not be read is said and asked for again after a while; a size is never waited for on their account.

import { machineOf } from "../../../shared/model/instance-types.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { CallOptions } from "../group.ts";
import { createRecent } from "../recent.ts";
import { within } from "../within.ts";
import type { GcpCalls } from "./calls.ts";
import type { GcpReading } from "./reading.ts";
import { lastPart } from "./reading.ts";
import { factsOf } from "./template.ts";
import type { MachineSize, TemplateFacts } from "./template.ts";

export interface Templates {
  /** Asks for those of these groups that are not known; at the deadline with what is known by then. */
  learn(readings: readonly GcpReading[], limits: CallOptions): Promise<void>;
  of(reading: GcpReading): KnownTemplates;
}

export interface KnownTemplates {
  readonly facts: readonly TemplateFacts[];
  readonly sizes: ReadonlyMap<string, MachineSize>;
  /** Why one of them is not known, in words. */
  readonly problems: readonly string[];
}

type Kept<T> =
  | { readonly kind: "known"; readonly value: T }
  | { readonly kind: "failed"; readonly problem: string; readonly atMs: number };

/** How soon what could not be read is asked for again. */
const AGAIN_MS = 60_000;
const MIB = 2 ** 20;

export function createTemplates(
  calls: Pick<GcpCalls, "getTemplate" | "getMachineType">,
  clock: Clock,
): Templates {
  const facts = createRecent<Kept<TemplateFacts>>(clock);
  const sizes = createRecent<Kept<MachineSize>>(clock);

  async function keep<T>(
    store: ReturnType<typeof createRecent<Kept<T>>>,
    key: string,
    what: string,
    options: CallOptions,
    ask: () => Promise<T>,
  ): Promise<void> {
    const before = store.get(key);
    if (before?.kind === "known") return store.set(key, before); // still in use
    if (before?.kind === "failed" && clock.monotonic() - before.atMs < AGAIN_MS) return;
    try {
      store.set(key, { kind: "known", value: await ask() });
    } catch (error) {
      options.signal.throwIfAborted();
      const isOurs = kindOf(error) === "bug";
      if (isOurs) throw error;
      const problem = `${what} cannot be read: ${describe(error)}`;
      store.set(key, { kind: "failed", problem, atMs: clock.monotonic() });
    }
  }

  async function learnOne({ at, templates, types }: GcpReading, options: CallOptions): Promise<void> {
    await Promise.all(
      templates.map(async (path) => {
        const what = `instance template ${lastPart(path) ?? path}`;
        await keep(facts, path, what, options, async () => factsOf(await calls.getTemplate(path, options)));
      }),
    );
    const wanted = typesOf(
      types,
      templates.flatMap((path) => knownIn(facts.get(path)) ?? []),
    ).filter((type) => machineOf("gcp", type).kind === "unknown");
    await Promise.all(
      wanted.map(async (type) => {
        await keep(sizes, `${at.zone}/${type}`, `machine type ${type}`, options, async () => {
          const { guestCpus, memoryMb } = await calls.getMachineType(at.zone, type, options);
          return { cpuMillis: guestCpus * 1_000, memoryBytes: memoryMb * MIB };
        });
      }),
    );
  }

  return {
    learn: async (readings, limits) => {
      facts.sweep();
      sizes.sweep();
      try {
        await within(clock, limits, "asking what new machines will be", async (signal) => {
          const options = { signal, deadlineMs: millis(limits.deadlineMs) };
          // One after the other of those that share a template costs one call instead of many.
          const byTemplate = Map.groupBy(readings, ({ templates }) => templates.join());
          await Promise.all(
            [...byTemplate.values()].map(async (alike) => {
              for (const reading of alike) await learnOne(reading, options);
            }),
          );
        });
      } catch (error) {
        limits.signal.throwIfAborted();
        if (kindOf(error) !== "timeout") throw error;
      }
    },
    of: ({ at, templates, types }) => {
      const kept = templates.map((path) => facts.get(path));
      const known = kept.flatMap((entry) => knownIn(entry) ?? []);
      const asked = typesOf(types, known).map((type) => [type, sizes.get(`${at.zone}/${type}`)] as const);
      return {
        facts: known,
        sizes: new Map(
          asked.flatMap(([type, entry]) => {
            const size = knownIn(entry);
            return size === null ? [] : [[type, size] as const];
          }),
        ),
        problems: [...kept, ...asked.map(([, entry]) => entry)].flatMap((entry) =>
          entry?.kind === "failed" ? [entry.problem] : [],
        ),
      };
    },
  };
}

/** Types that the group may bring. */
export function typesOf(own: readonly string[], facts: readonly TemplateFacts[]): readonly string[] {
  return own.length > 0 ? own : [...new Set(facts.map(({ machineType }) => machineType))];
}

function knownIn<T>(entry: Kept<T> | undefined): T | null {
  return entry?.kind === "known" ? entry.value : null;
}
