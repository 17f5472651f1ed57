// What this version ships beside its programs, as fingerprints. deploy/shipped.ts writes the file beside this one, and
// `npm run generate -- --check` holds it to the code.

import type { Shipped } from "./fingerprint.ts";
import table from "./shipped.json" with { type: "json" };

export const SHIPPED: Shipped = table;
