// Reads the kernel's own ring of messages, /dev/kmsg: one record a read, never blocking. Each turn reads until there
// is nothing new or its bound is reached. Records that were overwritten before they were read are counted and passed
// over. It does not know what a record means.

import { closeSync, constants, openSync, readSync } from "node:fs";

import { MARKS, readKmsgRecord } from "./grammar.ts";

export interface KmsgReader {
  /** Records with a mark that are newer than the last turn's. @throws what the device says when it cannot be read. */
  readonly turn: () => Promise<KmsgTurn>;
  /** Sequence number of the newest record that was read; null before the first. */
  readonly seq: () => number | null;
  readonly close: () => void;
}

export interface KmsgTurn {
  readonly records: readonly {
    readonly seq: number;
    readonly atUs: number;
    readonly text: string;
    readonly old: boolean;
  }[];
  /** There is more than one turn may read. */
  readonly more: boolean;
  /** How often records were overwritten before they were read. */
  readonly overruns: number;
}

/** The two calls that a test replaces: a real ring cannot be made to overrun on demand. */
export interface KmsgDevice {
  readonly open: (path: string) => number;
  /** Bytes of the next record; throws with code EAGAIN when there is none and EPIPE when some were overwritten. */
  readonly read: (fd: number, into: Buffer) => number;
  readonly close: (fd: number) => void;
}

export const KMSG_DEVICE: KmsgDevice = {
  // Without O_NONBLOCK a read waits for the next message, and its thread with it.
  open: (path) => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK),
  read: (fd, into) => readSync(fd, into, 0, into.length, null),
  close: (fd) => {
    closeSync(fd);
  },
};

/** The kernel refuses a read with less room than its longest record: 8 KiB. */
const RECORD_BYTES = 16 * 1024;
const RECORDS_IN_A_TURN = 40_000;
/** Between so many records others get their turn on this thread: about 5 ms. */
const RECORDS_AT_ONCE = 1_000;

/**
 * Opening gives the oldest record of the ring. What is at or before `after`, or, without it, everything that is there
 * at the first turn, is handed over as old.
 */
export function readKmsg(path: string, after: number | null, device: KmsgDevice = KMSG_DEVICE): KmsgReader {
  const fd = device.open(path);
  const room = Buffer.allocUnsafe(RECORD_BYTES);
  const marks = MARKS.map((mark) => Buffer.from(mark));
  let newest: number | null = null;
  let caughtUp = after !== null;

  const readOne = (): "read" | "end" | "overrun" | { readonly bytes: number } => {
    try {
      const bytes = device.read(fd, room);
      return bytes === 0 ? "end" : { bytes };
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : null;
      if (code === "EAGAIN") return "end";
      if (code === "EPIPE") return "overrun";
      // A record that does not fit: the kernel has gone on to the next one.
      if (code === "EINVAL") return "read";
      throw error;
    }
  };

  return {
    turn: async () => {
      const records: KmsgTurn["records"][number][] = [];
      let overruns = 0;
      for (let count = 0; count < RECORDS_IN_A_TURN; count++) {
        if (count > 0 && count % RECORDS_AT_ONCE === 0) await othersTurn();
        const got = readOne();
        if (got === "end") {
          caughtUp = true;
          return { records, more: false, overruns };
        }
        if (got === "overrun") overruns++;
        if (typeof got === "string") continue;
        const bytes = room.subarray(0, got.bytes);
        const marked = marks.some((mark) => bytes.includes(mark));
        const seq = marked ? null : seqOf(bytes);
        if (seq !== null) newest = seq;
        if (!marked) continue;
        const record = readKmsgRecord(bytes.toString("utf8"));
        if (record === null) continue;
        newest = record.seq;
        records.push({ ...record, old: !caughtUp || (after !== null && record.seq <= after) });
      }
      return { records, more: true, overruns };
    },
    seq: () => newest,
    close: () => {
      device.close(fd);
    },
  };
}

const COMMA = 44;

/** The number between the first two commas, without making text of the record. */
function seqOf(bytes: Buffer): number | null {
  const from = bytes.indexOf(COMMA) + 1;
  const to = bytes.indexOf(COMMA, from);
  if (from === 0 || to < 0) return null;
  const seq = Number(bytes.toString("latin1", from, to));
  return Number.isSafeInteger(seq) ? seq : null;
}

async function othersTurn(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}
