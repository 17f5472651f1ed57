// What the agents have said, per node: the last report and a digest of every one since the last decision, so
// that no blip of load is missed between two cycles. Ages count from receipt on our own clock. A report that
// cannot be read is counted with its reason and changes nothing.

import { decodeGist } from "../../shared/contract/codec.ts";
import { windowOf } from "../../shared/contract/gpu-report.ts";
import type { ReportedWindow, ReportGist } from "../../shared/contract/gpu-report.ts";
import type { Window } from "../../shared/model/gpu.ts";
import { elapsed, millis, ratio } from "../../shared/model/units.ts";
import type { EpochMs, Millis, Ratio } from "../../shared/model/units.ts";
import type { GpuInput, ReportDigest, Telemetry } from "../decide/snapshot.ts";
import { deepFreeze } from "./freeze.ts";

/** Digests kept for one node; above it the two oldest become one that claims the worst of both. */
export const MAX_DIGESTS = 32;
/** Reports of a node that the API server does not list are kept so long: the report may come before the node. */
const STRANGER_MS = 60_000;
/** Nodes kept in all. A sender with invented names must not fill our memory. */
const MAX_NODES = 20_000;

export interface Fleet {
  /** Takes one message as it came. */
  accept(subject: string, data: Uint8Array): void;
  telemetry(node: string): Telemetry;
  /** A decision has seen everything up to and including `at`. */
  decided(at: EpochMs): void;
  /** Forgets nodes that are gone. */
  keepOnly(nodes: ReadonlySet<string>): void;
}

export interface FleetOptions {
  readonly now: () => EpochMs;
  readonly subjectRoot: string;
  readonly onRefused: (code: string, detail: string) => void;
  /** A node's GPUs have become readable or unreadable: worth a cycle now. */
  readonly onTurn: (node: string) => void;
  /** How long ago a report was made by its agent's clock when it was taken over. Shown and never decided on. */
  readonly onAge?: (ms: Millis) => void;
}

const NEVER: Telemetry = Object.freeze({
  kind: "unknown",
  because: "never-reported",
  detail: "no report has come from this node's agent",
});

interface Entry {
  readonly receivedAt: EpochMs;
  /** Of the last report no more than this is kept: the rest is read into what follows, and large. */
  readonly source: ReportGist["source"];
  readonly gpus: readonly GpuInput[];
  readonly since: readonly ReportDigest[];
  /** How many of them, from the first, somebody has asked for. What has come after those no decision has seen. */
  shown: number;
  /** What was told last; null: something else is to be told now. */
  told: Telemetry | null;
}

export function createFleet({ now, subjectRoot, onRefused, onTurn, onAge }: FleetOptions): Fleet {
  const entries = new Map<string, Entry>();
  return {
    accept: (subject, data) => {
      const decoded = decodeGist(subject, data, subjectRoot);
      if (decoded.kind === "refused") {
        onRefused(decoded.code, decoded.detail);
        return;
      }
      const { node, message } = decoded;
      const before = entries.get(node);
      if (before === undefined && entries.size >= MAX_NODES) {
        onRefused("too-many-nodes", node);
        return;
      }
      const at = now();
      onAge?.(millis(Math.max(0, at - message.at)));
      entries.set(node, {
        receivedAt: at,
        source: message.source,
        gpus: gpuInputs(message.gpus, before?.gpus ?? []),
        ...bounded([...(before?.since ?? []), Object.freeze(digestOf(message, at))], before?.shown ?? 0),
        told: null,
      });
      if (before?.source.state !== message.source.state) onTurn(node);
    },
    telemetry: (node) => {
      const entry = entries.get(node);
      if (entry === undefined) return NEVER;
      entry.told ??= Object.freeze(told(entry));
      if (entry.told.kind === "reported") entry.shown = entry.since.length;
      return entry.told;
    },
    decided: (at) => {
      for (const [node, entry] of entries) {
        const { since, shown } = entry;
        if (since.length <= 1 || shown === 0) continue;
        // The last one stays, for it says whether what is known now is fresh. Seen twice it counts once.
        const isKept = (digest: ReportDigest, i: number): boolean =>
          i === since.length - 1 || i >= shown || digest.at > at;
        entries.set(node, {
          ...entry,
          since: Object.freeze(since.filter(isKept)),
          shown: since.slice(0, shown).filter(isKept).length,
          told: null,
        });
      }
    },
    keepOnly: (nodes) => {
      const at = now();
      for (const [node, { receivedAt }] of entries) {
        if (!nodes.has(node) && elapsed(receivedAt, at) > STRANGER_MS) entries.delete(node);
      }
    },
  };
}

