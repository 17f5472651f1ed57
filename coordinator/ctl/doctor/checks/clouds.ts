// The check of what clouds let the coordinator do, by its own answer: it asks them by calls that change nothing. Pure.

import { parsePolicy } from "../../../../shared/contract/policy.ts";
import type { AccountRights } from "../../../cloud/rights.ts";
import { targetOf } from "../../../cloud/target.ts";
import { shortened } from "../../../report/sentences/words.ts";
import type { Facts } from "../facts.ts";
import { fail, judge, named, ok, orElse, unknown, warn } from "../finding.ts";
import type { Judgement } from "../finding.ts";

const LONGEST = 300;

export function cloudRights({ cloudRights: read, policies }: Facts): Judgement {
  const isUsed = orElse(policies, []).some(({ spec }) => {
    const parsed = parsePolicy(spec);
    return (
      parsed.kind === "valid" &&
      parsed.spec.nodePools.some(({ group }) => {
        const target = targetOf(group);
        return target !== null && target.kind !== "scale";
      })
    );
  });
  if (policies.kind === "read" && !isUsed) return ok("no policy names a group at a cloud");
  return judge(
    read,
    ({ accounts }) => {
      const denied = accounts.flatMap((account) => deniedOf(account, false));
      if (denied.length > 0)
        return fail(
          `the cloud refuses the coordinator: ${denied.slice(0, 3).join("; ")}`,
          "give its identity the rights in deploy/clouds; gpuasctl doctor clouds shows each call",
        );
      const silent = accounts.filter(({ answers }) => !(answers ?? []).some(isAllowed));
      if (silent.length > 0)
        return unknown(
          `what is allowed at ${named(
            silent.map(({ account }) => account),
            "account",
          )} cannot be found out: ${shortened(whyOf(silent[0]), LONGEST)}`,
          "the check scaling names what a cloud has refused so far; the coordinator's log says more",
        );
      const missing = accounts.flatMap((account) => deniedOf(account, true));
      if (missing.length > 0)
        return warn(
          `the cloud refuses what the coordinator can do without: ${missing.slice(0, 3).join("; ")}`,
          "with the rights in deploy/clouds prices are the cloud's own; without, those of the catalogue or the policy",
        );
      const open = accounts.flatMap(({ answers }) =>
        (answers ?? []).flatMap(({ call, outcome }) => (outcome === "unknown" ? [call] : [])),
      );
      const rest =
        open.length === 0
          ? ""
          : `; only doing it would show of ${named([...new Set(open)], "call")} (gpuasctl doctor clouds says why)`;
      return ok(
        `${named(
          accounts.map(({ account }) => account),
          "account",
        )}: nothing that the coordinator asked for is refused${rest}`,
      );
    },
    () => unknown("the coordinator has no page about its rights", "it is of another version: helm upgrade"),
  );
}

const isAllowed = ({ outcome }: { readonly outcome: string }): boolean => outcome === "allowed";

function deniedOf({ account, answers }: AccountRights, isOptional: boolean): readonly string[] {
  return (answers ?? []).flatMap(({ call, outcome, detail = "", optional = false }) =>
    outcome === "denied" && optional === isOptional
      ? [`${account}: ${call}: ${shortened(detail, LONGEST)}`]
      : [],
  );
}

function whyOf(account: AccountRights | undefined): string {
  return (
    account?.problem ?? account?.answers?.find(({ detail }) => detail !== undefined)?.detail ?? "no answer"
  );
}
