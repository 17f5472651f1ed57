import { expect, test } from "vitest";

import { awsReading } from "../../../test/build/aws-reading.ts";
import { NO_LAUNCHES } from "./launches.ts";
import { membersOf } from "./members.ts";

const isProtected = { ids: ["i-0a"], instance: { isProtected: true } };

test.each([
  [
    "that somebody protected is kept",
    false,
    "somebody protected i-0a from scale-in: take the protection away",
  ],
  ["of a group that protects all of them is not", true, undefined],
])("a member %s", (_, protectsNew, words) => {
  const [member] = membersOf(awsReading({ ...isProtected, protectsNew }), NO_LAUNCHES);
  if (words === undefined) expect(member).not.toHaveProperty("keptBecause");
  else expect(member?.keptBecause).toContain(words);
});
