import { describe, expect, test } from "vitest";

import { meaningOf, nameOf } from "./nvml-status.ts";

const CODES = Array.from({ length: 1_200 }, (_, code) => code);

describe("meaningOf()", () => {
  test("only these codes end the connection to the driver", () => {
    expect(CODES.filter((code) => meaningOf(code) === "fatal")).toEqual([1, 9, 18, 28]);
  });

  test("only this code says that a GPU is gone", () => {
    expect(CODES.filter((code) => meaningOf(code) === "lost")).toEqual([15]);
  });

  test("only 0 is a success, and a code nobody knows is a failure", () => {
    expect(CODES.filter((code) => meaningOf(code) === "success")).toEqual([0]);
    expect(meaningOf(-1)).toBe("pending");
    expect(meaningOf(-2)).toBe("unsupported");
    expect(meaningOf(-3)).toBe("failed");
    expect(meaningOf(31)).toBe("failed");
  });
});

describe("nameOf()", () => {
  test("names known codes and numbers the others", () => {
    expect(nameOf(15)).toBe("GPU_IS_LOST (15)");
    expect(nameOf(77)).toBe("NVML_CODE (77)");
  });
});
