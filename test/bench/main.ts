// `npm run bench -- NAME [--json FILE]`: runs one bench, prints its figures beside their limits, and exits
// with 1 when one is not held. A bench is a file of this folder that exports `run(): Promise<Figure[]>`; one that
// takes a long time heeds `--minutes N`, one that reads recorded load `--traces DIR` and `--plan FILE`; what is more than a
// figure goes into the JSON file through `keep`.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { describe } from "../../shared/runtime/errors.ts";
import type { Figure } from "./figure.ts";
import { printFigures, writeFigures } from "./figure.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));

/** What makes a file of the folder a bench. */
const RUN = "\nexport async function run(";

interface Bench {
  readonly run: (options: {
    readonly minutes?: number;
    readonly traces?: string;
    readonly plan?: string;
    readonly keep: (name: string, value: unknown) => void;
  }) => Promise<readonly Figure[]>;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(describe(error));
  process.exitCode = 1;
}

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      json: { type: "string" },
      minutes: { type: "string" },
      traces: { type: "string" },
      plan: { type: "string" },
    },
    allowPositionals: true,
  });
  const [name, ...more] = positionals;
  const names = benches();
  if (name === undefined || more.length > 0 || !names.includes(name)) {
    console.error(
      `usage: npm run bench -- NAME [--json FILE] [--minutes N] [--traces DIR] [--plan FILE], NAME one of: ${names.join(", ")}`,
    );
    return 64;
  }
  // The file is in the list because it exports run().
  const bench = (await import(`./${name}.ts`)) as Bench;
  const kept: Record<string, unknown> = {};
  const figures = await bench.run({
    ...(values.minutes === undefined ? {} : { minutes: Number(values.minutes) }),
    ...(values.traces === undefined ? {} : { traces: values.traces }),
    ...(values.plan === undefined ? {} : { plan: values.plan }),
    keep: (key, value) => {
      kept[key] = value;
    },
  });
  printFigures(figures);
  if (values.json !== undefined) writeFigures(values.json, figures, kept);
  return figures.length > 0 && figures.every(({ held }) => held) ? 0 : 1;
}

function benches(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .filter((file) => readFileSync(`${FOLDER}${file}`, "utf8").includes(RUN))
    .map((file) => file.slice(0, -".ts".length))
    .toSorted();
}
