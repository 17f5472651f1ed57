import { readdirSync, readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { decode, decodeGist, encode, MAX_MESSAGE_BYTES } from "./codec.ts";
import type { GpuReport } from "./gpu-report.ts";
import type { MessageKind } from "./subjects.ts";
import { parseSubject } from "./subjects.ts";

const RECORDED = new URL("../../test/golden/messages/", import.meta.url);
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

interface Recorded {
  readonly subject: string;
  readonly message: { readonly node: string };
  /** As what the message is read, where that is not what it is written as. */
  readonly read?: unknown;
}

function recorded(file: string): Recorded {
  return JSON.parse(readFileSync(new URL(file, RECORDED), "utf8")) as Recorded;
}

describe("decode()", () => {
  test.each(readdirSync(RECORDED))("still reads the recorded %s", (file) => {
    const { subject, message, read = message } = recorded(file);
    const kind = file.split("-")[0] as MessageKind;
    expect(decode(kind, subject, bytes(message))).toEqual({
      kind: "message",
      node: message.node,
      message: read,
    });
  });

  test("there is a recorded example of each kind", () => {
    const kinds = new Set(readdirSync(RECORDED).map((file) => parseSubject(recorded(file).subject)?.kind));
    expect(kinds).toEqual(new Set(["drain", "health", "notice", "report"]));
  });

  const { subject, message } = recorded("report-v1.json");
  test("ignores fields that it does not know", () => {
    expect(decode("report", subject, bytes({ ...message, later: true }))).toMatchObject({
      kind: "message",
      message,
    });
  });

  test.each([
    ["a later major version", subject, bytes({ ...message, v: 3 }), "unknown-version"],
    ["a version that never was", subject, bytes({ ...message, v: 1.5 }), "unknown-version"],
    ["bytes that are no JSON", subject, new Uint8Array([0xff, 0x00, 0x7b]), "not-json"],
    ["no bytes", subject, new Uint8Array(), "not-json"],
    ["JSON that is no object", subject, bytes(7), "malformed"],
    ["a missing field", subject, bytes({ ...message, gpus: undefined }), "malformed"],
    ["a message of another node", "gpuas.v1.report.spot-9", bytes(message), "wrong-sender"],
    ["another kind's subject", subject.replace("report", "drain"), bytes(message), "unknown-subject"],
    ["a foreign subject", "elsewhere.report.spot-9", bytes(message), "unknown-subject"],
    ["more bytes than any message needs", subject, new Uint8Array(MAX_MESSAGE_BYTES + 1), "too-large"],
  ])("refuses %s", (_, on, data, code) => {
    expect(decode("report", on, data)).toMatchObject({ kind: "refused", code });
    expect(decodeGist(on, data)).toEqual(decode("report", on, data));
  });

  test("reads a report's gist also where something else in it is wrong", () => {
    const { gpus, ...rest } = message as unknown as GpuReport;
    const wrong = bytes({
      ...rest,
      seq: "x",
      gpus: gpus.map((gpu) => ({ ...gpu, powerWatts: "many", index: -1 })),
    });
    expect(decode("report", subject, wrong)).toMatchObject({ kind: "refused", code: "malformed" });
    expect(decodeGist(subject, wrong)).toMatchObject({
      kind: "message",
      message: {
        node: rest.node,
        source: rest.source,
        gpus: gpus.map(({ uuid, utilization: { w10, w60 } }) => ({ uuid, utilization: { w10, w60 } })),
      },
    });
  });

  test("says what it knows, and who has to be upgraded first", () => {
    const of = (file: string, kind: MessageKind, v: number): unknown => {
      const { subject: on, message: one } = recorded(file);
      return decode(kind, on, bytes({ ...one, v }));
    };
    const words = "this reader knows";
    expect(of("report-v2.json", "report", 3)).toMatchObject({
      code: "unknown-version",
      detail: `v 3, ${words} 1 to 2; whoever reads is upgraded before those who write`,
    });
    expect(of("drain-v1.json", "drain", 2)).toMatchObject({
      code: "unknown-version",
      detail: `v 2, ${words} 1; whoever reads is upgraded before those who write`,
    });
  });

  test("gives back what encode() wrote", () => {
    const report = message as unknown as GpuReport;
    expect(decode("report", subject, encode<"report">(report))).toMatchObject({
      kind: "message",
      message: report,
    });
  });
});
