// The images start the programs as the demo, the scenarios and the benches do: the measured figures hold only
// with the same Node flags. And their labels say what package.json says.

import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { AGENT_NODE_FLAGS } from "../agent/flags.ts";
import { COORDINATOR_NODE_FLAGS } from "../coordinator/flags.ts";

const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");
const product = JSON.parse(read("package.json")) as { readonly version: string; readonly license: string };

test.each([
  ["Dockerfile.agent", AGENT_NODE_FLAGS, "/app/agent.js"],
  ["Dockerfile.coordinator", COORDINATOR_NODE_FLAGS, "/app/coordinator.js"],
])("%s starts its program with the flags that were measured", (file, flags, entry) => {
  const command = /^ENTRYPOINT (\[.*\])$/m.exec(read(file))?.[1] ?? "[]";
  expect(JSON.parse(command)).toEqual(["/nodejs/bin/node", ...flags, entry]);
});

test.each(["Dockerfile.agent", "Dockerfile.coordinator"])("%s is labelled as package.json says", (file) => {
  const labels = new Map(
    [...read(file).matchAll(/org\.opencontainers\.image\.(\w+)="([^"]*)"/g)].map(([, name, value]) => [
      name,
      value,
    ]),
  );
  expect(labels.get("version")).toBe(product.version);
  expect(labels.get("licenses")).toBe(product.license);
});
