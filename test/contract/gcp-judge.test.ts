import { expect, test } from "vitest";

import { edited } from "../world/cloud/gcp-troubles.ts";
import { gcpHarness } from "./gcp-harness.ts";
import type { GcpHarness } from "./gcp-harness.ts";
import { calling } from "./harness.ts";

// Whoever uses the stand-in of Google's API: what it answers has to be what Google's own description has.

const NUMBER = "InstanceGroupManagersListManagedInstancesResponse.managedInstances[].id";

async function withBadNumber(): Promise<GcpHarness> {
  const harness = await gcpHarness({ groups: 1, size: 1 });
  const [id = ""] = await harness.instances();
  harness.cloud.configure("group-0", { instances: { [id.split("/")[0] ?? ""]: { id: 12 } } });
  return harness;
}

async function looked(harness: GcpHarness): Promise<void> {
  const { account } = harness;
  await account?.account.look(account.keys, calling(harness));
}

test("an answer that Google would not give fails the test that used it, by the name of the field", async () => {
  const harness = await withBadNumber();
  await expect(looked(harness)).rejects.toMatchObject({ kind: "malformed" });
  await expect(harness[Symbol.asyncDispose]()).rejects.toThrow(
    "listManagedInstances: InstanceGroupManagersListManagedInstancesResponse.managedInstances[0].id: 12 is no text",
  );
});

test("but not where the test says that it means this field", async () => {
  const harness = await withBadNumber();
  harness.cloud.exempt(NUMBER);
  await expect(looked(harness)).rejects.toMatchObject({ kind: "malformed" });
  await harness[Symbol.asyncDispose]();
});

test("a trouble that says what it breaks breaks it, and one that does not has to fit", async () => {
  const open = async (breaks?: string): Promise<GcpHarness> => {
    const harness = await gcpHarness({ groups: 1, size: 1 });
    harness.cloud.trouble.set(edited((body) => ({ ...body, oddField: 1 }), breaks));
    await looked(harness).catch(() => {}); // what it makes of it is not the question
    return harness;
  };
  await (await open("a field that is not there"))[Symbol.asyncDispose]();
  await expect((await open())[Symbol.asyncDispose]()).rejects.toThrow("oddField: no such field");
});
