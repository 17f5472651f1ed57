// Whatever arrives, a reader refuses or decodes. It never throws, and what it decodes names its sender.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { decode } from "../../shared/contract/codec.ts";
import { readDrainRequest, readDrainState } from "../../shared/contract/node-marks.ts";
import { parsePolicy } from "../../shared/contract/policy.ts";
import { parsePolicyStatus } from "../../shared/contract/policy/status.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";

const kinds = ["report", "notice", "drain"] as const;
const subject = fc.oneof(
  fc.string(),
  fc.constantFrom(...kinds).map((kind) => subjectFor(kind, "spot-1")),
);
/** JSON that looks like ours in places, so that the search gets past the first check. */
const nearMiss = fc.record(
  {
    v: fc.oneof(fc.constant(1), fc.jsonValue()),
    node: fc.oneof(fc.constant("spot-1"), fc.jsonValue()),
    id: fc.oneof(fc.string(), fc.jsonValue()),
    at: fc.oneof(fc.nat(), fc.jsonValue()),
    seq: fc.oneof(fc.nat(), fc.jsonValue()),
    phase: fc.oneof(fc.constantFrom("seen", "started"), fc.jsonValue()),
    source: fc.oneof(fc.constant("drill"), fc.constant({ state: "ready" }), fc.jsonValue()),
    gpus: fc.oneof(fc.constant([]), fc.jsonValue()),
    deadline: fc.oneof(fc.nat(), fc.jsonValue()),
    counts: fc.jsonValue(),
  },
  { requiredKeys: [] },
);
const data = fc.oneof(
  fc.uint8Array({ maxLength: 2000 }),
  fc.jsonValue().map((value) => new TextEncoder().encode(JSON.stringify(value))),
  nearMiss.map((value) => new TextEncoder().encode(JSON.stringify(value))),
);

describe("decoders", () => {
  test("refuse or decode any bytes on any subject", () => {
    fc.assert(
      fc.property(fc.constantFrom(...kinds), subject, data, (kind, on, bytes) => {
        const decoded = decode(kind, on, bytes);
        if (decoded.kind === "message") expect(decoded.message.node).toBe(decoded.node);
        else expect(decoded.code).not.toBe("");
      }),
      { numRuns: 2000 },
    );
  });

  test("read any annotation as a value, as nothing, or as malformed with a reason", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          nearMiss.map((value) => JSON.stringify(value)),
        ),
        (text) => {
          for (const mark of [readDrainRequest(text), readDrainState(text)]) {
            if (mark.kind === "malformed") expect(mark.why).not.toBe("");
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("read any policy spec as valid or with its problems named", () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), nearMiss), (spec) => {
        const parsed = parsePolicy(spec);
        if (parsed.kind === "invalid") expect(parsed.problems.length).toBeGreaterThan(0);
        parsePolicyStatus(spec);
      }),
      { numRuns: 1000 },
    );
  });
});
