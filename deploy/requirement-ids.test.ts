import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { describe, expect, test } from "vitest";

import { REQUIREMENT_IDS } from "./requirement-ids.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** What the scaling engine has to answer for. */
const WANTED =
  "A04–A11, A20–A28, A34, A35, A56–A64, B02–B05, B08–B13, B26, B39–B43, B61–B73, B121–B131, B133, C23, C24, C34–C40, C46, E02, E17, E19–E30, E44–E47, F02–F16, F29, F30, F48";

/** Also the name of a GPU: counts only where it stands in parentheses. */
const AMBIGUOUS: ReadonlySet<string> = new Set(["A10"]);

/** Not built by decision: advice to whoever writes a workload or a policy, or what another part has. */
const DECLINED: Readonly<Record<string, string>> = {
  A25: "node templates belong to the group that a pool names",
  A58: "whether a smaller GPU would do is asked of the memory that is in use on it, which no snapshot has",
  A63: "advice for those who write pods",
  B128: "labels of workloads are their owners'",
  C37: "one policy for each cluster; nothing spans regions",
  C38: "the agent's metrics, tested there",
  E25: "GPUs are judged by what they read, not by what pods request",
  E28: "a sample pod",
};

describe("requirements", () => {
  test("are each named by a reason or by a test", async () => {
    const named = new Set([...Object.values(REQUIREMENT_IDS).flat(), ...(await namedByTests())]);
    expect(idsIn(WANTED).filter((id) => !named.has(id) && !Object.hasOwn(DECLINED, id))).toEqual([]);
  });

  test("that reasons name are requirements of the engine", () => {
    const wanted = new Set(idsIn(WANTED));
    expect(
      Object.values(REQUIREMENT_IDS)
        .flat()
        .filter((id) => !wanted.has(id)),
    ).toEqual([]);
  });
});

describe("idsIn()", () => {
  test.each([
    ["one (B121)", ["B121"]],
    ["a range A04–A06, and C23", ["A04", "A05", "A06", "C23"]],
    ["with a hyphen F02-F03", ["F02", "F03"]],
    ["an A10 GPU", []],
    ["cheapest type (A09, A10)", ["A09", "A10"]],
    ["GPU-A0401, 0xB12", []],
  ])("reads %j", (text, ids) => {
    expect(idsIn(text)).toEqual(ids);
  });
});

/** Ids in a text, ranges written out. */
function idsIn(text: string): readonly string[] {
  const ids: string[] = [];
  for (const [whole, letter = "", first = "", , last] of text.matchAll(
    /(?<![\w-])([A-F])(\d{2,3})(?:([–-])\1(\d{2,3}))?(?![\w])/g,
  )) {
    for (let number = Number(first); number <= Number(last ?? first); number++)
      ids.push(`${letter}${String(number).padStart(2, "0")}`);
    const id = ids.at(-1) ?? "";
    if (AMBIGUOUS.has(id) && last === undefined && !inParentheses(text, whole)) ids.pop();
  }
  return ids;
}

function inParentheses(text: string, id: string): boolean {
  return new RegExp(`\\((?:[A-F]\\d{2,3}[,–-] ?)*${id}[,–)-]`).test(text);
}

async function namedByTests(): Promise<readonly string[]> {
  // What a table of cases names stands in the titles of its tests.
  const tables = "test/golden/decisions/cases/*.ts";
  const list = ["ls-files", "--cached", "--others", "--exclude-standard", "-z", "*.test.ts", tables];
  const { stdout } = await promisify(execFile)("git", list, { cwd: ROOT, maxBuffer: 16 * 2 ** 20 });
  const paths = stdout.split("\0").filter((path) => path !== "" && path !== "deploy/requirement-ids.test.ts");
  // A file that was deleted and not yet committed is still on git's list.
  const texts = paths.map(async (path) => await readFile(join(ROOT, path), "utf8").catch(() => ""));
  return (await Promise.all(texts)).flatMap(idsIn);
}
