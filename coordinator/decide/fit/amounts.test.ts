import { describe, expect, test } from "vitest";

import { devicesOf, gpuShare, isExtended, podsPerNode, shortage } from "./amounts.ts";

describe("gpuShare()", () => {
  test.each([
    [{ cpu: 1 }, 0],
    [{ "nvidia.com/gpu": 2 }, 2],
    [{ "nvidia.com/mig-3g.20gb": 7 }, 3],
    [{ "nvidia.com/gpu": 1, "nvidia.com/mig-1g.5gb": 7 }, 2],
    [{ "amd.com/gpu": 1 }, 1],
  ])("of %o is %d cards", (requests, share) => {
    expect(gpuShare(requests)).toBeCloseTo(share, 9);
  });
});

describe("podsPerNode()", () => {
  test.each([
    [{ cpu: 3 }, 3],
    [{ cpu: 3, pods: 5 }, 2],
    [{ gpu: 1 }, 0],
    [{ cpu: 0 }, Infinity],
  ])("of %o is %d", (requests, count) => {
    expect(podsPerNode(requests, { cpu: 10, pods: 10 })).toBe(count);
  });
});

describe("shortage()", () => {
  test("is the first by name of what is asked about, in whatever order it stands", () => {
    const has = (name: string) => ({ a: 1, b: 2, c: 3 })[name] ?? 0;
    const ask = (requests: Readonly<Record<string, number>>, but = "") =>
      shortage(requests, (name) => name !== but, has)?.resource ?? null;
    expect(ask({ c: 4, b: 3, a: 1 })).toBe("b");
    expect(ask({ a: 1, b: 3, c: 4 })).toBe("b");
    expect(ask({ a: 1, b: 3, c: 4 }, "b")).toBe("c");
    expect(ask({ a: 1, b: 2, c: 3, d: 0 })).toBeNull();
    expect(shortage({ b: 5 }, () => true, has)).toEqual({ resource: "b", wants: 5, has: 2 });
  });
});

test.each([
  ["cpu", false],
  ["hugepages-2Mi", false],
  ["ephemeral-storage", false],
  ["attachable-volumes.kubernetes.io/ebs", false],
  ["nvidia.com/gpu", true],
  ["vpc.amazonaws.com/efa", true],
])("%s is an extended resource: %o", (name, expected) => {
  expect(isExtended(name)).toBe(expected);
});

test("devices are those of which there are any, each once, by name", () => {
  expect(
    devicesOf([
      { cpu: 1, "x.com/b": 1, "x.com/none": 0 },
      { "x.com/a": 1, "x.com/b": 2 },
    ]),
  ).toEqual(["x.com/a", "x.com/b"]);
});
