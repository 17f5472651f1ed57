import { expect, test } from "vitest";

import { buildWords } from "./build.ts";
import type { ImageOptions } from "./build.ts";

const digest = (digit: string): string => `@sha256:${digit.repeat(64)}`;
const options: ImageOptions = {
  program: "agent",
  arch: "arm64",
  buildBase: `example.com/node${digest("a")}`,
  runBase: `example.com/glibc${digest("b")}`,
  source: "https://example.com/source",
  revision: "0123abc",
  epoch: 1_700_000_000,
  tag: "localhost/x/agent:1",
};

test("buildah is told the machine, both bases, what the labels need and one time", () => {
  const words = buildWords(options);
  expect(words.slice(0, 9).join(" ")).toBe(
    "build --platform linux/arm64 --timestamp 1700000000 --file Dockerfile.agent --tag localhost/x/agent:1",
  );
  expect(words.filter((word) => /^[A-Z_]+=/.test(word))).toEqual([
    `BUILD_BASE=example.com/node${digest("a")}`,
    `RUN_BASE=example.com/glibc${digest("b")}`,
    "SOURCE=https://example.com/source",
    "REVISION=0123abc",
    "SOURCE_DATE_EPOCH=1700000000",
  ]);
});

test.each([
  ["--build-base", { buildBase: "node:24-bookworm-slim" }],
  ["--run-base", { runBase: "example.com/glibc@sha256:0123" }],
  ["--run-base", { runBase: digest("b") }],
])("a base without its digest is refused: %s %j", (flag, wrong) => {
  expect(() => buildWords({ ...options, ...wrong })).toThrow(`${flag} must be NAME@sha256:DIGEST`);
});
