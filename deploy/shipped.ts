// Fingerprints of what this version installs beside its programs, for `gpuasctl doctor`, which compares them with what a
// cluster has. Pure: `npm run generate` writes the file.

import { fingerprint, rulesOf } from "../coordinator/ctl/doctor/fingerprint.ts";
import type { Shipped } from "../coordinator/ctl/doctor/fingerprint.ts";
import { admission } from "./admission/admission.ts";
import type { AdmissionObject } from "./admission/cel.ts";
import { policyDefinition } from "./crd/crd.ts";

export function shippedText(): string {
  const shipped: Shipped = {
    definition: fingerprint(policyDefinition().spec.versions[0]?.schema),
    admission: Object.fromEntries(
      Object.entries(admission()).flatMap(([part, objects]) =>
        (objects as readonly AdmissionObject[])
          .filter(({ kind }) => kind === "ValidatingAdmissionPolicy")
          .map(({ metadata, spec }) => [
            metadata.name,
            // The generator's own objects are of this form.
            { part, rules: rulesOf(spec as Parameters<typeof rulesOf>[0]) },
          ]),
      ),
    ),
  };
  return `${JSON.stringify(shipped, null, 2)}\n`;
}
