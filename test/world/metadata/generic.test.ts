import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { createFakeClock } from "../../build/clock.ts";
import { startGenericNotice } from "./generic.ts";

const AT = epochMs(Date.UTC(2026, 8, 19, 18, 29, 47));

describe("startGenericNotice()", () => {
  test.each([204, 404] as const)("answers %d, then a notice, then that again", async (none) => {
    await using generic = await startGenericNotice({ clock: createFakeClock(), none });
    const read = async (): Promise<readonly [number, string]> => {
      const answer = await fetch(generic.url);
      return [answer.status, await answer.text()];
    };
    expect(await read()).toEqual([none, ""]);
    generic.notice();
    expect(await read()).toEqual([200, ""]);
    generic.notice({ id: "rack-7", kind: "maintenance", deadline: AT });
    const [status, text] = await read();
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({
      id: "rack-7",
      kind: "maintenance",
      deadline: "2026-09-19T18:29:47.000Z",
    });
    generic.withdraw();
    expect(await read()).toEqual([none, ""]);
    expect(generic.breaches).toEqual([]);
  });

  test("is only read", async () => {
    await using generic = await startGenericNotice({ clock: createFakeClock() });
    expect((await fetch(generic.url, { method: "POST", body: "x" })).status).toBe(405);
    expect(generic.breaches).toHaveLength(1);
  });
});
