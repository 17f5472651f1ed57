// What it costs to record: the time that the loop's thread gives to each decision, beside that of observing nothing and
// deciding alone, and the bytes of a day. 500 nodes work, each reports every second, and now and then a job ends and another
// comes: each decision has news of every node, as in a live cluster.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";

import { decide } from "../../coordinator/decide/decide.ts";
import { EMPTY_MEMORY } from "../../coordinator/decide/snapshot-memory.ts";
import type { NodeInput, Snapshot } from "../../coordinator/decide/snapshot.ts";
import { createFolder } from "../../coordinator/record/folder.ts";
import { linePieces, RECORDING_FORMAT, RECORDING_VERSION } from "../../coordinator/record/line.ts";
import type { Decided } from "../../coordinator/record/line.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { bytes, epochMs, millis, ratio } from "../../shared/model/units.ts";
import { node } from "../build/node.ts";
import { NOW, SECOND } from "../build/now.ts";
import { pod } from "../build/pod.ts";
import { policy, pool } from "../build/policy.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";

const NODES = 500;
const GPUS = 8;
const PODS = 4;
const CYCLE_S = 10;
const CYCLES = 60;
const CYCLES_A_DAY = 86_400 / CYCLE_S;
/** Jobs that end and come in one cycle. */
const CHURN = 5;

export async function run(): Promise<Figure[]> {
  const decisions = cycles();
  const recordMs = decisions.slice(1).map((decided, index) => {
    const begun = performance.now();
    for (const _ of linePieces(decisions[index] ?? null, decided, index)) continue;
    return performance.now() - begun;
  });
  const decideMs = decisions.slice(1).map(({ snapshot }) => {
    const begun = performance.now();
    decide(snapshot);
    return performance.now() - begun;
  });
  const { whole, each } = await written(decisions);
  // A file begins with the whole and is closed after an hour.
  const dayMib = (24 * whole + CYCLES_A_DAY * each) / 2 ** 20;
  return [
    figure("ms_500", median(recordMs), "ms", {}),
    figure("decide_ms_500", median(decideMs), "ms", {}),
    figure("share_of_cycle", median(recordMs) / (CYCLE_S * 1000), "", { max: 0.05 }),
    figure("kib_decision_500", each / 1024, "KiB", {}),
    figure("mib_day_500", dayMib, "MiB", {}),
  ];
}

function cycles(): readonly Decided[] {
  const random = seededRandom(1);
  const built = policy({ maxNodes: NODES, pools: [pool("spot", { maxSize: NODES, size: NODES })] });
  const names = Array.from(
    { length: NODES },
    (_, index) => `ip-10-0-${index >> 8}-${index & 255}.ec2.internal`,
  );
  const bare = names.map((name) => node(name, { pool: "spot", gpus: GPUS }));
  const pods = names.flatMap((name, of) =>
    Array.from({ length: PODS }, (_, index) => pod(`job-${of}-${index}`, { node: name, gpus: GPUS / PODS })),
  );
  const policies = [
    {
      ...built,
      pools: [
        {
          name: "spot",
          group: { kind: "known" as const, size: NODES, chosenRemoval: true },
          instances: names.map((name) => ({ id: `i-${name}`, node: name, state: "ready" as const })),
        },
      ],
    },
  ];
  let memory: Snapshot["memory"] = EMPTY_MEMORY;
  return Array.from({ length: CYCLES }, (_, cycle) => {
    const at = epochMs(NOW + cycle * CYCLE_S * SECOND);
    for (let job = 0; job < CHURN; job++) {
      const index = Math.floor(random() * pods.length);
      const left = pods[index];
      if (left === undefined) continue;
      pods[index] = { ...pod(`job-${cycle}-${job}`, { gpus: GPUS / PODS }), node: left.node, waiting: null };
    }
    const nodes = bare.map((input): NodeInput => ({ ...input, telemetry: telemetryAt(at, random) }));
    const snapshot: Snapshot = {
      v: 1,
      at,
      sync: { kind: "synced", since: NOW },
      policies,
      nodes,
      pods: [...pods],
      budgets: [],
      notices: [],
      memory,
    };
    const decision = decide(snapshot);
    ({ memory } = decision);
    return { snapshot, plan: decision.plan };
  });
}

function telemetryAt(at: number, random: () => number): NodeInput["telemetry"] {
  const share = () => ratio(Math.round((0.5 + random() / 2) * 1000) / 1000);
  return {
    kind: "reported",
    receivedAt: epochMs(at - Math.floor(random() * 1000)),
    gpus: Array.from({ length: GPUS }, (_, index) => ({
      uuid: `GPU-${index}-0000-4000-8000-00000000`,
      mean60: share(),
    })),
    since: Array.from({ length: CYCLE_S }, (_, index) => ({
      at: epochMs(at - (CYCLE_S - index) * 1000 + Math.floor(random() * 1000)),
      busiest: share(),
      peak: share(),
      coverage: ratio(1),
    })),
  };
}

/** Compressed bytes of the first decision, and of each that follows. */
async function written(
  decisions: readonly Decided[],
): Promise<{ readonly whole: number; readonly each: number }> {
  const dir = await mkdtemp(join(tmpdir(), "bench-record-"));
  const bounds = { maxBytes: bytes(2 ** 31), maxAgeMs: millis(86_400_000) };
  const folder = createFolder(dir, bounds);
  const head = {
    format: RECORDING_FORMAT,
    v: RECORDING_VERSION,
    build: { version: "bench", revision: "bench" },
    session: "bench",
    names: null,
  } as const;
  try {
    let whole = 0;
    for (const [index, decided] of decisions.entries()) {
      const { file } = await folder.fileFor(NOW, head);
      await file.write(linePieces(decisions[index - 1] ?? null, decided, index));
      if (index === 0) whole = folder.bytes();
    }
    const each = (folder.bytes() - whole) / (decisions.length - 1);
    await folder.close();
    return { whole, each };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
