// How long an XID takes from the driver, and from the kernel log, until a subscriber of NATS has it. The double
// reports an event at the moment that its scenario is written; a line of the log is there when it is appended.

import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../shared/runtime/clock.ts";
import { healthyGpu, healthyGpus } from "../nvml-double/fixture.ts";
import { createScene } from "../scenarios/agent-scene.ts";
import type { Heard } from "../scenarios/agent-scene.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";

const TIMES = 30;
/** XIDs that a program causes: they stand for no lasting fault, so each is news of its own. */
const BY_DRIVER = 31;
const BY_LOG = 13;
const XID_EVENT = 0x8;
/** In turn: what is heard of one GPU cannot be taken for what another one told. */
const GPUS = 8;

export async function run(): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), "bench-xid-"));
  const log = join(dir, "kern.log");
  writeFileSync(log, "");
  try {
    await using scene = await createScene({ gpus: healthyGpus(GPUS) });
    await scene.agent({ env: { GPUAS_KERNEL_LOG: log } });
    /** How long after `from` this one was heard, in ms; so late that nobody waits longer is an error. */
    const heardMs = async (one: Telling, from: number): Promise<number> => {
      const find = () => scene.heard.find((heard) => heard.atMs >= from && tells(heard, one));
      await scene.until(`XID ${one.number} of GPU ${one.gpu}`, () => find() !== undefined, 10_000);
      return (find()?.atMs ?? Number.NaN) - from;
    };

    const eventMs: number[] = [];
    const logMs: number[] = [];
    for (let i = 0; i < TIMES; i++) {
      const gpu = i % GPUS;
      const driverAt = systemClock.now();
      scene.double.write({
        gpus: healthyGpus(GPUS),
        events: [{ afterMs: 0, gpu, type: XID_EVENT, data: BY_DRIVER }],
      });
      eventMs.push(await heardMs({ number: BY_DRIVER, gpu, teller: "driver" }, driverAt));

      const logAt = systemClock.now();
      const busId = String(healthyGpu(gpu).busId).replace(/\.0$/, "");
      appendFileSync(
        log,
        `${stamp(logAt)} node kernel: [ 1.0] NVRM: Xid (PCI:${busId}): ${BY_LOG}, pid=1, name=a\n`,
      );
      logMs.push(await heardMs({ number: BY_LOG, gpu, teller: "kernel-log" }, logAt));
    }
    return [
      figure("event_to_nats_s", Math.max(...eventMs) / 1000, "s", { max: 0.2 }),
      figure("log_to_nats_s", Math.max(...logMs) / 1000, "s", { max: 1.2 }),
    ];
  } finally {
    rmSync(dir, { recursive: true });
  }
}

interface Telling {
  readonly number: number;
  readonly gpu: number;
  readonly teller: "driver" | "kernel-log";
}

function tells(heard: Heard, { number, gpu, teller }: Telling): boolean {
  if (heard.kind !== "health" || heard.message.health.kind !== "event") return false;
  const { health } = heard.message;
  return health.number === number && health.gpu === healthyGpu(gpu).uuid && health.teller === teller;
}

function stamp(at: number): string {
  return new Date(at).toISOString();
}
