// Holds each answer of the stand-in of Google's API to Google's own description, in every test that uses it, and says at
// the end what did not fit. What a test answers wrongly on purpose is exempted by name. It never changes an answer.

import { DISCOVERY, faultsIn } from "./gcp-discovery.ts";

export interface GcpJudge {
  /** A good answer, as the service or a trouble wrote it. */
  hear(method: string, body: unknown): void;
  /** The same as text, which a trouble may have made no JSON at all. */
  hearText(method: string, text: string): void;
  /** One field that is wrong on purpose, as the judge names it, with `[]` for each index: `Operation.name`. */
  exempt(field: string): void;
  /** @throws Error with each fault once. */
  verdict(): void;
}

export function createGcpJudge(): GcpJudge {
  const faults = new Set<string>();
  const exempted = new Set<string>();

  function hear(method: string, body: unknown): void {
    for (const fault of faultsIn(method, "response", body)) faults.add(`${method}: ${fault}`);
  }

  return {
    hear,
    hearText: (method, text) => {
      try {
        hear(method, JSON.parse(text) as unknown);
      } catch {
        faults.add(`${method}: the answer is no JSON`);
      }
    },
    exempt: (field) => {
      exempted.add(field);
    },
    verdict: () => {
      const left = [...faults].filter((fault) => {
        const [, field = ""] = fault.split(": ");
        return !exempted.has(field.replaceAll(/\[\d+\]/g, "[]"));
      });
      if (left.length === 0) return;
      const { source, revisions } = DISCOVERY;
      throw new Error(
        `the stand-in of Google's API answered what Google's own description (${source}, compute ${revisions["compute"] ?? "?"}) does not have: ${left.join("; ")}. Where a test means it so, it says so by exempt() or by the trouble's breaks`,
      );
    },
  };
}
