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

interface Entry {
  readonly receivedAt: EpochMs;
  /** Of the last report no more than this is kept: the rest is read into what follows, and large. */
  readonly source: ReportGist["source"];
  readonly gpus: readonly GpuInput[];
  readonly since: readonly ReportDigest[];
}

export function createFleet({ now, subjectRoot, onRefused, onTurn, onAge }: FleetOptions): Fleet {
  const entries = new Map<string, Entry>();
  /** What somebody has asked for. What has come since, in the same millisecond even, no decision has seen. */
  const shown = new WeakSet<ReportDigest>();
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
        gpus: deepFreeze(message.gpus.map(gpuInput)),
        since: bounded([...(before?.since ?? []), deepFreeze(digestOf(message, at))]),
      });
      if (before?.source.state !== message.source.state) onTurn(node);
    },
    telemetry: (node) => {
      const entry = entries.get(node);
      if (entry === undefined)
        return {
          kind: "unknown",
          because: "never-reported",
          detail: "no report has come from this node's agent",
        };
      const { source } = entry;
      if (source.state !== "ready") {
        return {
          kind: "unknown",
          because: "source-not-ready",
          detail: [source.state, source.detail].filter(Boolean).join(": "),
        };
      }
      for (const digest of entry.since) shown.add(digest);
      return { kind: "reported", receivedAt: entry.receivedAt, gpus: entry.gpus, since: entry.since };
    },
    decided: (at) => {
      for (const [node, entry] of entries) {
        if (entry.since.length <= 1) continue;
        entries.set(node, {
          ...entry,
          // The last one stays, for it says whether what is known now is fresh. Seen twice it counts once.
          since: entry.since.filter(
            (digest, i) => i === entry.since.length - 1 || digest.at > at || !shown.has(digest),
          ),
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

function gpuInput(gpu: ReportGist["gpus"][number]): GpuInput {
  const mean = gpu.state === "lost" ? undefined : known(gpu.utilization.w60)?.mean;
  return { uuid: gpu.uuid, mean60: mean === undefined ? null : share(mean) };
}

function bounded(digests: readonly ReportDigest[]): readonly ReportDigest[] {
  const [first, second, ...rest] = digests;
  if (digests.length <= MAX_DIGESTS || first === undefined || second === undefined) return digests;
  return [worstOf(first, second), ...rest];
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
