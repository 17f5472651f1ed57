// A PodDisruptionBudget that allows nothing now, or nothing beside what this decision takes already, keeps the node;
// so do two budgets on one pod, because the API refuses every eviction of it. A pod that is not Ready may go where
// its budget says so.

import type { Rule } from "../rule.ts";

export const budget: Rule = {
  name: "budget",
  veto: ({ state, pods }, { budgetsOf, takenOf }) => {
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
      if (first === undefined || (first.alwaysAllowsUnready === true && pod.ready === false)) continue;
      if (first.disruptionsAllowed - takenOf(first.key) < 1)
        return { code: "budget", node: state.name, pod: pod.key, budget: first.key };
    }
    return null;
  },
};
