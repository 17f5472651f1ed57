import { describe, expect, test } from "vitest";

import { readCommand } from "../arguments.ts";

const read = (line: string) => readCommand(line.split(" "));

describe("the words replay and compare", () => {
  test.each([
    [
      "replay --policy p.yaml --jobs j.csv --start 2026-03-02T00:00:00+01:00 --length 7d --offsets 20 --seed 3 --html a.html -o csv",
      {
        word: "replay",
        from: "files",
        policies: ["p.yaml"],
        offsets: 20,
        html: "a.html",
        form: "csv",
        explain: null,
        request: {
          jobs: "j.csv",
          start: Date.UTC(2026, 2, 1, 23),
          length: 6048e5,
          seed: 3,
        },
      },
    ],
    [
      "replay --scenario s.yaml --explain 3d4h",
      { policies: [], explain: { kind: "since", ms: 273_600_000 } },
    ],
    [
      "replay --scenario s.yaml --explain 2026-03-02T00:00:00Z --json f.json",
      { explain: { kind: "instant", at: Date.UTC(2026, 2, 2) }, jsonFile: "f.json", form: "text" },
    ],
    [
      "replay --recording a --recording b --policy p.yaml -o json",
      { from: "recording", recording: ["a", "b"], policies: ["p.yaml"], form: "json" },
    ],
    ["replay --recording a --as-jobs -", { from: "recording", asJobs: "-" }],
    [
      "compare a.yaml b.yaml --scenario s.yaml --prices p.csv --prices catalogue --workers 0",
      {
        word: "compare",
        policies: ["a.yaml", "b.yaml"],
        request: { prices: ["p.csv", "catalogue"] },
        workers: 0,
      },
    ],
    ["compare --help", { word: "replay-help" }],
  ])("%s", (line, expected) => {
    expect(read(line)).toMatchObject({ word: "replay", replay: expected });
  });

  test.each([
    ["replay", /there is no work to play: give --jobs FILE or --scenario FILE/],
    ["replay p.yaml --jobs j.csv", /replay takes no name, got p\.yaml; policies are given by --policy/],
    ["replay --jobs j.csv --start 2026-03-02T00:00:00", /--start takes an instant with its time zone/],
    ["replay --jobs j.csv --length 7", /--length takes a duration such as 12h or 7d, got 7/],
    ["replay --jobs j.csv --offsets 0", /--offsets takes a whole number from 1 on, got 0/],
    ["replay --jobs j.csv --explain noon", /--explain takes an instant .* got noon/],
    [
      "replay --jobs j.csv --explain 1h --html a.html",
      /--explain plays the first start .* no --offsets, --html/,
    ],
    ["replay --jobs j.csv --as-jobs x", /replay without --recording takes no --as-jobs/],
    ["replay --jobs j.csv -o xml", /--output xml is not known; there are text, json and csv/],
    ["replay --jobs j.csv --polcy p", /polcy/],
    ["replay --recording a --jobs j.csv", /replay --recording takes no --jobs/],
    ["replay --recording a --as-jobs x --anonymise y", /--as-jobs or --anonymise, not both/],
    ["compare a.yaml --jobs j.csv", /compare takes at least two policy files, got a\.yaml/],
    ["compare a.yaml a.yaml --jobs j.csv", /compare takes different files, got a\.yaml twice/],
    ["compare a.yaml b.yaml --jobs j.csv --policy c.yaml", /compare takes no --policy/],
  ])("refuses %s", (line, message) => {
    expect(() => read(line)).toThrow(message);
  });
});
