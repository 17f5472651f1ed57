import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { ForecastPage } from "../report/forecast-page.ts";
import { readCommand } from "./arguments.ts";
import { forecast } from "./forecast.ts";

const NOBODY = async (): Promise<never> => await Promise.reject(new Error("nobody is asked"));
const PAGE: ForecastPage = { at: "2026-01-05T00:00:00Z", series: [] };
const asked = { policy: undefined, history: undefined, json: false };

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "forecast-"));
});
afterAll(async () => {
  await rm(dir, { recursive: true });
});

async function fileWith(...rows: readonly string[]): Promise<string> {
  const file = join(dir, `${rows.length}.csv`);
  await writeFile(file, ["policy,at,gpus", ...rows].join("\n"));
  return file;
}

describe("gpuasctl forecast", () => {
  test.each([
    [["forecast"], { policy: undefined, history: undefined }],
    [["forecast", "gpu"], { policy: "gpu" }],
    [["forecast", "--history", "a.csv"], { history: "a.csv" }],
  ])("%j is read", (argv, command) => {
    expect(readCommand(argv)).toMatchObject({ word: "forecast", ...command });
  });

  test.each([[["forecast", "a", "b"]], [["forecast", "a", "--history", "a.csv"]]])(
    "%j is refused",
    (argv) => {
      expect(() => readCommand(argv)).toThrow(/forecast takes/);
    },
  );

  test("tells what the coordinator expects, and that a policy has no forecast", async () => {
    const readPage = async () => await Promise.resolve(PAGE);
    expect(await forecast(asked, readPage)).toContain("No policy has a forecast");
    expect(JSON.parse(await forecast({ ...asked, json: true }, readPage))).toEqual(PAGE);
    await expect(forecast({ ...asked, policy: "gpu" }, readPage)).rejects.toThrow(
      "policy gpu has no forecast",
    );
  });

  test("tells what a file with the past would teach, and asks nobody", async () => {
    const start = Date.UTC(2026, 0, 5);
    const rows = Array.from({ length: 14 * 288 }, (_, index) => {
      const at = new Date(start + index * 300_000);
      return `gpu,${at.toISOString()},${at.getUTCHours() < 12 ? 8 : 32}`;
    });
    const text = await forecast({ ...asked, history: await fileWith(...rows) }, NOBODY);
    expect(text).toContain("gpu: 4032 bins of five minutes from 2026-01-05T00:00:00");
    expect(text).toContain("it may move nodes at once");
  });

  test("names each row that cannot be used", async () => {
    const file = await fileWith("gpu,2026-01-05T00:00:00Z,1", "gpu,then,2", "gpu,2026-01-05T00:05:00Z,NaN");
    await expect(forecast({ ...asked, history: file }, NOBODY)).rejects.toThrow(
      /line 3: at: "then"[^]*line 4: gpus: "NaN"/,
    );
    await expect(forecast({ ...asked, history: join(dir, "none") }, NOBODY)).rejects.toThrow("--history");
  });
});
