import { expect, test } from "vitest";

import { stacked, stepArea, stepLine, ticks } from "./paths.ts";

test("a line of steps joins equal columns and breaks where nothing is known", () => {
  expect(stepLine([1, 1, 2, null, 4], 4)).toBe("M0 750h2v-250h1M4 0h1");
});

test("an area goes there above and back below", () => {
  expect(stepArea([0, 0, 1], [2, 2, 2], 4)).toBe("M0 500h3V750h-1v250h-2Z");
  expect(stepArea([0, null, 0], [1, 1, 1], 1)).toBe("M0 0h1V1000h-1ZM2 0h1V1000h-1Z");
});

test("nothing is drawn beyond the top or below zero", () => {
  expect(stepLine([9, -1], 4)).toBe("M0 0h1v1000h1");
});

test("stacked series stand on each other; an unknown one adds nothing", () => {
  expect(
    stacked([
      [1, 2],
      [3, null],
    ]),
  ).toEqual([
    [1, 2],
    [4, 2],
  ]);
});

test("marks nearer than the grain are one", () => {
  expect(ticks([1.01, 1.04, 2], 0.2, 10, 20)).toBe("M1 10V20M2 10V20");
});
