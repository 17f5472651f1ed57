// Limits of a call that a test of Google Cloud makes by itself.

import type { CallOptions } from "../../coordinator/cloud/group.ts";
import { millis } from "../../shared/model/units.ts";

export const ANY_CALL: CallOptions = { signal: new AbortController().signal, deadlineMs: millis(5_000) };
