// Members of a gang run together or not at all, so a place for one is none while another has none. The packer tries
// them together and says here what is missing.

import type { Check } from "./check.ts";

export const gang: Check = {
  name: "gang",
  reads: "fleet",
  refusal: (pod, _place, { gangOf }) => (pod.gang === undefined ? null : (gangOf?.(pod) ?? null)),
};
