import { describe, expect, test } from "vitest";

import { seededRandom } from "../../../shared/model/random.ts";
import { describe as describeError, kindOf } from "../../../shared/runtime/errors.ts";
import { createAnswerReader, createHeadReader } from "./http-answer.ts";
import type { HttpAnswer } from "./http-answer.ts";

const SEED = 20_261_127;
const MAX_BYTES = 100;

/** In pieces of `by` bytes, in one buffer that is written over each time; then the end of the connection. */
function read(text: string, by = Number.MAX_SAFE_INTEGER): HttpAnswer | null {
  const reader = createAnswerReader(MAX_BYTES);
  const bytes = Buffer.from(text);
  const shared = Buffer.alloc(bytes.length);
  for (let from = 0; from < bytes.length; from += by) {
    const piece = bytes.subarray(from, from + by);
    shared.fill(0xff);
    piece.copy(shared);
    const answer = reader.add(shared.subarray(0, piece.length));
    if (answer !== null) return answer;
  }
  return reader.end();
}

function failure(text: string, by?: number): string {
  try {
    return JSON.stringify(read(text, by));
  } catch (error) {
    return `${kindOf(error)}: ${describeError(error)}`;
  }
}

const OK = "HTTP/1.1 200 OK\r\n";

const GOOD: readonly (readonly [what: string, text: string, answer: Partial<HttpAnswer>])[] = [
  [
    "a length",
    `${OK}Content-Length: 5\r\nDate: x \r\n\r\nhällo`.replace("5", "6"),
    { body: "hällo", keeps: true },
  ],
  ["a length of nothing", `${OK}content-length: 0\r\n\r\n`, { body: "", keeps: true }],
  [
    "a word for the end",
    `${OK}connection: Close\r\ncontent-length: 2\r\n\r\nhi`,
    { body: "hi", keeps: false },
  ],
  ["no length", `${OK}server: x\r\n\r\nall of it`, { body: "all of it", keeps: false }],
  ["no body", "HTTP/1.1 204 No Content\r\n\r\n", { status: 204, body: "", keeps: true }],
  ["an older version", "HTTP/1.0 200\r\ncontent-length: 2\r\n\r\nhi", { body: "hi", keeps: false }],
  [
    "an answer before it",
    `HTTP/1.1 103 Early\r\nlink: x\r\n\r\n${OK}content-length: 2\r\n\r\nhi`,
    { body: "hi" },
  ],
  [
    "chunks",
    `${OK}transfer-encoding: chunked\r\n\r\n3\r\nhä\r\n4;ext=1\r\nllo!\r\n0\r\nexpires: never\r\n\r\n`,
    { body: "hällo!", keeps: true },
  ],
  [
    "the same header twice",
    `${OK}a: 1\r\nA: 2\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nhi`,
    { body: "hi" },
  ],
];

const BAD: readonly (readonly [what: string, text: string, why: string])[] = [
  ["another protocol", "SSH-2.0-OpenSSH\r\n\r\n", "the answer is no HTTP"],
  ["another protocol, from its first byte", "S", "the answer is no HTTP"],
  ["a later version", "HTTP/2 200\r\n\r\n", "the answer is no HTTP"],
  ["no status", "HTTP/1.1 OK\r\n\r\n", "the answer begins with no status"],
  ["a header without a name", `${OK}: x\r\n\r\n`, "the answer has a header that is none"],
  ["a header on two lines", `${OK}a: x\r\n y\r\n\r\n`, "the answer has a header that is none"],
  ["a space behind a name", `${OK}content-length : 2\r\n\r\nhi`, "the answer has a header that is none"],
  ["a length that is none", `${OK}content-length: -1\r\n\r\n`, "the answer has a length that is none"],
  [
    "two lengths",
    `${OK}content-length: 1\r\ncontent-length: 2\r\n\r\nhi`,
    "the answer has more than one content-length",
  ],
  [
    "chunks and a length",
    `${OK}transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\nhi`,
    "the answer has two lengths",
  ],
  ["a coding", `${OK}transfer-encoding: gzip\r\n\r\n`, "the answer is coded in a way that was not asked for"],
  ["another protocol behind it", "HTTP/1.1 101 Switching\r\n\r\n", "the answer leaves HTTP"],
  [
    "a chunk without a size",
    `${OK}transfer-encoding: chunked\r\n\r\nxyz\r\n`,
    "the answer has a chunk whose size is none",
  ],
  [
    "a size without an end",
    `${OK}transfer-encoding: chunked\r\n\r\n${"0".repeat(300)}`,
    "the answer has a chunk whose size is none",
  ],
  [
    "a chunk longer than it says",
    `${OK}transfer-encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n`,
    "the answer has a chunk that is longer than it says",
  ],
  [
    "a head without an end",
    `${OK}a: ${"x".repeat(20_000)}`,
    "the head of the answer is larger than 16384 bytes",
  ],
  [
    "a large head",
    `${OK}a: ${"x".repeat(20_000)}\r\n\r\n`,
    "the head of the answer is larger than 16384 bytes",
  ],
  ["a large length", `${OK}content-length: 101\r\n\r\n`, "the answer is larger than 100 bytes"],
  ["a large chunk", `${OK}transfer-encoding: chunked\r\n\r\n65\r\n`, "the answer is larger than 100 bytes"],
  ["a large body without a length", `${OK}\r\n${"x".repeat(101)}`, "the answer is larger than 100 bytes"],
  [
    "headers behind the chunks without an end",
    `${OK}transfer-encoding: chunked\r\n\r\n0\r\n${"a: b\r\n".repeat(5_000)}`,
    "the answer is larger than 100 bytes",
  ],
];

