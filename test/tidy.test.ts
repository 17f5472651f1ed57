// The repository's own rules, where neither the compiler nor the linter can hold them: what lies where, what has
// to exist beside what, what is declared once. Each rule is a function from files to complaints, and each is
// shown a small repository that breaks it, so that no rule can rot into one that never complains.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { promisify } from "node:util";

import { beforeAll, describe, expect, test } from "vitest";

const ROOT = new URL("..", import.meta.url).pathname;

/** Path from the root → text. */
type Files = Readonly<Record<string, string>>;
type Rule = (files: Files) => readonly string[];

interface RuleCase {
  readonly rule: Rule;
  /** Files that break the rule, each in its own way. */
  readonly broken: readonly Files[];
}

const TOP_FOLDERS = ["agent", "coordinator", "shared", "deploy", "test"];
const TOP_LEVEL = {
  required: [
    ...TOP_FOLDERS,
    ".ci",
    ".gitignore",
    ".oxfmtrc.json",
    ".oxlintrc.json",
    "CHANGELOG.md",
    "Dockerfile.agent",
    "Dockerfile.coordinator",
    "LICENSE",
    "README.md",
    "package-lock.json",
    "package.json",
    "tsconfig.json",
  ],
  allowed: [".dockerignore", ".npmrc"],
};
const PURE = [
  "shared/model/",
  "shared/contract/",
  "agent/assess/",
  "coordinator/decide/",
  "coordinator/forecast/",
  "coordinator/money/",
];
const NAMES = "shared/model/names.ts";
const REASONS = "shared/model/reasons.ts";
const REPORT = "coordinator/report/";
const SENTENCES = `${REPORT}sentences/`;
const RULES = "coordinator/decide/rules/";
const CRON = "coordinator/decide/limits/cron.ts";
const README_LINES_MAX = 150;

const topLevel: Rule = (files) => {
  const there = new Set(Object.keys(files).map((path) => path.split("/")[0] ?? ""));
  const known = [...TOP_LEVEL.required, ...TOP_LEVEL.allowed];
  return [
    ...[...there]
      .filter((name) => !known.includes(name))
      .map((name) => `${name}: does not belong at the top level`),
    ...TOP_LEVEL.required.filter((name) => !there.has(name)).map((name) => `${name}: is missing`),
  ];
};

const pureFolders: Rule = (files) =>
  sources(files)
    .filter(([path]) => PURE.some((folder) => path.startsWith(folder)))
    .flatMap(([path, text]) => {
      const impure =
        /\b(async|await|Date|Promise|performance|setTimeout|setInterval|process)\b|\bMath\.random\b/.exec(
          codeOnly(text),
        );
      const foreign = importsOf(text).filter((from) => !isPureImport(path, from));
      return [
        ...(impure === null ? [] : [`${path}: pure code has no ${impure[0]}`]),
        ...foreign.map((from) => `${path}: pure code imports ${from}`),
      ];
    });

/** The linter sees `process.env` and `process.exit()`, and not the same under another name. */
const processIsCalledProcess: Rule = (files) =>
  sources(files)
    .filter(([path]) => !path.startsWith("test/"))
    .flatMap(([path, text]) => {
      const imports = importsOf(text).some((from) => from === "process" || from === "node:process");
      const renamed = /\bglobalThis\b|=\s*process\s*[;,)\n]/.test(codeOnly(text));
      return imports || renamed ? [`${path}: gets at process by another name`] : [];
    });

const outsideNames: Rule = (files) =>
  sources(files)
    .filter(([path]) => path !== NAMES && !path.startsWith("test/"))
    .flatMap(([path, text]) => {
      const found =
        /["'`](?:[a-z.-]*\.)?(?:gpu-autoscaler\.io|karpenter\.sh|cluster\.x-k8s\.io|cluster-autoscaler\.kubernetes\.io)\/[^"'`]*|["'`]gpuas(?:\.v\d|-)[^"'`]*/.exec(
          withoutComments(text),
        );
      return found === null ? [] : [`${path}: ${found[0].slice(1)} belongs in ${NAMES}`];
    });

