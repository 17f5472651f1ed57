// Answers to scrapes: in the format and the encoding that the client asks for, and one rendering for all who ask at
// the same time, so that a crowd of scrapes costs the program little more than one. What a scrape sees is never older
// than the scrape; a part of a page that has not changed since is neither rendered nor packed again.

import type { IncomingHttpHeaders } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import { promisify } from "node:util";
import { constants, crc32, deflateRaw, deflateRawSync } from "node:zlib";

import { formatFor, METRICS_CONTENT_TYPES, takesGzip } from "./exposition.ts";
import type { MetricsFormat } from "./exposition.ts";

/** A page, or its parts in order. A part that is the same object as before is taken to say the same as before. */
export type MetricsParts = string | readonly Buffer[];

export interface Scrape {
  readonly headers: Readonly<Record<string, string>>;
  /** To be sent one after another. */
  readonly body: readonly Buffer[];
}

/** Below it, packing makes a page hardly smaller. */
const GZIP_FROM_BYTES = 1024;
/** Answers that are sent in one turn of the event loop: to send one takes the system about as long as to copy it. */
const IN_TURN = 8;

/** `openMetrics` is missing where a program has the older format only: then that is what everybody gets. */
export function createScrapes(pages: {
  readonly text: () => Promise<MetricsParts>;
  readonly openMetrics?: (() => Promise<MetricsParts>) | undefined;
}): (headers: IncomingHttpHeaders) => Promise<Scrape> {
  const { text, openMetrics } = pages;
  const plain: Readonly<Record<MetricsFormat, () => Promise<readonly Buffer[]>>> = {
    text: sharedInTurn(async () => partsOf(await text())),
    openmetrics: sharedInTurn(async () => partsOf(await (openMetrics ?? text)())),
  };
  const oneOfFew = fewInTurn(IN_TURN);
  const packed = onceForEach(pack);
  const gzipped = onceForEach(async (parts: readonly Buffer[]) =>
    wrapped(await Promise.all(parts.map(packed))),
  );

  return async (headers) => {
    const format = openMetrics === undefined ? "text" : formatFor(headers.accept);
    const head = { "content-type": METRICS_CONTENT_TYPES[format], vary: "Accept, Accept-Encoding" };
    const [encoding] = [headers["accept-encoding"]].flat();
    const parts = await plain[format]();
    await oneOfFew();
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    if (bytes <= GZIP_FROM_BYTES || !takesGzip(encoding)) return { headers: head, body: parts };
    return { headers: { ...head, "content-encoding": "gzip" }, body: await gzipped(parts) };
  };
}

function partsOf(page: MetricsParts): readonly Buffer[] {
  return typeof page === "string" ? [Buffer.from(page)] : page;
}

/** A part as deflate blocks without the mark of the last one, so that others can follow. */
interface Packed {
  readonly part: Buffer;
  /** Of this part alone. */
  readonly sum: number;
  readonly blocks: Buffer;
}

const deflated = promisify(deflateRaw);

/** Up to here it takes less to pack a part than to hand it to a thread and to wait until that is awake. */
const PACK_HERE_BYTES = 16 * 1024;

/** At the level that costs least: pages of metrics repeat themselves and pack well anyway. */
const PACKING = { level: constants.Z_BEST_SPEED, finishFlush: constants.Z_SYNC_FLUSH };
/** A fifth of the memory for each time, which is what garbage collections are called for. */
const PACKING_HERE = { ...PACKING, windowBits: 13, memLevel: 5 };

async function pack(part: Buffer): Promise<Packed> {
  const isShort = part.length <= PACK_HERE_BYTES;
  const blocks = isShort ? deflateRawSync(part, PACKING_HERE) : await deflated(part, PACKING);
  return { part, sum: crc32(part), blocks };
}

/** The parts as one gzip file (RFC 1952): some clients read the first of several files only. */
function wrapped(parts: readonly Packed[]): readonly Buffer[] {
  // Deflate, no name, no time, fastest packing, unknown system.
  const head = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255]);
  const end = Buffer.alloc(EMPTY_LAST_BLOCK.length + 8);
  EMPTY_LAST_BLOCK.copy(end);
  let sum = 0;
  let length = 0;
  for (const [at, { part, sum: own }] of parts.entries()) {
    // The first part is the long one that stays, and its sum is known.
    sum = at === 0 ? own : crc32(part, sum);
    length += part.length;
  }
  end.writeUInt32LE(sum, EMPTY_LAST_BLOCK.length);
  end.writeUInt32LE(length % 2 ** 32, EMPTY_LAST_BLOCK.length + 4);
  return [head, ...parts.map(({ blocks }) => blocks), end];
}

const EMPTY_LAST_BLOCK = Buffer.from([3, 0]);

/** Made once for each object, for as long as somebody has it. */
function onceForEach<Key extends object, T>(make: (key: Key) => Promise<T>): (key: Key) => Promise<T> {
  const made = new WeakMap<Key, Promise<T>>();
  return (key) => {
    const known = made.get(key) ?? make(key);
    made.set(key, known);
    return known;
  };
}

/** All who call within one turn of the event loop get one result, made at its end. */
function sharedInTurn<T>(make: () => Promise<T>): () => Promise<T> {
  let waiting: Promise<T> | null = null;
  const atTheEnd = async (): Promise<T> => {
    await nextTurn();
    // Whoever comes from now on may know of something newer.
    waiting = null;
    return await make();
  };
  return () => (waiting ??= atTheEnd());
}

/** Lets `most` callers go on in one turn of the event loop, so that whatever else waits gets its turn between them. */
function fewInTurn(most: number): () => Promise<void> {
  let turn: Promise<void> = Promise.resolve();
  let left = most;
  return async () => {
    if (left === 0) {
      turn = turn.then(async () => {
        await nextTurn();
      });
      left = most;
    }
    left--;
    await turn;
  };
}
