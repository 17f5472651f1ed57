import { describe as suite, expect, test } from "vitest";

import { AppError, describe, kindOf } from "./errors.ts";

suite("describe()", () => {
  test("joins an error's message with those of its causes", () => {
    const cause = new Error("connection refused", { cause: new Error("ECONNREFUSED 10.0.0.1:6443") });
    expect(describe(new AppError("unavailable", "cannot list nodes", { cause }))).toBe(
      "cannot list nodes: connection refused: ECONNREFUSED 10.0.0.1:6443",
    );
  });

  test("does not say again what the outer message says already", () => {
    expect(
      describe(
        new AppError("bad-input", "cannot read f: no such file", { cause: new Error("no such file") }),
      ),
    ).toBe("cannot read f: no such file");
  });

  test("ends on an error that is its own cause", () => {
    const error = new Error("around");
    error.cause = error;
    expect(describe(error)).toBe("around");
  });
});

suite("kindOf()", () => {
  test("takes what nobody translated for a bug of ours", () => {
    expect(kindOf(new TypeError("x"))).toBe("bug");
    expect(kindOf(new AppError("throttled", "slow down"))).toBe("throttled");
    expect(new AppError("throttled", "slow down").retryable).toBe(true);
  });
});
