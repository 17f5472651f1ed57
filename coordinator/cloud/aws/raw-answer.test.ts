import { expect, test } from "vitest";

import { answerXml, errorXml } from "../../../test/build/aws.ts";
import { unreadable } from "./raw-answer.ts";

const CALL = "SetDesiredCapacity";
const GOOD = answerXml(CALL);

test.each([
  [200, GOOD],
  [200, `<?xml version="1.0"?>\n${GOOD}\n`],
  [400, errorXml("ValidationError")],
  [503, "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>"],
])("an answer that the SDK may read: %i %s", (status, text) => {
  expect(unreadable(CALL, status, text)).toBeNull();
});

test.each([
  [200, "", "answered 200 without a word"],
  [503, "  ", "answered 503 without a word"],
  [200, "ok", "answered 200 with something that is no XML"],
  [500, "<!doctype html><html></html>", "answered 500 with something that is no XML"],
  [502, "<html><body>bad gateway</body></html>", "answered 502 with <html>, which is no error of AWS"],
  [200, "<html><body>log in</body></html>", "answered 200 with <html>"],
  [
    200,
    errorXml("Throttling", "Rate exceeded"),
    "answered 200 with an error in it: Throttling: Rate exceeded",
  ],
  [200, answerXml("DetachInstances"), "answered 200 with <DetachInstancesResponse>"],
  [
    400,
    errorXml("ValidationError").slice(0, 90),
    "answered 400 with an error that is cut off after 90 characters",
  ],
])("an answer that it may not: %i %j", (status, text, words) => {
  expect(unreadable(CALL, status, text)).toBe(words);
});

test("an answer that is cut anywhere is not read", () => {
  for (let length = 0; length < GOOD.length; length++)
    expect(unreadable(CALL, 200, GOOD.slice(0, length)), `${length}`).not.toBeNull();
});
