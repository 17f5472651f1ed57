// A node group of which a test says what it needs: every call that it does not mention is a mistake.

import type { NodeGroup } from "../../coordinator/cloud/group.ts";
import { AppError } from "../../shared/runtime/errors.ts";

export function aNodeGroup(overrides: Partial<NodeGroup> = {}): NodeGroup {
  const unexpected = async (): Promise<never> => {
    throw new AppError("bug", "the test does not expect this call");
  };
  return {
    backEnd: "simulated",
    chosenRemoval: true,
    conditional: true,
    read: unexpected,
    resize: unexpected,
    removeInstance: unexpected,
    releaseInstance: unexpected,
    cancelUnfilled: unexpected,
    keepInstance: async () => {},
    contains: async () => true,
    ...overrides,
  };
}
