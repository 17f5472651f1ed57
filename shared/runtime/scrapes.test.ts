import { crc32, gunzipSync } from "node:zlib";

import { describe, expect, test } from "vitest";

import { settle } from "../../test/build/clock.ts";
import { createScrapes } from "./scrapes.ts";
import type { Scrape } from "./scrapes.ts";

/** As it arrives. */
const joined = ({ body }: Scrape): Buffer => Buffer.concat(body);

const LONG = "a_metric_with_a_long_name 1\n".repeat(100);
const OPEN = "application/openmetrics-text";

describe("createScrapes()", () => {
  test("answers in the format and the encoding that is asked for", async () => {
    const scrape = createScrapes({
      text: () => Promise.resolve(LONG),
      openMetrics: () => Promise.resolve(`${LONG}# EOF\n`),
    });
    const plain = await scrape({});
    expect(plain.headers).toEqual({
      "content-type": "text/plain; version=0.0.4; charset=utf-8",
      vary: "Accept, Accept-Encoding",
    });
    expect(joined(plain).toString()).toBe(LONG);
    const packed = await scrape({ accept: OPEN, "accept-encoding": "gzip" });
    expect(packed.headers).toMatchObject({
      "content-type": `${OPEN}; version=1.0.0; charset=utf-8`,
      "content-encoding": "gzip",
    });
    expect(joined(packed).length).toBeLessThan(200);
    expect(gunzipSync(joined(packed)).toString()).toBe(`${LONG}# EOF\n`);
  });

  test("does not pack a page that is small already", async () => {
    const scrape = createScrapes({ text: () => Promise.resolve("a 1\n") });
    const answer = await scrape({ "accept-encoding": "gzip" });
    expect(answer.headers).not.toHaveProperty("content-encoding");
    expect(joined(answer).toString()).toBe("a 1\n");
  });

  test("a program without OpenMetrics gives its text, and calls it so", async () => {
    const scrape = createScrapes({ text: () => Promise.resolve("a 1\n") });
    const { headers } = await scrape({ accept: OPEN });
    expect(headers["content-type"]).toContain("text/plain");
  });

  test("a crowd shares one rendering, and whoever comes after it gets a new one", async () => {
    let rendered = 0;
    const scrape = createScrapes({ text: () => Promise.resolve(`${LONG}renders ${++rendered}\n`) });
    const crowd = await Promise.all(Array.from({ length: 64 }, () => scrape({ "accept-encoding": "gzip" })));
    expect(rendered).toBe(1);
    // One packing as well: it is the same piece of memory.
    expect(new Set(crowd.map(({ body }) => body)).size).toBe(1);
    expect(joined(await scrape({})).toString()).toContain("renders 2\n");
  });

  test("a crowd is answered a few at a time, and what else waits comes in between", async () => {
    const scrape = createScrapes({ text: () => Promise.resolve("a 1\n") });
    let answered = 0;
    const crowd = Promise.all(
      Array.from({ length: 64 }, async () => {
        await scrape({});
        answered++;
      }),
    );
    const seen: number[] = [];
    while (answered < 64) {
      await settle(1);
      seen.push(answered);
    }
    await crowd;
    const most = Math.max(...seen.map((count, i) => count - (seen[i - 1] ?? 0)));
    expect(most).toBeLessThanOrEqual(16);
    expect(seen.length).toBeGreaterThan(4);
  });

  test("a rendering that failed fails those who shared it and nobody after them", async () => {
    let failing = true;
    const scrape = createScrapes({
      text: () => (failing ? Promise.reject(new Error("no room")) : Promise.resolve("a 1\n")),
    });
    const both = await Promise.allSettled([scrape({}), scrape({})]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    failing = false;
    expect(joined(await scrape({})).toString()).toBe("a 1\n");
  });

  test.each([
    [16 * 1024, 16 * 1024 + 1],
    [16 * 1024 + 1, 10],
    [200_000, 0],
  ])("parts of %i and %i bytes, packed here or by a thread, are one file", async (...lengths) => {
    // Nothing that repeats itself within a small window only.
    const parts = lengths.map((length, part) =>
      Buffer.from(Array.from({ length }, (_, i) => (i * i + part) % 251)),
    );
    const scrape = createScrapes({ text: () => Promise.resolve(parts) });
    const file = joined(await scrape({ "accept-encoding": "gzip" }));
    expect(gunzipSync(file).equals(Buffer.concat(parts))).toBe(true);
    expect(file.readUInt32LE(file.length - 8)).toBe(crc32(Buffer.concat(parts)));
  });

  test("packs a part that stays once, and writes one file that every reader takes whole", async () => {
    const stays = Buffer.from(LONG);
    const empty = Buffer.alloc(0);
    let count = 0;
    const scrape = createScrapes({
      text: () => Promise.resolve([stays, empty, Buffer.from(`scrapes ${++count}\n`)]),
    });
    const [first, second] = [
      await scrape({ "accept-encoding": "gzip" }),
      await scrape({ "accept-encoding": "gzip" }),
    ];
    expect(gunzipSync(joined(first)).toString()).toBe(`${LONG}scrapes 1\n`);
    expect(gunzipSync(joined(second)).toString()).toBe(`${LONG}scrapes 2\n`);
    expect(second.body[1]).toBe(first.body[1]);
    // One member: its end, with the sum over all of it, is the end of the file.
    expect(joined(first).readUInt32LE(joined(first).length - 8)).toBe(crc32(`${LONG}scrapes 1\n`));
    // The same in its parts when nobody wants it packed.
    expect((await scrape({})).body[0]).toBe(stays);
  });
});
