// The agents of a large fleet as one process of its own, so that what they cost is not charged to whoever listens: reads
// `{ url, nodes, gpus, everyMs }` as JSON from standard input, then sends a report of each node in each period, spread
// evenly, until its input closes. Not a bench itself.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { createInterface } from "node:readline";

import { encode } from "../../shared/contract/codec.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { connectNats } from "../../shared/runtime/nats.ts";
import { aBusyReport } from "../build/reports.ts";

export interface Sending {
  readonly url: string;
  readonly nodes: readonly string[];
  readonly gpus: number;
  readonly everyMs: number;
}

const STEP_MS = 10;

const lines = createInterface({ input: process.stdin });
for await (const line of lines) {
  // The bench wrote it.
  const stop = send(JSON.parse(line) as Sending);
  process.stdin.once("end", () => void stop());
}

function send({ url, nodes, gpus, everyMs }: Sending): () => Promise<void> {
  const nats = connectNats({
    servers: [url],
    name: "agents",
    log: createLogSink().log,
    clock: systemClock,
    random: seededRandom(1),
  });
  const random = seededRandom(2);
  const delays = monitorEventLoopDelay({ resolution: STEP_MS });
  delays.enable();
  const beganAt = systemClock.monotonic();
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((systemClock.monotonic() - beganAt) / everyMs) * nodes.length);
    for (; sent < due; sent++) {
      const node = nodes[sent % nodes.length] ?? "";
      const seq = Math.floor(sent / nodes.length);
      nats.publishLatest(
        subjectFor("report", node),
        encode<"report">(aBusyReport(node, { seq, gpus, random })),
      );
    }
  }, STEP_MS);
  return async () => {
    clearInterval(timer);
    // What lags here is no lag of the listener, and says that the machine was busy with something else.
    console.error(
      `report-sender: its own loop was at most ${Math.round(delays.percentile(99) / 1e6)} ms late, in 99 %`,
    );
    await nats.close();
  };
}
