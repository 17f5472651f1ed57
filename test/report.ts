// `node test/report.ts ALLOWED REPORT...`: reads the JSON reports of the test runner and says what a machine and a
// person need: which tests were skipped, by name, and the counts of all together on the last line. Fails when a test
// failed, when a run had none, and when one was skipped that ALLOWED does not name.

import { readFile } from "node:fs/promises";

import { z } from "zod";

import { describe } from "../shared/runtime/errors.ts";

const reportSchema = z.object({
  success: z.boolean(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().default(""),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
});

export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
  /** Why the run does not count as good; empty when it does. */
  readonly problems: readonly string[];
}

/** @throws when the report does not have the runner's form. */
export function summarise(report: unknown, allowedSkips: readonly string[]): Summary {
  const { success, testResults } = reportSchema.parse(report);
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const passed = tests.filter(({ status }) => status === "passed").length;
  const skipped = tests
    .filter(({ status }) => status !== "passed" && status !== "failed")
    .map(({ fullName }) => fullName);
  const failedTests = tests.filter(({ status }) => status === "failed").map(({ fullName }) => fullName);
  // A file that does not load has no tests to count, and is a failure all the same.
  const failedFiles = testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some(({ status }) => status === "failed"),
  );
  const failed = failedTests.length + failedFiles.length;
  const problems = [
    ...failedTests.map((name) => `failed: ${name}`),
    ...failedFiles.map(({ name, message }) =>
      `failed to run: ${name} ${message.split("\n")[0] ?? ""}`.trim(),
    ),
    ...skipped
      .filter((name) => !allowedSkips.includes(name))
      .map((name) => `skipped and not on the list: ${name}`),
    ...(passed + failed === 0 ? ["no test ran"] : []),
    ...(failed === 0 && !success ? ["the runner says that it failed, outside of any test"] : []),
  ];
  return { passed, failed, skipped, problems };
}

/** One name a line; empty lines and lines that begin with # are for people. */
export function parseAllowed(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** What a report that cannot be read comes to: its last line has to be there all the same. */
export async function summaryOf(reportPath: string, allowedSkips: readonly string[]): Promise<Summary> {
  try {
    return summarise(JSON.parse(await readFile(reportPath, "utf8")), allowedSkips);
  } catch (error) {
    const problem = `the test runner left no report that can be read: ${describe(error)}`;
    return { passed: 0, failed: 1, skipped: [], problems: [problem] };
  }
}

/** Several runs as one. */
export function together(summaries: readonly Summary[]): Summary {
  return {
    passed: summaries.reduce((sum, { passed }) => sum + passed, 0),
    failed: summaries.reduce((sum, { failed }) => sum + failed, 0),
    skipped: summaries.flatMap(({ skipped }) => skipped),
    problems: summaries.flatMap(({ problems }) => problems),
  };
}

if (import.meta.main) {
  const [allowedPath = "", ...reportPaths] = process.argv.slice(2);
  const allowed = parseAllowed(await readFile(allowedPath, "utf8"));
  const summaries = await Promise.all(reportPaths.map((path) => summaryOf(path, allowed)));
  const { passed, failed, skipped, problems } = together(summaries);
  for (const name of skipped) console.log(`skipped: ${name}`);
  for (const problem of problems) console.log(problem);
  console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
  process.exitCode = problems.length > 0 || summaries.length === 0 ? 1 : 0;
}
