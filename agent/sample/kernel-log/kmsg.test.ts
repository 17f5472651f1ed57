import { describe, expect, test } from "vitest";

import { readKmsg } from "./kmsg.ts";
import type { KmsgDevice } from "./kmsg.ts";

/** A record, which holds a ";", or the code of an error. */
type Next = string;

/** A ring that gives what stands in the list, and has nothing more after it. */
function aRing(): { readonly device: KmsgDevice; readonly next: Next[]; closed: number } {
  const next: Next[] = [];
  const ring = {
    next,
    closed: 0,
    device: {
      open: () => 7,
      read: (_: number, into: Buffer) => {
        const record = next.shift() ?? "EAGAIN";
        if (!record.includes(";")) throw Object.assign(new Error(record), { code: record });
        return into.write(record);
      },
      close: () => {
        ring.closed++;
      },
    },
  };
  return ring;
}

const record = (seq: number, text: string, priority = 4): string =>
  `${priority},${seq},${seq * 1_000},-;${text}\n`;

describe("readKmsg()", () => {
  test("hands over what is there at first as old, and what comes then as new", async () => {
    const ring = aRing();
    const reader = readKmsg("ring", null, ring.device);
    ring.next.push(record(1, "other"), record(2, "NVRM: a"));
    expect((await reader.turn()).records).toEqual([{ seq: 2, atUs: 2_000, text: "NVRM: a", old: true }]);
    ring.next.push(record(3, "NVRM: b"), record(4, "other"));
    expect((await reader.turn()).records).toEqual([{ seq: 3, atUs: 3_000, text: "NVRM: b", old: false }]);
    expect(reader.seq()).toBe(4);
  });

  test("after a restart calls new what is beyond the number that was kept", async () => {
    const ring = aRing();
    ring.next.push(record(7, "NVRM: a"), record(8, "NVRM: b"));
    const { records } = await readKmsg("ring", 7, ring.device).turn();
    expect(records.map(({ seq, old }) => [seq, old])).toEqual([
      [7, true],
      [8, false],
    ]);
  });

  test("goes on after an overrun and after a record that does not fit", async () => {
    const ring = aRing();
    const reader = readKmsg("ring", 0, ring.device);
    ring.next.push(record(1, "NVRM: a"), "EPIPE", record(90, "NVRM: b"), "EINVAL", record(92, "NVRM: c"));
    const turn = await reader.turn();
    expect(turn).toMatchObject({ more: false, overruns: 1 });
    expect(turn.records.map(({ seq }) => seq)).toEqual([1, 90, 92]);
  });

  test("passes over what a program wrote there", async () => {
    const ring = aRing();
    ring.next.push(record(1, "NVRM: Xid (PCI:0000:3b:00): 79, x", 12));
    expect((await readKmsg("ring", 0, ring.device).turn()).records).toEqual([]);
  });

  test("reads so much in a turn and no more", async () => {
    const ring = aRing();
    const reader = readKmsg("ring", 0, ring.device);
    for (let seq = 1; seq <= 50_000; seq++) ring.next.push(record(seq, "other"));
    expect(await reader.turn()).toMatchObject({ more: true });
    expect(reader.seq()).toBe(40_000);
    expect(await reader.turn()).toMatchObject({ more: false });
    expect(reader.seq()).toBe(50_000);
  });

  test("throws what the device says otherwise, and closes it when told", async () => {
    const ring = aRing();
    const reader = readKmsg("ring", 0, ring.device);
    ring.next.push("EIO");
    await expect(reader.turn()).rejects.toMatchObject({ code: "EIO" });
    reader.close();
    expect(ring.closed).toBe(1);
  });
});
