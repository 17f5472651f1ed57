// A process of its own for bench decide: one snapshot, one decision, and the most memory that both ever took, in MiB.

import { decide } from "../../coordinator/decide/decide.ts";
import { diverseOfferings, diversePods, policyOf, snapshotOf } from "./workload.ts";

decide(snapshotOf(policyOf(diverseOfferings()), diversePods(Number(process.argv[2]))));
console.log(process.resourceUsage().maxRSS / 1024);