/** A metric that is declared and never set reads as "nothing happened". */
const metricsAreSet: Rule = (files) =>
  ["agent/publish/metrics/own.ts", "coordinator/report/metrics.ts"].flatMap((table) => {
    const program = table.split("/")[0] ?? "";
    const code = programCode(files, program);
    const names = [...(files[table] ?? "").matchAll(/^ {2}(\w+): \{/gm)].map(([, name = ""]) => name);
    if (names.length === 0) return [`${table}: declares no metric`];
    return names
      .filter((name) => /^(gpu_|DCGM_)/.test(name))
      .filter((name) => !new RegExp(`["']${name}["']`).test(code))
      .map((name) => `${table}: ${name} is never set in ${program}`);
  });

/** A setting that nothing reads is a promise that is not kept. */
const settingsAreRead: Rule = (files) =>
  ["agent/settings.ts", "coordinator/settings.ts"].flatMap((table) => {
    const program = table.split("/")[0] ?? "";
    const code = programCode({ ...files, [table]: "" }, program);
    const names = [...(files[table] ?? "").matchAll(/^ {2}(\w+): \{\s*env:/gm)].map(([, name = ""]) => name);
    if (names.length === 0) return [`${table}: declares no setting`];
    return names
      .filter((name) => !new RegExp(`\\b${name}\\b`).test(code))
      .map((name) => `${table}: nothing reads ${name}`);
  });

const reasonsAreSaid: Rule = (files) => {
  const codes = new Set(
    [...(files[REASONS] ?? "").matchAll(/readonly code: "([^"]+)"/g)].map(([, code = ""]) => code),
  );
  // What reports names codes as well: only what stands outside it gives a reason.
  const explained = programCode(filesUnder(files, SENTENCES), "coordinator");
  const given = programCode(filesUnder(files, REPORT, "not"), "coordinator");
  if (codes.size === 0) return [`${REASONS}: declares no reason`];
  return [...codes].flatMap((code) => [
    ...(new RegExp(`["']${code}["']|\\b${code}\\b:`).test(explained)
      ? []
      : [`${SENTENCES}: has no sentence for ${code}`]),
    ...(new RegExp(`["']${code}["']`).test(given) ? [] : [`${REASONS}: nothing gives the reason ${code}`]),
  ]);
};

const vetoesAreListed: Rule = (files) => {
  const index = files[`${RULES}index.ts`] ?? "";
  const tests = Object.entries(files)
    .filter(([path]) => path.startsWith("coordinator/decide/") && path.endsWith(".test.ts"))
    .map(([, text]) => text)
    .join("\n");
  return sources(files)
    .filter(([path]) => path.startsWith(RULES) && path !== `${RULES}index.ts`)
    .flatMap(([path, text]) => {
      const name = /export (?:const|function) (\w+)/.exec(text)?.[1] ?? path;
      return [
        ...(index.includes(`"./${path.slice(RULES.length)}"`) ? [] : [`${path}: has no place in index.ts`]),
        ...(new RegExp(`\\b${name}\\b`).test(tests) ? [] : [`${path}: no test beside decide names ${name}`]),
      ];
    });
};

const readmes: Rule = (files) => {
  const lines = (files["README.md"] ?? "").trimEnd().split("\n").length;
  return [
    ...TOP_FOLDERS.filter((folder) => (files[`${folder}/README.md`] ?? "").trim() === "").map(
      (folder) => `${folder}/README.md: is missing`,
    ),
    ...(lines > README_LINES_MAX ? [`README.md: ${lines} lines, at most ${README_LINES_MAX}`] : []),
  ];
};

/** Names a folder of somebody's machine, or a host that is not everybody's. */
const noMachineNames: Rule = (files) => {
  // Written in parts, so that this file does not name them either.
  const folders = new RegExp(
    ["work", "root", "Users"].map((folder) => `(?<![\\w.*])/${folder}/\\w`).join("|"),
  );
  const hosts = new RegExp(
    ["registry\\.npm", "files\\.pythonhosted", "proxy\\.golang", "sum\\.golang"].join("|"),
  );
  return Object.entries(files).flatMap(([path, text]) => {
    const found = folders.exec(text) ?? hosts.exec(text);
    return found === null ? [] : [`${path}: names ${found[0]}`];
  });
};

const testsDoNotWait: Rule = (files) =>
  Object.entries(files)
    // This file speaks of what it forbids.
    .filter(([path]) => path.endsWith(".test.ts") && path !== "test/tidy.test.ts")
    .filter(([, text]) => /\bset(Timeout|Interval)\b|\bsystemClock\.sleep\b/.test(codeOnly(text)))
    .map(([path]) => `${path}: waits for time to pass; step a clock or wait for the thing itself`);

const filesOpenWithTheirPromise: Rule = (files) =>
  sources(files)
    .filter(([, text]) => !/^(#!.*\n)?\/\/ /.test(text))
    .map(([path]) => `${path}: does not open with what it promises`);

const RULE_CASES: Readonly<Record<string, RuleCase>> = {
  "the top level is exactly what the README draws": {
    rule: topLevel,
    broken: [
      Object.fromEntries([...TOP_LEVEL.required, "utils"].map((name) => [`${name}/a`, ""])),
      { "agent/a.ts": "" },
    ],
  },
  "pure folders are pure": {
    rule: pureFolders,
    broken: [
      { "shared/model/a.ts": "export const at = (): number => Date.now();" },
      { "coordinator/decide/a.ts": "export async function decide() {}" },
      { "agent/assess/a.ts": "export const roll = () => Math.random();" },
      { "shared/model/a.ts": 'import { join } from "node:path";' },
      { "shared/model/a.ts": 'import { z } from "zod";' },
      { "coordinator/decide/limits/a.ts": 'import { Cron } from "croner";' },
      { "agent/assess/a.ts": 'import type { Log } from "../../shared/runtime/log.ts";' },
      { "coordinator/decide/a.ts": 'export { act } from "../act/actuator.ts";' },
    ],
  },
  "the process has one name, by which the linter knows it": {
    rule: processIsCalledProcess,
    broken: [
      { "shared/runtime/a.ts": 'import { env } from "node:process";' },
      { "agent/loop.ts": 'import { exit } from "process";' },
      { "coordinator/loop.ts": "const { env } = process;" },
      { "coordinator/loop.ts": "globalThis.process.exit(1);" },
    ],
  },
  "names that outsiders see stand in one file": {
    rule: outsideNames,
    broken: [
      { "agent/act/a.ts": 'const key = "gpu-autoscaler.io/drain-state";' },
      { "coordinator/act/a.ts": "const key = `karpenter.sh/do-not-disrupt`;" },
      { "agent/publish/a.ts": 'const subject = "gpuas.v1.report.n1";' },
      { "coordinator/memory.ts": 'const bucket = "gpuas-memory";' },
    ],
  },
  "every metric is set somewhere": {
    rule: metricsAreSet,
    broken: [
      {
        "agent/publish/metrics/own.ts": "const T = {\n  gpu_power_watts: {\n  },\n};",
        "coordinator/report/metrics.ts": 'const T = {\n  gpu_b: {\n  },\n};\nset("gpu_b");',
      },
    ],
  },
  "every setting is read somewhere": {
    rule: settingsAreRead,
    broken: [
      {
        "coordinator/settings.ts": 'const S = {\n  cycleInterval: {\n    env: "GPUAS_X",\n  },\n};',
        "agent/settings.ts": 'const S = {\n  node: {\n    env: "NODE_NAME",\n  },\n};',
        "agent/main.ts": "run(settings.node);",
      },
    ],
  },
  "every reason is given somewhere and has a sentence": {
    rule: reasonsAreSaid,
    broken: [
      { [REASONS]: '| { readonly code: "at-maximum" }', [`${SENTENCES}pool.ts`]: '"at-maximum": () =>' },
      {
        [REASONS]: '| { readonly code: "at-maximum" }',
        [`${SENTENCES}pool.ts`]: '"at-maximum": () =>',
        [`${REPORT}conditions.ts`]: 'code === "at-maximum"',
      },
      {
        [REASONS]: '| { readonly code: "at-maximum" }',
        "coordinator/decide/limits/limits.ts": 'give({ code: "at-maximum" })',
      },
    ],
  },
  "every veto has a place in the order and a test": {
    rule: vetoesAreListed,
    broken: [
      {
        [`${RULES}pinned.ts`]: "export const pinned = 1;",
        [`${RULES}index.ts`]: 'import { pinned } from "./pinned.ts";',
      },
      {
        [`${RULES}pinned.ts`]: "export const pinned = 1;",
        [`${RULES}index.ts`]: "",
        [`${RULES}pinned.test.ts`]: 'import { pinned } from "./pinned.ts";',
      },
    ],
  },
  "every top folder has a README, and the first one is short": {
    rule: readmes,
    broken: [
      Object.fromEntries(TOP_FOLDERS.slice(1).map((folder) => [`${folder}/README.md`, "text"])),
      {
        ...Object.fromEntries(TOP_FOLDERS.map((folder) => [`${folder}/README.md`, "text"])),
        "README.md": "line\n".repeat(151),
      },
    ],
  },
  "nothing names a folder of somebody's machine or a package host": {
    rule: noMachineNames,
    broken: [
      { "README.md": `see /${"root"}/x` },
      { "package-lock.json": `https://${"registry"}.npmjs.org/x` },
    ],
  },
  "tests do not wait for time to pass": {
    rule: testsDoNotWait,
    broken: [{ "agent/a.test.ts": 'import { setTimeout as sleep } from "node:timers/promises";' }],
  },
  "every source opens with what it promises": {
    rule: filesOpenWithTheirPromise,
    broken: [{ "agent/a.ts": 'import { b } from "./b.ts";' }],
  },
};

describe("the repository", () => {
  let files: Files = {};
  beforeAll(async () => {
    files = await repositoryFiles();
  });

  test("is read", () => {
    expect(Object.keys(files)).toContain("test/tidy.test.ts");
  });

  for (const [sentence, { rule }] of Object.entries(RULE_CASES)) {
    test(sentence, () => {
      expect(rule(files)).toEqual([]);
    });
  }
});

describe("the rules", () => {
  for (const [sentence, { rule, broken }] of Object.entries(RULE_CASES)) {
    test.each(broken)(`complain when it is not so that ${sentence} (%#)`, (files) => {
      expect(rule(files)).not.toEqual([]);
    });
  }
});

/** Files that git knows or would add: not what is built, installed or cached. */
async function repositoryFiles(): Promise<Files> {
  const list = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  const { stdout } = await promisify(execFile)("git", list, { cwd: ROOT, maxBuffer: 16 * 2 ** 20 });
  const paths = stdout.split("\0").filter((path) => path !== "");
  const read = paths.map(async (path): Promise<readonly [string, string][]> => {
    // A file that was deleted and not yet committed is still on git's list.
    const text = await readFile(join(ROOT, path), "utf8").catch(() => null);
    return text === null ? [] : [[path, text]];
  });
  return Object.fromEntries((await Promise.all(read)).flat());
}

function sources(files: Files): readonly (readonly [string, string])[] {
  return Object.entries(files).filter(([path]) => path.endsWith(".ts") && !path.endsWith(".test.ts"));
}

function filesUnder(files: Files, folder: string, which: "in" | "not" = "in"): Files {
  return Object.fromEntries(
    Object.entries(files).filter(([path]) => path.startsWith(folder) === (which === "in")),
  );
}

function programCode(files: Files, program: string): string {
  return sources(files)
    .filter(([path]) => path.startsWith(`${program}/`))
    .map(([, text]) => withoutComments(text))
    .join("\n");
}

function importsOf(text: string): readonly string[] {
  // The word itself may stand in quotes, as the name of a field does.
  return [...withoutComments(text).matchAll(/(?<!["'])\b(?:from|import)\s*\(?\s*["']([^"']+)["']/g)].map(
    ([, from = ""]) => from,
  );
}

function isPureImport(path: string, from: string): boolean {
  if (from === "zod") return path.startsWith("shared/contract/");
  // A cron library is a function of a line, a zone and an instant; one file asks it.
  if (from === "croner") return path === CRON;
  const target = posix.join(posix.dirname(path), from);
  return from.startsWith(".") && PURE.some((folder) => target.startsWith(folder));
}

const STRING_OR_COMMENT =
  /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[\s\S])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;

function withoutComments(text: string): string {
  return text.replace(STRING_OR_COMMENT, (_, string: string | undefined) => string ?? "");
}

function codeOnly(text: string): string {
  return text.replace(STRING_OR_COMMENT, (_, string: string | undefined) =>
    string === undefined ? "" : '""',
  );
}
