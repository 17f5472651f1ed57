// What is typed, and what is made of it; what cannot be read is answered with what to type instead.

import { describe, expect, test } from "vitest";

import { AGENT_USAGE, isAgentCommand, readAgentCommand } from "./arguments.ts";

describe("isAgentCommand()", () => {
  test.each([
    [[], false],
    [["--node-name", "n1"], false],
    [["--log-level=debug"], false],
    [["inspect"], true],
    [["anything"], true],
    [["--help"], true],
    [["-h"], true],
  ])("%j: %s", (argv, expected) => {
    expect(isAgentCommand(argv)).toBe(expected);
  });
});

describe("readAgentCommand()", () => {
  test("leaves to the settings what is theirs", () => {
    expect(readAgentCommand(["inspect", "--json", "--nvml-library", "/x", "--gpm=false"])).toEqual({
      word: "inspect",
      json: true,
      settings: ["--nvml-library", "/x", "--gpm=false"],
    });
    expect(readAgentCommand(["top"])).toEqual({ word: "top", settings: [] });
  });

  test("reads a recording in both spellings of a value", () => {
    const expected = {
      word: "record",
      output: "a=b.json",
      seconds: 5,
      note: "idle, then busy",
      keepNames: true,
      force: false,
      settings: ["--sample-interval", "200ms"],
    };
    const shared = ["--keep-names", "--sample-interval", "200ms"];
    expect(
      readAgentCommand(["record", "--output=a=b.json", "--seconds=5", "--note=idle, then busy", ...shared]),
    ).toEqual(expected);
    expect(
      readAgentCommand([
        "record",
        "--output",
        "a=b.json",
        "--seconds",
        "5",
        "--note",
        "idle, then busy",
        ...shared,
      ]),
    ).toEqual(expected);
  });

  test("records for a minute when nothing else is said", () => {
    expect(readAgentCommand(["record", "--output", "x"])).toMatchObject({
      seconds: 60,
      keepNames: false,
      force: false,
    });
  });

  test.each([["help"], ["--help"], ["-h"], ["inspect", "--help"]])("%s asks for help", (...argv) => {
    expect(readAgentCommand(argv)).toEqual({ word: "help", settings: [] });
  });

  test.each([
    [["inspekt"], "unknown word inspekt"],
    [["toString"], "unknown word toString"],
    [["record"], "record needs --output FILE"],
    [["record", "--output"], "--output needs a value"],
    [["record", "--output", "--force"], "--output needs a value"],
    [["record", "--output=x", "--seconds=0"], "--seconds takes a whole number from 1 to 3600, got 0"],
    [["record", "--output=x", "--seconds=1e3"], "got 1e3"],
    [["record", "--output=x", "--seconds=3601"], "got 3601"],
    [["inspect", "--json=yes"], "--json takes no value, got yes"],
  ])("refuses %j", (argv, message) => {
    expect(() => readAgentCommand(argv)).toThrow(message);
    expect(() => readAgentCommand(argv)).toThrow(AGENT_USAGE);
  });
});
