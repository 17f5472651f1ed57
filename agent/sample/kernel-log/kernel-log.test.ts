import { execFile } from "node:child_process";
import {
  appendFile,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { GpuEvent } from "../../../shared/model/gpu.ts";
import { createLogSink } from "../../../shared/runtime/log.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import { createKernelLog } from "./kernel-log.ts";
import type { KmsgDevice } from "./kmsg.ts";
import type { KernelLogMachine } from "./open-log.ts";

const TURN_MS = 750;
const XID = "Nov 26 12:00:00 gpu-1 kernel: [  1.0] NVRM: Xid (PCI:0000:3b:00):";
const XID_79 = `${XID} 79, GPU has fallen off the bus.\n`;
const GPU = "GPU-8f2f3b1e-6c1d-4d0e-9f4b-2f1f6f0a9d11";

let folder = "";
let path = "";
const stops: (() => Promise<void>)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kernel-log-"));
  path = join(folder, "kern.log");
  await writeFile(path, XID_79);
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await rm(folder, { recursive: true });
});

const noRing: KmsgDevice = {
  open: () => {
    throw Object.assign(new Error("EPERM: operation not permitted, open '/dev/kmsg'"), { code: "EPERM" });
  },
  read: () => 0,
  close: () => {},
};

function start(setting: string, files: Partial<KernelLogMachine> = {}, stateDir: string | null = null) {
  const clock = createFakeClock(Date.now());
  const events: GpuEvent[] = [];
  const { log, lines } = createLogSink("info");
  const stop = new AbortController();
  const kernelLog = createKernelLog({
    setting,
    stateDir,
    clock,
    onEvent: (event) => events.push(event),
    log,
    signal: stop.signal,
    files: {
      kmsgPath: join(folder, "kmsg"),
      kmsg: noRing,
      logPaths: [path],
      bootId: async () => await Promise.resolve("boot-1"),
      ...files,
    },
  });
  const end = async (): Promise<void> => {
    stop.abort();
    await kernelLog.ended;
  };
  stops.push(end);
  return {
    kernelLog,
    clock,
    events,
    lines,
    end,
    xids: () => events.map(({ what }) => (what.kind === "xid" ? what.xid : what.kind)),
    /** The loop has read what there was and sleeps. */
    read: async () => {
      await clock.untilSleeping(TURN_MS);
    },
    turn: async () => {
      await clock.untilSleeping(TURN_MS);
      await clock.advance(TURN_MS);
      await clock.untilSleeping(TURN_MS);
    },
  };
}

describe("createKernelLog() with a log file", () => {
  test("tells what comes after its start, with the name that the log gives the GPU", async () => {
    const { kernelLog, events, read, turn, clock } = start(path);
    await read();
    expect(kernelLog.state()).toEqual({ kind: "reading", from: path });
    await appendFile(path, `gpu-1 kernel: NVRM: GPU at PCI:0000:3b:00: ${GPU}\n${XID_79}`);
    await turn();
    expect(events).toEqual([
      {
        at: clock.now(),
        gpu: GPU,
        busId: "0000:3b:00.0",
        teller: "kernel-log",
        what: { kind: "xid", xid: 79 },
        gpuInstance: null,
        text: "NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.",
      },
    ]);
  });

  test("is not misled by a line of the future", async () => {
    const { events, read, turn, clock } = start(path);
    await read();
    await appendFile(path, `2199-01-01T00:00:00Z gpu-1 kernel: NVRM: Xid (PCI:0000:3b:00): 13, x\n`);
    await turn();
    expect(events[0]?.at).toBe(clock.now());
  });

  test("survives a rotation and a file that is gone for a while", async () => {
    const { kernelLog, xids, read, turn, clock } = start(path);
    await read();
    await appendFile(path, `${XID} 13, a\n`);
    await rename(path, `${path}.1`);
    await turn();
    await writeFile(path, `${XID} 31, b\n`);
    await turn();
    expect(xids()).toEqual([13, 31]);
    // Something that is no file stands in its place: said, and tried again.
    await rm(path);
    await mkdir(path);
    await clock.advance(TURN_MS);
    await clock.untilSleeping(30_000);
    expect(kernelLog.state()).toMatchObject({
      kind: "none",
      why: expect.stringContaining("EISDIR") as string,
    });
    await rm(path, { recursive: true });
    await writeFile(path, `${XID} 43, c\n`);
    await clock.advance(30_000);
    await read();
    expect(kernelLog.state()).toEqual({ kind: "reading", from: path });
    expect(xids()).toEqual([13, 31, 43]);
  });

  test("tells every fault in a flood of 10,000 lines", async () => {
    const { xids, read, turn } = start(path);
    await read();
    const other =
      'Nov 26 12:00:00 gpu-1 kernel: [  1.0] audit: type=1400 audit(1.1:2): apparmor="ALLOWED" pid=1\n';
    await appendFile(path, `${other.repeat(5_000)}${XID} 48, x\n${other.repeat(5_000)}${XID} 63, y\n`);
    await turn();
    expect(xids()).toEqual([48, 63]);
  });
});

