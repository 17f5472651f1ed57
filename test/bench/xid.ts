// How long an XID takes from the driver, and from the kernel log, until a subscriber of NATS has it. The double
// reports an event at the moment that its scenario is written; a line of the log is there when it is appended.

import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../shared/runtime/clock.ts";
import { healthyGpus } from "../nvml-double/fixture.ts";
import { createScene } from "../scenarios/agent-scene.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";

const TIMES = 30;
/** XIDs that a program causes: they stand for no lasting fault, so each is news of its own. */
const BY_DRIVER = 31;
const BY_LOG = 13;
const XID_EVENT = 0x8;
/** The same GPU and XID from both tellers within 2 s is one event; here each has its own. */
const GPUS = 8;

export async function run(): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), "bench-xid-"));
  const log = join(dir, "kern.log");
  writeFileSync(log, "");
  try {
    await using scene = await createScene({ gpus: healthyGpus(GPUS) });
    await scene.agent({ env: { GPUAS_KERNEL_LOG: log } });
    const heard = (xid: number): readonly number[] =>
      scene.heard.flatMap((one) => {
        if (one.kind !== "health" || one.message.health.kind !== "event") return [];
        return one.message.health.number === xid ? [one.atMs] : [];
      });

    const eventMs: number[] = [];
    const logMs: number[] = [];
    for (let i = 0; i < TIMES; i++) {
      const gpu = i % GPUS;
      const driverAt = systemClock.now();
      scene.double.write({
        gpus: healthyGpus(GPUS),
        events: [{ afterMs: 0, gpu, type: XID_EVENT, data: BY_DRIVER }],
      });
      await scene.until("event in NATS", () => heard(BY_DRIVER).length > i, 10_000);
      eventMs.push((heard(BY_DRIVER)[i] ?? Number.NaN) - driverAt);

      const logAt = systemClock.now();
      const busId = `0000:${(0x3b + gpu).toString(16)}:00`;
      appendFileSync(
        log,
        `${stamp(logAt)} node kernel: [ 1.0] NVRM: Xid (PCI:${busId}): ${BY_LOG}, pid=1, name=a\n`,
      );
      await scene.until("log line in NATS", () => heard(BY_LOG).length > i, 10_000);
      logMs.push((heard(BY_LOG)[i] ?? Number.NaN) - logAt);
    }
    return [
      figure("event_to_nats_s", Math.max(...eventMs) / 1000, "s", { max: 0.2 }),
      figure("log_to_nats_s", Math.max(...logMs) / 1000, "s", { max: 1.2 }),
    ];
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function stamp(at: number): string {
  return new Date(at).toISOString();
}
