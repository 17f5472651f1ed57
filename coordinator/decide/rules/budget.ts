// A PodDisruptionBudget that allows nothing now keeps the node; so do two budgets on one pod, because the API
// refuses every eviction of it.

import type { Rule } from "../rule.ts";

export const budget: Rule = {
  name: "budget",
  veto: ({ state, pods }, { budgetsOf }) => {
    for (const pod of pods) {
      const budgets = budgetsOf(pod.key);
      const [first] = budgets;
      if (budgets.length > 1) {
        return {
          code: "several-budgets",
          node: state.name,
          pod: pod.key,
          budgets: budgets.map(({ key }) => key),
        };
      }
      if (first !== undefined && first.disruptionsAllowed < 1) {
        return { code: "budget", node: state.name, pod: pod.key, budget: first.key };
      }
    }
    return null;
  },
};