describe("createKernelLog() over a restart", () => {
  test("tells what came meanwhile, and nothing twice", async () => {
    const first = start(path, {}, folder);
    await first.read();
    await appendFile(path, `${XID} 13, a\n`);
    await first.turn();
    await first.end();
    await appendFile(path, `${XID} 31, b\n`);
    const second = start(path, {}, folder);
    await second.read();
    expect([first.xids(), second.xids()]).toEqual([[13], [31]]);
  });

  test("that ended without a word tells nothing twice either", async () => {
    const first = start(path, {}, folder);
    await first.read();
    await appendFile(path, `${XID} 13, a\n`);
    await first.turn();
    // Not ended: what is kept is what a kill leaves.
    await first.clock.advance(1_000);
    await expect
      .poll(async () => await readFile(join(folder, "kernel-log.json"), "utf8"))
      .toContain(`"offset":${XID_79.length + XID.length + 7}`);
    const second = start(path, {}, folder);
    await second.read();
    expect(second.xids()).toEqual([]);
  });

  test("of the machine begins at the end", async () => {
    const first = start(path, {}, folder);
    await first.read();
    await first.end();
    await appendFile(path, XID_79);
    const second = start(path, { bootId: async () => await Promise.resolve("boot-2") }, folder);
    await second.read();
    expect(second.xids()).toEqual([]);
  });

  test("with a state file that is none begins at the end, and says so", async () => {
    await writeFile(join(folder, "kernel-log.json"), "{ broken");
    const { read, xids, lines } = start(path, {}, folder);
    await read();
    expect(xids()).toEqual([]);
    expect(lines.map(({ message }) => message)).toContain(
      "state of the agent before cannot be read and is left",
    );
  });

  test("on a full disk it says once that nothing is kept, and reads on", async () => {
    const state = join(folder, "state");
    await mkdir(state);
    const fresh = join(state, "kernel-log.json.new");
    await symlink("/dev/full", fresh);
    const { read, turn, xids, lines, clock } = start(path, {}, state);
    const warned = (): number =>
      lines.filter(({ message }) => message.startsWith("state cannot be kept")).length;
    await read();
    await expect.poll(warned).toBe(1);
    await rm(fresh, { force: true });
    await symlink("/dev/full", fresh);
    await appendFile(path, `${XID} 13, a\n`);
    await turn();
    await clock.advance(1_000);
    expect(xids()).toEqual([13]);
    expect(warned()).toBe(1);
    // It takes the broken half away, so with room again the next write works.
    await appendFile(path, `${XID} 31, b\n`);
    await turn();
    await clock.advance(1_000);
    await expect
      .poll(() => lines.map(({ message }) => message))
      .toContain("state is kept over restarts again");
  });
});

