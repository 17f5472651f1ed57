// The type of a group of sentences. Every group says for which codes it speaks, so that the compiler finds a code
// without a sentence, and a sentence for a code that is gone.

import type { Reason, ReasonCode } from "../../../shared/model/reasons.ts";

export type ReasonOf<Code extends ReasonCode> = Extract<Reason, { readonly code: Code }>;

/** Code → its sentence. `Code` is a union: each member gets the fields of its own reason. */
export type Sentences<Code extends ReasonCode> = {
  readonly [C in Code]: (reason: ReasonOf<C>) => string;
};