describe("an answer", () => {
  test.each(GOOD)("with %s is read, in whatever pieces it comes", (_, text, answer) => {
    for (const by of [1, 2, 7, 1_000]) expect(read(text, by)).toMatchObject({ status: 200, ...answer });
  });

  test.each(GOOD)("with %s that is cut off is none", (what, text) => {
    // Without a length the end of the connection is the end of the answer.
    const least = what === "no length" ? text.indexOf("all of it") - 1 : text.length - 1;
    for (let length = 0; length <= least; length++) expect(read(text.slice(0, length))).toBeNull();
  });

  test.each(BAD)("with %s is refused", (_, text, why) => {
    expect(failure(text)).toBe(`malformed: ${why}`);
    expect(failure(text, 100)).toBe(`malformed: ${why}`);
  });

  test("with more behind it is taken, and its connection is not", () => {
    expect(read(`${OK}content-length: 2\r\n\r\nhiHTTP/1.1 200`)).toMatchObject({ body: "hi", keeps: false });
    const chunked = `${OK}transfer-encoding: chunked\r\n\r\n0\r\n\r\nmore`;
    expect(read(chunked)).toMatchObject({ body: "", keeps: false });
  });

  test("keeps the first of a name, and takes no name for a part of an object", () => {
    const answer = read(`${OK}__proto__: x\r\nEtag: a\r\netag: b\r\ncontent-length: 0\r\n\r\n`);
    expect(answer?.headers["etag"]).toBe("a");
    expect(answer?.headers["constructor"]).toBeUndefined();
  });

  test("after another is read as if it were the first, whatever has changed in it", () => {
    const first = `${OK}server: a\r\ndate: Mon, 01\r\ncontent-length: 2\r\n\r\nhi`;
    const readHead = createHeadReader();
    const after = (text: string): string => {
      createAnswerReader(MAX_BYTES, readHead).add(Buffer.from(first));
      try {
        return JSON.stringify(createAnswerReader(MAX_BYTES, readHead).add(Buffer.from(text)));
      } catch (error) {
        return `${kindOf(error)}: ${describeError(error)}`;
      }
    };
    expect(after(first.replace("01", "02"))).toContain('"date":"Mon, 02"');
    const changed = [
      first.replace("01", "03"),
      first.replace("200", "404"),
      first.replace("server: a", "server: b"),
      first.replace("Mon, 01", "Tuesday, 02"),
      first.replace("length: 2", "length: 1"),
      first.replace("Mon, 01", "\r\na: 123"),
      first.replace("date: Mon, 01\r\n", ""),
      first.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n"),
    ];
    expect(changed.map(after)).toEqual(changed.map((text) => failure(text)));
  });

  test(`with any byte changed is an answer, none yet or malformed (seed ${SEED})`, () => {
    const random = seededRandom(SEED);
    for (let n = 0; n < 3_000; n++) {
      const text = GOOD[Math.floor(random() * GOOD.length)]?.[1] ?? OK;
      const at = Math.floor(random() * text.length);
      const changed = text.slice(0, at) + String.fromCharCode(random() * 128) + text.slice(at + 1);
      expect(failure(changed, 1 + Math.floor(random() * 30))).toMatch(/^(null|\{.*\}|malformed: the .*)$/);
    }
  });
});
