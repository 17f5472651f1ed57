// The contract of coordinator/cloud/group.ts as tests, the same for every back end. A case that cannot exist for one is
// named with its reason, and where the reason claims something, that is what is tested; nothing is skipped unsaid.

import { afterAll, describe, test } from "vitest";

import { DEFAULT_SETUP } from "./cases/case.ts";
import type { ContractCase } from "./cases/case.ts";
import { GROWING } from "./cases/growing.ts";
import { READING } from "./cases/reading.ts";
import { REFUSING } from "./cases/refusing.ts";
import { SHRINKING } from "./cases/shrinking.ts";
import { CASES } from "./harness.ts";
import type { Case, MakeHarness, NotApplicable } from "./harness.ts";

export const CONTRACT: Readonly<Record<Case, ContractCase>> = {
  ...GROWING,
  ...SHRINKING,
  ...REFUSING,
  ...READING,
};

type Row = readonly [title: string, which: Case, run: ContractCase["run"]];

/** Declares one test for each case. `makeHarness` is called anew for each of them. */
export function cloudGroupContract(
  name: string,
  makeHarness: MakeHarness,
  notApplicable: NotApplicable = {},
): void {
  const applies = (which: Case): boolean => notApplicable[which] === undefined;
  const rows = CASES.flatMap((which): readonly Row[] => {
    const without = notApplicable[which];
    if (without === undefined) return [[which, which, CONTRACT[which].run]];
    if (typeof without === "string") return [];
    return [[`${which}: not applicable: ${without.reason}`, which, without.proof]];
  });

  describe(`cloud-group contract: ${name}`, () => {
    test.each(rows)("%s", async (_title, which, run) => {
      await using harness = await makeHarness({ ...DEFAULT_SETUP, ...CONTRACT[which].setup });
      await run(harness, applies);
    });

    afterAll(() => {
      const left = CASES.filter((which) => !applies(which));
      const reasons = left.map((which) => {
        const why = notApplicable[which] ?? "";
        return `${which} (${typeof why === "string" ? why : why.reason})`;
      });
      const told = reasons.length === 0 ? "" : `: ${reasons.join("; ")}`;
      console.log(
        `cloud-group contract: ${name} ${CASES.length - left.length} cases, ${left.length} not applicable${told}`,
      );
    });
  });
}
