import { describe, expect, test } from "vitest";

import { NODE_LABEL } from "../../../shared/model/names.ts";
import { contextOf, place, podWith } from "../../../test/build/place.ts";
import { nodeSelector } from "./node-selector.ts";

const LABELS = { disk: "ssd", [NODE_LABEL.arch]: "amd64" };

const CASES: readonly (readonly [
  string,
  Readonly<Record<string, string>>,
  readonly [string, string] | null,
])[] = [
  ["no selector", {}, null],
  ["every label as it is", LABELS, null],
  ["another value", { disk: "hdd" }, ["disk", "hdd"]],
  ["a label that is not there", { team: "ml" }, ["team", "ml"]],
  ["an empty value of a label that is not there", { team: "" }, ["team", ""]],
  ["the first by name of two that differ", { team: "ml", disk: "hdd" }, ["disk", "hdd"]],
  ["the zone of a pool that has several", { [NODE_LABEL.zone]: "a" }, [NODE_LABEL.zone, "a"]],
];

describe("node-selector", () => {
  test.each(CASES)("%s", (_, selector, missing) => {
    const pod = podWith("p", { nodeSelector: selector });
    expect(nodeSelector.refusal(pod, place({ labels: LABELS }), contextOf([pod]))).toEqual(
      missing === null
        ? null
        : { code: "selector-mismatch", pool: "demo/gpu", label: missing[0], wanted: missing[1] },
    );
  });
});
