// What must hold whatever goes wrong, judged over the book of a run. Pure: the same book gives the same verdict. Each
// rule can fail, which invariants.test.ts shows with a book that was spoiled for it.

import { FLEET } from "./book.ts";
import type { Entry, PoolLimits } from "./book.ts";

export const INVARIANTS = [
  "size within limits",
  "removal with its reason",
  "launch accounted for",
  "cordon taken back",
  "pod evicted in order",
  "notice not lost",
  "every pool answered",
  "nothing broken",
  "settled in time",
] as const;
export type Invariant = (typeof INVARIANTS)[number];

export interface Violation {
  readonly invariant: Invariant;
  readonly at: number;
  readonly detail: string;
}

export interface Bounds {
  /** How long after a change of a policy its old limits may still be acted on, when nothing keeps it from being seen. */
  readonly editMs: number;
  /** What a reading may be old at an intent to remove for idleness. */
  readonly freshMs: number;
  /** Of a notice with at least so much of a chance, every pod is asked to leave and the notice is seen. */
  readonly chanceMs: number;
  /** After the last fault. */
  readonly recoveryMs: number;
}

type Of<K extends Entry["kind"]> = Extract<Entry, { readonly kind: K }>;
type Rule = (entries: readonly Entry[], bounds: Bounds) => readonly Violation[];

export function violationsOf(entries: readonly Entry[], bounds: Bounds): readonly Violation[] {
  return RULES.flatMap((rule) => rule(entries, bounds)).toSorted((a, b) => a.at - b.at);
}

function of<K extends Entry["kind"]>(entries: readonly Entry[], kind: K): readonly Of<K>[] {
  return entries.filter((entry): entry is Of<K> => entry.kind === kind);
}

const sizes: Rule = (entries, { editMs }) => {
  const limits = Map.groupBy(of(entries, "limits"), ({ pool }) => pool);
  /** Those that stood at any moment since the writer could last have learned of a change. */
  const allowedAt = (pool: string, at: number, since: number): readonly PoolLimits[] => {
    const all = (limits.get(pool) ?? []).filter((each) => each.at <= at);
    const current = all.findLast((each) => each.at <= since);
    const stood = [...(current === undefined ? [] : [current]), ...all.filter((each) => each.at > since)];
    return stood.flatMap((each) => each.limits ?? []);
  };
  return of(entries, "write").flatMap(({ pool, what, from, to, fleetTo, at, staleMs }): Violation[] => {
    const say = (detail: string): Violation[] => [
      { invariant: "size within limits", at, detail: `${what} of ${pool} from ${from} to ${to}: ${detail}` },
    ];
    const since = at - editMs - staleMs;
    const own = allowedAt(pool, at, since);
    const fleet = allowedAt(FLEET, at, since);
    if (own.length === 0) return say("nobody may write to it");
    const most = Math.max(...own.map(({ max }) => max));
    const least = Math.min(...own.map(({ min }) => min));
    const mostOfAll = Math.max(...fleet.map(({ max }) => max));
    if (what === "grow" && to > most) return say(`its maximum is ${most}`);
    if (what === "grow" && fleet.length > 0 && fleetTo > mostOfAll)
      return say(`all together then have ${fleetTo}, at most ${mostOfAll} are allowed`);
    if (what === "remove" && to < least) return say(`its minimum is ${least}`);
    return [];
  });
};

/** Kinds of moves that may bring a write about. */
const MOVES = {
  grow: ["grow", "replace"],
  remove: ["shrink", "release"],
  release: ["release"],
  cancel: ["release"],
} as const;

const removals: Rule = (entries, { freshMs }) => {
  const invariant = "removal with its reason";
  const intents = of(entries, "intent");
  const unwritten = of(entries, "write").flatMap((write): Violation[] => {
    const kinds: readonly string[] = MOVES[write.what];
    const found = intents.some(
      ({ at, pool, move }) =>
        at <= write.at &&
        pool === write.pool &&
        kinds.includes(move.kind) &&
        move.why !== undefined &&
        (write.what === "grow" || write.what === "cancel" || move.instance === write.instance),
    );
    const detail = `${write.what} of ${write.instance ?? write.pool} that nobody wrote down with its reason before`;
    const killed = write.what === "remove" && !write.noticed && write.occupants.length > 0;
    return [
      ...(found ? [] : [{ invariant, at: write.at, detail } as const]),
      ...(killed
        ? [
            {
              invariant,
              at: write.at,
              detail: `${write.instance} was removed with ${write.occupants.join(", ")} on it`,
            } as const,
          ]
        : []),
    ];
  });
  const unread = intents.flatMap(({ at, move, reading }): Violation[] => {
    if (move.kind !== "shrink" || move.disruption !== "Idle") return [];
    const fresh = reading !== null && reading.ageMs <= freshMs && reading.busiest !== null;
    const detail = `${move.node} is to go for idleness, and its reading is ${JSON.stringify(reading)}`;
    return fresh ? [] : [{ invariant, at, detail }];
  });
  return [...unwritten, ...unread];
};

