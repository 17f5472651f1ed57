// What `gpuasctl install` says: the findings before it, what it would do, what it has done. Pure.

import { POD_SECURITY_LABEL, POLICY } from "../../../shared/model/names.ts";
import type { Finding } from "../doctor/finding.ts";
import { doctorText } from "../doctor/words.ts";

/** One thing that an installation does, in its order. */
export type Step =
  | { readonly kind: "namespace"; readonly namespace: string }
  | { readonly kind: "definition"; readonly names: readonly string[] }
  | { readonly kind: "helm"; readonly command: string };

export function stepText(step: Step): string {
  switch (step.kind) {
    case "namespace":
      return `makes namespace ${step.namespace}, with ${POD_SECURITY_LABEL}=privileged`;
    case "definition":
      return `applies the definition of ${POLICY.kind} (${step.names.join(", ")}), which Helm makes once and never changes`;
    case "helm":
      return step.command;
    default:
      return step satisfies never;
  }
}

export function planText(steps: readonly Step[]): string {
  return ["What an installation does:", ...steps.map((step) => `  ${stepText(step)}`)].join("\n");
}

export function findingsText(findings: readonly Finding[]): string {
  return doctorText(findings);
}

/** A word that a shell would take apart is put in quotes. */
export function commandText(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(" ");
}

export const NEXT =
  "Installed. Once its pods run, gpuasctl doctor says whether all is well, and gpuasctl status what is sized.";
