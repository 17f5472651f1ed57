// Fingerprints of what this version installs beside its programs, for `gpuasctl doctor`, which compares them with what a
// cluster has. Pure: `npm run generate` writes the file.

import { fingerprint, rulesOf } from "../coordinator/ctl/doctor/fingerprint.ts";
import type { Shipped } from "../coordinator/ctl/doctor/fingerprint.ts";
import { admission } from "./admission/admission.ts";
import type { AdmissionObject } from "./admission/cel.ts";
import { alertGroups } from "./alerts/rules.ts";
import { policyDefinition } from "./crd/crd.ts";
import { dashboardQueries } from "./dashboards/dashboards.ts";
import { KNOWN_METRICS } from "./promql/known.ts";
import { filled, namesIn } from "./promql/names.ts";

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
    queried: { agent: queriedOf("agent"), coordinator: queriedOf("coordinator") },
  };
  return `${JSON.stringify(shipped, null, 2)}\n`;
}

/** Series of a program that a dashboard or an alert asks for → where it is asked for first. */
function queriedOf(program: keyof typeof KNOWN_METRICS): Readonly<Record<string, string>> {
  const places = new Map<string, string>();
  const queries = [
    ...dashboardQueries().map(({ at, query }) => ({ at: `dashboard ${at}`, query })),
    ...alertGroups().flatMap(({ alerts }) =>
      alerts.map(({ name, query }) => ({ at: `alert ${name}`, query })),
    ),
  ];
  for (const { at, query } of queries)
    for (const { name } of namesIn(filled(query)).metrics)
      if (KNOWN_METRICS[program].has(name) && !places.has(name)) places.set(name, at);
  return Object.fromEntries([...places].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
