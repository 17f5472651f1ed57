import { expect, test } from "vitest";

import { createFakeClock } from "../../test/build/clock.ts";
import { createRightsPage, RIGHTS_PAGE } from "./rights-page.ts";

test("keeps an answer for half a minute, also for those who ask meanwhile", async () => {
  const clock = createFakeClock();
  let asked = 0;
  const page = createRightsPage({
    clock,
    ask: async () => {
      asked++;
      return await Promise.resolve([{ account: "aws x", backEnd: "aws", groups: asked, answers: [] }]);
    },
  });
  const read = async (): Promise<unknown> => {
    const { body } = await page[RIGHTS_PAGE]();
    return typeof body === "string" ? JSON.parse(body) : null;
  };
  const first = { accounts: [{ account: "aws x", backEnd: "aws", groups: 1, answers: [] }] };
  expect(await Promise.all([read(), read()])).toEqual([first, first]);
  await clock.advance(29_000);
  expect(await read()).toEqual(first);
  await clock.advance(2_000);
  expect(await read()).toMatchObject({ accounts: [{ groups: 2 }] });
  expect(asked).toBe(2);
});
