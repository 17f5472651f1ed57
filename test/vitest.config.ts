// Every level of test runs from one configuration. Scenarios start real processes, so they get more time and fewer
// workers.

import { availableParallelism } from "node:os";

import { defineConfig } from "vitest/config";

const common = { environment: "node" as const, root: new URL("..", import.meta.url).pathname };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: "unit",
          // A worker for each of four hundred files costs more than the tests; nothing in them outlives its test.
          isolate: false,
          // The default leaves one of two cores idle.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          include: [
            "{agent,coordinator,shared,deploy}/**/*.test.ts",
            "test/*.test.ts",
            "test/{backtest,bench,build,chaos,contract,control-plane,crash,demo,golden,nvml-double,properties,tools,world}/**/*.test.ts",
          ],
          // They need a control plane: e2e.
          exclude: ["test/contract/**/*-real.test.ts"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          ...common,
          name: "scenario",
          include: ["test/scenarios/**/*.test.ts"],
          testTimeout: 90_000,
          hookTimeout: 90_000,
          // Scenarios mostly wait, so a few at a time fit on two cores.
          maxWorkers: 4,
          maxConcurrency: 4,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // What is too slow for every change: `npm run test:e2e`.
        test: {
          ...common,
          name: "e2e",
          include: ["test/e2e/**/*.test.ts", "test/contract/**/*-real.test.ts"],
          globalSetup: ["test/control-plane/available.ts"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