/** One report as idleness sees it. A source that is not ready, or no GPU at all, is not idle but unknown. */
export function digestOf(report: Pick<ReportGist, "source" | "gpus">, at: EpochMs): ReportDigest {
  const windows = report.gpus.map((gpu) => (gpu.state === "lost" ? null : known(gpu.utilization.w10)));
  const readable = report.source.state === "ready" && windows.length > 0;
  return {
    at,
    busiest: readable ? largest(windows.map((window) => window?.p95 ?? null)) : null,
    peak: readable ? largest(windows.map((window) => window?.max ?? null)) : null,
    coverage: readable ? share(Math.min(...windows.map((window) => window?.coverage ?? 0))) : share(0),
  };
}

function told({ source, receivedAt, gpus, since }: Entry): Telemetry {
  if (source.state === "ready") return { kind: "reported", receivedAt, gpus, since };
  const detail = [source.state, source.detail].filter(Boolean).join(": ");
  return { kind: "unknown", because: "source-not-ready", detail };
}

/** By UUID, as decisions want them. Names are those of the report before: each report brings them all anew. */
function gpuInputs(gpus: ReportGist["gpus"], before: readonly GpuInput[]): readonly GpuInput[] {
  const names = new Map(before.map(({ uuid }) => [uuid, uuid]));
  const inputs = gpus.map((gpu) => {
    const mean = gpu.state === "lost" ? undefined : known(gpu.utilization.w60)?.mean;
    const uuid = names.get(gpu.uuid) ?? gpu.uuid;
    return Object.freeze({ uuid, mean60: mean === undefined ? null : share(mean) });
  });
  return Object.freeze(inputs.sort((a, b) => (a.uuid < b.uuid ? -1 : a.uuid > b.uuid ? 1 : 0)));
}

function bounded(digests: readonly ReportDigest[], shown: number): Pick<Entry, "since" | "shown"> {
  const [first, second, ...rest] = digests;
  if (digests.length <= MAX_DIGESTS || first === undefined || second === undefined)
    return { since: Object.freeze(digests), shown };
  // Of the one that comes of the two, half may be news.
  return { since: Object.freeze([worstOf(first, second), ...rest]), shown: shown < 2 ? 0 : shown - 1 };
}

/** Two reports as one that is at least as busy, and at least as thin, as either. */
function worstOf(a: ReportDigest, b: ReportDigest): ReportDigest {
  return deepFreeze({
    at: b.at,
    busiest: largest([a.busiest, b.busiest]),
    peak: largest([a.peak, b.peak]),
    coverage: share(Math.min(a.coverage, b.coverage)),
  });
}

/** Null when one is not known: the largest of what is left would be a guess. */
function largest(values: readonly (number | null)[]): Ratio | null {
  let most = 0;
  for (const value of values) {
    if (value === null) return null;
    most = Math.max(most, value);
  }
  return share(most);
}

/** A share below 0 is no share: cut to 0 it would pass for idle. */
function known(reported: ReportedWindow): Extract<Window, { kind: "known" }> | null {
  const window = windowOf(reported);
  return window.kind === "known" && Math.min(window.mean, window.max, window.p95) >= 0 ? window : null;
}

/** Agents round; a hair above 1 is 1. */
function share(value: number): Ratio {
  return ratio(Math.min(1, Math.max(0, value)));
}
