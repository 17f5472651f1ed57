import { expect, test } from "vitest";

import { imageBom, packagesOf } from "./sbom.ts";

const component = (name: string): object => ({ "bom-ref": `${name}@1.0.0`, name, version: "1.0.0" });
const said = (serialNumber: string, timestamp: string): object => ({
  bomFormat: "CycloneDX",
  serialNumber,
  metadata: { timestamp, component: { ...component("folder"), type: "library" } },
  components: ["in-it", "below", "for-tests"].map(component),
  dependencies: [
    { ref: "folder@1.0.0", dependsOn: ["in-it@1.0.0", "for-tests@1.0.0"] },
    { ref: "in-it@1.0.0", dependsOn: ["below@1.0.0", "for-tests@1.0.0"] },
    { ref: "below@1.0.0", dependsOn: [] },
    { ref: "for-tests@1.0.0", dependsOn: [] },
  ],
});
const options = { name: "the-image", packages: new Set(["in-it", "below"]), epoch: 1_700_000_000 };

test("the document names what is in the image and nothing else", () => {
  const bom: unknown = JSON.parse(imageBom(said("urn:uuid:1", "2026-01-01T00:00:00Z"), options));
  expect(bom).toEqual({
    bomFormat: "CycloneDX",
    metadata: {
      timestamp: "2023-11-14T22:13:20.000Z",
      component: {
        "bom-ref": "folder@1.0.0",
        name: "the-image",
        version: "1.0.0",
        type: "application",
      },
    },
    components: [component("in-it"), component("below")],
    dependencies: [
      { ref: "folder@1.0.0", dependsOn: ["in-it@1.0.0"] },
      { ref: "in-it@1.0.0", dependsOn: ["below@1.0.0"] },
      { ref: "below@1.0.0", dependsOn: [] },
    ],
  });
});

test("another time and another number give the same document", () => {
  expect(imageBom(said("urn:uuid:1", "2026-01-01T00:00:00Z"), options)).toBe(
    imageBom(said("urn:uuid:2", "2027-01-01T00:00:00Z"), options),
  );
});

test("a package that the lock file does not know is named", () => {
  const packages = new Set(["in-it", "smuggled"]);
  expect(() => imageBom(said("urn:uuid:1", "2026-01-01T00:00:00Z"), { ...options, packages })).toThrow(
    "not in package-lock.json: smuggled",
  );
});

test("a source map tells the packages, scoped ones and those inside others as well", () => {
  const sources = [
    "../agent/main.ts",
    "../node_modules/zod/v4/core.js",
    "../node_modules/@scope/one/lib/a.js",
    "../node_modules/outer/node_modules/inner/b.js",
  ];
  expect([...packagesOf(JSON.stringify({ sources }))]).toEqual(["zod", "@scope/one", "inner"]);
});