describe("createKernelLog() with the kernel's ring", () => {
  function aRing(): { readonly kmsg: KmsgDevice; readonly records: string[] } {
    const records: string[] = [];
    return {
      records,
      kmsg: {
        open: () => 7,
        read: (_, into) => {
          const record = records.shift();
          if (record === undefined) throw Object.assign(new Error("EAGAIN"), { code: "EAGAIN" });
          return into.write(record);
        },
        close: () => {},
      },
    };
  }

  test("reads it where there is no log file, and dates its records by the time since boot", async () => {
    const ring = aRing();
    ring.records.push("4,10,1000000,-;NVRM: Xid (PCI:0000:3b:00): 13, before\n");
    const { kernelLog, events, xids, read, turn, clock } = start("auto", {
      logPaths: [join(folder, "none.log")],
      kmsg: ring.kmsg,
      uptimeMs: () => 60_000,
    });
    await read();
    expect(kernelLog.state()).toEqual({ kind: "reading", from: join(folder, "kmsg") });
    ring.records.push("4,11,59750000,-;NVRM: Xid (PCI:0000:3b:00): 79, after\n");
    await turn();
    expect(xids()).toEqual([79]);
    expect(events[0]?.at).toBe(clock.now() - 250);
  });

  test("takes nothing that is new for old, however far the kernel's own clock has gone astray", async () => {
    const ring = aRing();
    const { events, read, turn, clock } = start(join(folder, "kmsg"), {
      kmsg: ring.kmsg,
      uptimeMs: () => 60 * 24 * 3_600_000,
    });
    await read();
    const lookedAt = clock.now();
    // Two minutes in 60 days.
    const behindUs = (60 * 24 * 3_600 - 120) * 1e6;
    ring.records.push(`4,10,${behindUs},-;NVRM: Xid (PCI:0000:3b:00): 79, x\n`);
    await turn();
    ring.records.push(`4,11,${behindUs},-;NVRM: Xid (PCI:0000:3b:00): 79, x\n`);
    await turn();
    expect(events.map(({ at }) => at - lookedAt)).toEqual([0, TURN_MS]);
  });

  test("remembers the number over a restart", async () => {
    const ring = aRing();
    const files = { kmsg: ring.kmsg };
    ring.records.push("4,10,1,-;other\n");
    const first = start(join(folder, "kmsg"), files, folder);
    await first.read();
    await first.end();
    const record = (seq: number): string => `4,${seq},1,-;NVRM: Xid (PCI:0000:3b:00): 13, x\n`;
    ring.records.push(record(10), record(11));
    const second = start(join(folder, "kmsg"), files, folder);
    await second.read();
    expect(second.xids()).toEqual([13]);
  });
});

describe("createKernelLog() without a log", () => {
  test("says which it tried and why not, and finds one that comes later", async () => {
    const late = join(folder, "late.log");
    const { kernelLog, xids, clock, read } = start("auto", { logPaths: [late] });
    await clock.untilSleeping(30_000);
    expect(kernelLog.state()).toMatchObject({
      kind: "none",
      why: expect.stringMatching(/ENOENT.*late\.log.*EPERM.*kmsg/) as string,
    });
    await writeFile(late, XID_79);
    await clock.advance(30_000);
    await read();
    expect(kernelLog.state()).toEqual({ kind: "reading", from: late });
    expect(xids()).toEqual([]);
  });

  test("does not take a file that nobody has written to since the boot", async () => {
    await utimes(path, 1_000, 1_000);
    const { kernelLog, clock } = start("auto");
    await clock.untilSleeping(30_000);
    expect(kernelLog.state()).toMatchObject({ why: expect.stringContaining("since the boot") as string });
  });

  test("does not open a pipe, which would hold a thread", async () => {
    const pipe = join(folder, "pipe");
    await promisify(execFile)("mkfifo", [pipe]);
    const { kernelLog, clock } = start(pipe);
    await clock.untilSleeping(30_000);
    expect(kernelLog.state()).toMatchObject({ why: expect.stringContaining("neither a log file") as string });
  });

  test("reads nothing when it is switched off", async () => {
    const { kernelLog } = start("none");
    await kernelLog.ended;
    expect(kernelLog.state()).toMatchObject({
      kind: "none",
      why: expect.stringContaining("setting") as string,
    });
  });
});
