// What documents say and the code has: tables that are written by hand, and every block of code and command that they show.
// What needs a control plane to be checked is in e2e/documents.test.ts.

import { readFile } from "node:fs/promises";
import { posix } from "node:path";

import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";

import { RULES } from "../agent/assess/health/rules.ts";
import { CHECKS } from "../coordinator/ctl/doctor/checks.ts";
import { unknownNames } from "../deploy/promql/known.ts";
import { obtainPromtool, PROMTOOL_WITHIN_MS } from "./build/promtool.ts";
import { collect, sorted } from "./documents/collect.ts";
import type { Shown } from "./documents/collect.ts";
import { compared } from "./documents/compare.ts";
import { NOT_ASKED, NOT_CHECKED, NOT_TYPED } from "./documents/exceptions.ts";
import { linksOf, piecesOf } from "./documents/markdown.ts";
import { ASKED_THEMSELVES, complaintOf, isKnownProgram } from "./documents/programs.ts";
import { policyProblem, writtenIn } from "./documents/yaml.ts";

test("the agent's README lists every rule of health with its level, in the order of the table", async () => {
  const text = await readFile(new URL("../agent/README.md", import.meta.url), "utf8");
  const rows = [...text.matchAll(/^\| `([a-z0-9-]+)` \| (application|suspicion|degraded|fatal)[,| ]/gm)];
  expect(rows.map(([, name, level]) => `${name} ${level}`)).toEqual(
    RULES.map(({ name, level }) => `${name} ${level}`),
  );
});

