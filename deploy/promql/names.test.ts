import { describe, expect, test } from "vitest";

import { filled, namesIn } from "./names.ts";

describe("namesIn()", () => {
  test("tells metrics, their labels, and what is grouped by from functions and words", () => {
    const query =
      'histogram_quantile(0.9, sum by (le, pool) (rate(a_bucket{x="1", y=~"b{c"}[5m]))) and on (instance) b == 1 or c offset 5m unless d > bool 2e3';
    expect(namesIn(query)).toEqual({
      metrics: [
        { name: "a_bucket", labels: ["x", "y"] },
        { name: "b", labels: [] },
        { name: "c", labels: [] },
        { name: "d", labels: [] },
      ],
      groups: ["le", "pool", "instance"],
      made: [],
    });
  });

  test("knows the labels that a query makes and those that a join takes over", () => {
    const query =
      'a{p="x"} * on (n) group_left (w) label_replace(max by (n) (b{q="("}), "w", "$1", "n", "(.+)-.*")';
    expect(namesIn(query)).toEqual({
      metrics: [
        { name: "a", labels: ["p"] },
        { name: "b", labels: ["q"] },
      ],
      groups: ["n", "w", "n"],
      made: ["w"],
    });
  });

  test("takes a metric that a person chooses for none", () => {
    expect(namesIn('sum by (namespace) ({__name__=~"x", namespace="y"})').metrics).toEqual([]);
  });

  test("fails on a query that breaks off", () => {
    expect(() => namesIn('a{b="c"')).toThrow("no } after");
  });
});

describe("filled()", () => {
  test("puts a window for Grafana's and everything for a person's choice, and leaves groups of an expression", () => {
    expect(filled('rate(a{n=~"$node"}[$__rate_interval]) offset $__interval + "$1"')).toBe(
      'rate(a{n=~".+"}[5m]) offset 1m + "$1"',
    );
  });
});
