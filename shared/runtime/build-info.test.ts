import { expect, test } from "vitest";

import { asksForVersion, BUILD, versionLine } from "./build-info.ts";

test("the line names program, version, revision and Node", () => {
  expect(versionLine("some-program", { version: "1.2.3", revision: "0123abc" })).toBe(
    `some-program 1.2.3 (revision 0123abc, Node ${process.version})`,
  );
});

test("what runs from the source does not claim to be a release", () => {
  expect(BUILD).toEqual({ version: "from source", revision: "unknown" });
});

test.each([
  [["--version"], true],
  [[], false],
  [["inspect", "--version"], false],
  [["--version", "--node=a"], false],
])("%j asks for the version: %s", (argv, asks) => {
  expect(asksForVersion(argv)).toBe(asks);
});