test("the page about doctor names each of its checks once, and counts them right", async () => {
  const text = await readFile(new URL("../deploy/README.md", import.meta.url), "utf8");
  const [, table = ""] = /\| Checks \| Look at \|\n\|.*\n((?:\|.*\n)+)/.exec(text) ?? [];
  const named = [...table.matchAll(/^\|([^|]*)\|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([a-z-]+)`/g)].map(([, name = ""]) => name),
  );
  const checks = Object.keys(CHECKS);
  expect(named.toSorted()).toEqual(checks.toSorted());
  const counts = [...text.matchAll(/^(\d+) checks: /gm)].map(([, count]) => Number(count));
  expect(counts).toEqual([checks.length]);
});

describe("what documents show", () => {
  let shown: Shown;
  let valueKeys: ReadonlySet<string>;
  beforeAll(async () => {
    shown = await collect();
    valueKeys = new Set(Object.keys(parse(shown.repository.text("deploy/chart/values.yaml")) as object));
  });
  /** As a person looks for it. */
  const at = ({ file, line }: { readonly file: string; readonly line: number }): string => `${file}:${line}`;

  test("is found: in this many documents at least, and so many commands", () => {
    expect(shown.documents.size).toBeGreaterThan(20);
    expect(shown.commands.length).toBeGreaterThan(60);
    expect(shown.yaml.length).toBeGreaterThan(1);
  });

  test("commands are of programs that somebody asks, and could be typed", () => {
    const complaints = shown.commands.flatMap((command) => {
      const [program = ""] = command.words;
      if (!isKnownProgram(program) && !Object.hasOwn(NOT_ASKED, program))
        return [`${at(command)}: nobody knows the program ${program}`];
      const complaint = complaintOf(command, shown.repository);
      const typed = command.words.join(" ");
      const isMeant = NOT_TYPED.some(({ file, begins }) => file === command.file && typed.startsWith(begins));
      return complaint === null || isMeant ? [] : [`${at(command)}: ${typed}: ${complaint}`];
    });
    expect(complaints).toEqual([]);
  });

  test("YAML can be read, is meant for something, and policies are valid", () => {
    const complaints = shown.yaml.flatMap((piece) =>
      writtenIn(piece, valueKeys).flatMap((written) => {
        if (written.kind === "unknown") return [`${at(piece)}: ${written.why}`];
        const problem = policyProblem(written);
        return problem === null ? [] : [`${at(piece)}: ${problem}`];
      }),
    );
    expect(complaints).toEqual([]);
  });

  test("JSON can be read", () => {
    const unreadable = shown.json.filter(({ text }) => {
      try {
        JSON.parse(text);
        return false;
      } catch {
        return true;
      }
    });
    expect(unreadable.map(at)).toEqual([]);
  });

  test("queries ask for metrics that are served", () => {
    expect(shown.promql.length).toBeGreaterThan(0);
    const unknown = shown.promql.flatMap((piece) =>
      piece.text.split("\n").flatMap((query) => unknownNames(query).map((why) => `${at(piece)}: ${why}`)),
    );
    expect(unknown).toEqual([]);
  });

  test("queries can be read by promtool", { timeout: PROMTOOL_WITHIN_MS }, async ({ skip }) => {
    const promtool = await obtainPromtool();
    if ("missing" in promtool) return skip(promtool.missing);
    const queries = shown.promql.flatMap(({ text }) => text.split("\n")).filter((line) => line !== "");
    const rules = queries.map((expr, at) => ({ record: `query:${at}`, expr }));
    const file = JSON.stringify({ groups: [{ name: "documents", rules }] });
    const { code, text } = await promtool(["check", "rules", "rules.yaml"], { "rules.yaml": file });
    expect([code, text]).toEqual([0, expect.stringContaining(`SUCCESS: ${queries.length} rules found`)]);
    const wrong = file.replace(/"expr":"/, '"expr":"avg(((');
    expect(await promtool(["check", "rules", "rules.yaml"], { "rules.yaml": wrong })).toMatchObject({
      code: 1,
    });
  });

  test("blocks that are none of these are on the list, with the reason", () => {
    const unlisted = shown.other.filter(
      ({ file, text }) => !NOT_CHECKED.some((one) => one.file === file && text.startsWith(one.begins)),
    );
    expect(unlisted.map((piece) => `${at(piece)}: ${piece.text.slice(0, 60)}`)).toEqual([]);
  });

  test("no exception is there for nothing", () => {
    const used = new Set(shown.commands.map(({ words }) => words[0]));
    expect(Object.keys(NOT_ASKED).filter((name) => !used.has(name))).toEqual([]);
    const stale = NOT_CHECKED.filter(
      ({ file, begins }) => !shown.other.some((one) => one.file === file && one.text.startsWith(begins)),
    );
    expect(stale).toEqual([]);
    const untyped = NOT_TYPED.filter(
      ({ file, begins }) =>
        !shown.commands.some((one) => one.file === file && one.words.join(" ").startsWith(begins)),
    );
    expect(untyped).toEqual([]);
  });

  test("links to files lead somewhere, and so do the names of files", () => {
    const broken = [...shown.documents].flatMap(([file, text]) => {
      const targets = linksOf(text).map((target) =>
        posix.join(posix.dirname(file), target.replace(/#.*/, "")),
      );
      const names = piecesOf(file, text)
        .filter(({ kind }) => kind === "inline")
        .flatMap(
          ({ text: name }) => /^(?:agent|coordinator|deploy|shared|test)\/[\w./-]+\.\w+$/.exec(name) ?? [],
        );
      return [...targets.filter((target) => target !== posix.dirname(file)), ...names]
        .filter((path) => !isThere(path))
        .map((path) => `${file}: ${path}`);
    });
    expect(broken).toEqual([]);
  });

  test("every threat is stopped by something that a test tries, and the test is there", () => {
    const page = shown.documents.get("deploy/docs/threats.md") ?? "";
    const rows = page.split("\n").filter((line) => /^\| (?!Who|---)/.test(line));
    expect(rows.length).toBeGreaterThan(12);
    const missing = rows.flatMap((row) => {
      const named = [...row.matchAll(/`([\w./-]+\.test\.ts)`: "([^"]+)"/g)];
      if (named.length === 0) return [`names no test: ${row.slice(0, 60)}`];
      return named.flatMap(([, file = "", title = ""]) =>
        shown.repository.paths.has(file) && shown.repository.text(file).includes(title)
          ? []
          : [`${file} has no "${title}"`],
      );
    });
    expect(missing).toEqual([]);
  });

  test("what came is compared with what is shown, but for what differs each time", () => {
    const shownLines = [
      "NAME   AGE",
      "train-6c65dd89d-gms2p   9s",
      "…",
      "done at 2026-11-26T22:10:26.585Z",
      "3 checks: 3 ok",
    ];
    const came = [
      "NAME     AGE",
      "train-7d76ee90e-abcde     1m12s",
      "x",
      "done at 2027-01-01T00:00:00Z",
      "4 checks: 4 ok",
    ];
    expect(compared(shownLines, came)).toBeNull();
    expect(compared(["a", "…"], ["a"])).toBeNull();
    const different = [
      [["a"], ["b"]],
      [["a"], ["a", "b"]],
      [["a", "b"], ["a"]],
      [
        ["a", "…", "c"],
        ["a", "b"],
      ],
      [["3 checks: 3 ok"], ["3 checks: 2 ok, 1 fail"]],
      [["gpu-1 Ready"], ["gpu-1 NotReady"]],
    ] as const;
    expect(different.filter(([wanted, got]) => compared(wanted, got) === null)).toEqual([]);
  });

  /** A folder is there when something is in it. */
  function isThere(path: string): boolean {
    const { paths } = shown.repository;
    const bare = path.replace(/\/$/, "");
    return paths.has(bare) || [...paths].some((each) => each.startsWith(`${bare}/`));
  }

  test("is checked so that it would find what is wrong", () => {
    const wrong = [
      "npm run no-such-script",
      "npm run bench -- no-such-bench",
      "npm run get -- no-such-tool",
      "npm run demo -- --brake order",
      "npm run generate -- --chekc",
      "npm run test:e2e -- no-such-test",
      "gpuasctl drill NODE --in 2h",
      "gpuasctl explain node",
      "gpuasctl statsu",
      "gpuasctl doctor --fix",
      "agent inspect --jsno",
      "kubectl apply --filename deploy/no-such.yaml",
      "node test/no-such.ts",
      "true && gpuasctl statsu",
      "gpuasctl \\\n  statsu",
      "for one in a; do gpuasctl statsu $one; done",
      "npm run $(gpuasctl statsu)",
    ];
    const unseen = wrong.filter((text) => {
      const { commands } = sorted(piecesOf("a.md", ["```sh", text, "```"].join("\n")));
      return commands.every((command) => complaintOf(command, shown.repository) === null);
    });
    expect(unseen).toEqual([]);
    const policy = "apiVersion: gpu-autoscaler.io/v1\nkind: AutoscalingPolicy\nspec: { provider: avs }";
    const found = [policy, "policies: { a: { provider: avs } }"].flatMap((text) =>
      writtenIn({ text }, valueKeys),
    );
    expect(found.map((written) => policyProblem(written) !== null)).toEqual([true, true]);
    const unknown = ["a: 1", "a: {", "a: 1\na: 2", "- 1"].flatMap((text) => writtenIn({ text }, valueKeys));
    expect(unknown.map(({ kind }) => kind)).toEqual(["unknown", "unknown", "unknown", "unknown"]);
    expect(ASKED_THEMSELVES.every(isKnownProgram)).toBe(true);
  });
});