/** Each launch is paid for by one place: of a growth that we called, or of a machine that the cloud took and nobody released. */
const launches: Rule = (entries) => {
  const invariant = "launch accounted for";
  const places = new Map<string, number>();
  const released = new Set<string>();
  const running = new Map<string, number>();
  const add = (pool: string, count: number): void => {
    places.set(pool, (places.get(pool) ?? 0) + count);
  };
  const found: Violation[] = [];
  for (const entry of entries) {
    if (entry.kind === "write") {
      if (entry.what === "release" && entry.instance !== null) released.add(entry.instance);
      if (entry.what === "grow" || entry.what === "cancel") add(entry.pool, entry.to - entry.from);
    } else if (entry.kind === "launch") {
      add(entry.pool, -1);
      running.set(entry.machine, entry.at);
      if ((places.get(entry.pool) ?? 0) < 0) {
        // It is told of once.
        places.set(entry.pool, 0);
        const detail = `${entry.machine} of ${entry.pool} was launched for nobody`;
        found.push({ invariant, at: entry.at, detail });
      }
    } else if (entry.kind === "end") {
      running.delete(entry.machine);
      if (entry.why === "taken" && !released.has(entry.machine)) add(entry.pool, 1);
      if (entry.why === "victim")
        found.push({
          invariant,
          at: entry.at,
          detail: `${entry.machine} of ${entry.pool} was the group's own choice when a number fell`,
        });
    } else if (entry.kind === "last")
      for (const machine of entry.forgotten)
        found.push({
          invariant,
          at: entry.at,
          detail: `${machine} runs since ${running.get(machine) ?? "ever"} and nobody accounts for it`,
        });
  }
  return found;
};

const cordons: Rule = (entries) =>
  of(entries, "last").flatMap(({ at, cordoned }) =>
    cordoned.map((detail) => ({ invariant: "cordon taken back", at, detail })),
  );

/** Who leaves first. Pods of the system go with their node. */
const ORDER = { low: 0, medium: 1, high: 2, system: 3 } as const;

const evictions: Rule = (entries, { chanceMs }) => {
  const invariant = "pod evicted in order";
  const early = of(entries, "evicted").flatMap(
    ({ at, pod, node, class: own, staying, ordered }): Violation[] => {
      const before = staying.filter((other) => ORDER[other] < ORDER[own]);
      if (!ordered || before.length === 0) return [];
      return [{ invariant, at, detail: `${pod} (${own}) left ${node} before those of ${before.join(", ")}` }];
    },
  );
  const lost = of(entries, "pod-lost").flatMap(
    ({ at, pod, node, why, evicted, chanceMs: had }): Violation[] => {
      const due = why === "removed" || (why === "noticed" && had >= chanceMs);
      return due && !evicted
        ? [{ invariant, at, detail: `${pod} went down with ${node} (${why}) unasked` }]
        : [];
    },
  );
  return [...early, ...lost];
};

const notices: Rule = (entries, { chanceMs }) => {
  const seen = new Set(of(entries, "notice-seen").map(({ node }) => node));
  return of(entries, "notice").flatMap(({ at, node, chanceMs: had }) =>
    had >= chanceMs && !seen.has(node)
      ? [{ invariant: "notice not lost", at, detail: `nobody took over the notice of ${node}` }]
      : [],
  );
};

const answers: Rule = (entries) =>
  of(entries, "cycle").flatMap(({ at, pools, answered }) => {
    const missing = pools.filter((pool) => !answered.includes(pool));
    return missing.length === 0
      ? []
      : [{ invariant: "every pool answered", at, detail: `neither move nor hold of ${missing.join(", ")}` }];
  });

const broken: Rule = (entries) =>
  of(entries, "broken").map(({ at, part, detail }) => ({
    invariant: "nothing broken",
    at,
    detail: `${part}: ${detail}`,
  }));

const recovery: Rule = (entries, { recoveryMs }) =>
  of(entries, "last").flatMap(({ at, faultsEnd, settledAt, left }) => {
    const invariant = "settled in time";
    if (settledAt === null) return [{ invariant, at, detail: `still to be done: ${left.join("; ")}` }];
    const tookMs = settledAt - faultsEnd;
    if (tookMs <= recoveryMs) return [];
    return [{ invariant, at, detail: `it took ${tookMs} ms after the last fault, not ${recoveryMs}` }];
  });

const RULES: readonly Rule[] = [
  sizes,
  removals,
  launches,
  cordons,
  evictions,
  notices,
  answers,
  broken,
  recovery,
];
