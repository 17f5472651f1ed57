// The images start the programs as the demo, the scenarios and the benches do: the measured figures hold only
// with the same Node flags.

import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { AGENT_NODE_FLAGS } from "../agent/flags.ts";
import { COORDINATOR_NODE_FLAGS } from "../coordinator/flags.ts";

test.each([
  ["Dockerfile.agent", AGENT_NODE_FLAGS, "/app/agent.js"],
  ["Dockerfile.coordinator", COORDINATOR_NODE_FLAGS, "/app/coordinator.js"],
])("%s starts its program with the flags that were measured", (file, flags, entry) => {
  const text = readFileSync(new URL(`../${file}`, import.meta.url), "utf8");
  const command = /^CMD (\[.*\])$/m.exec(text)?.[1] ?? "[]";
  expect(JSON.parse(command)).toEqual([...flags, entry]);
});
