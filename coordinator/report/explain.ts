// Reasons and moves as sentences for people: the only place where decisions become words. Each sentence says what
// is the case with its numbers and, where an operator can change something, what. It decides and looks up nothing;
// the sentences themselves stand in sentences/, by what they are about.

import type { Reason, ReasonCode } from "../../shared/model/reasons.ts";
import type { Move } from "../decide/plan.ts";
import { CHANGE } from "./sentences/change.ts";
import { FIT } from "./sentences/fit.ts";
import { MARKET } from "./sentences/market.ts";
import { NODE } from "./sentences/node.ts";
import { POD } from "./sentences/pod.ts";
import { POOL } from "./sentences/pool.ts";
import type { ReasonOf, Sentences } from "./sentences/table.ts";

const SENTENCES: Sentences<ReasonCode> = { ...CHANGE, ...POOL, ...MARKET, ...NODE, ...POD, ...FIT };

/** One sentence without a full stop, to be joined with others. */
export function sentence(reason: Reason): string {
  return said(reason.code, reason);
}

/** A reason from a coordinator of another version may have a code that this one has no words for. */
function said<Code extends ReasonCode>(code: Code, reason: ReasonOf<Code>): string {
  return Object.hasOwn(SENTENCES, code) ? SENTENCES[code](reason) : JSON.stringify(reason);
}

/** A move with its reasons, for events, status and logs. */
export function explainMove(move: Move): string {
  return `${headline(move)}: ${move.because.map(sentence).join("; ")}`;
}

function headline(move: Move): string {
  const sizes = `pool ${move.pool} from ${move.from} to ${move.to}`;
  switch (move.kind) {
    case "grow":
      return `grow ${sizes}${move.probe === true ? " as a probe" : ""}`;
    case "replace":
      return `grow ${sizes} to replace node ${move.node}`;
    case "shrink":
      return `shrink ${sizes}, ${move.how === "empty" ? "removing" : "draining"} node ${move.node}`;
    case "release":
      return `release node ${move.node}, ${sizes}`;
  }
}
