// State: the contract of a project's account; its code is being written.

import { AppError } from "../../../shared/runtime/errors.ts";
import type { MadeAccount, MakerParts } from "../accounts.ts";

export interface GcpAccountOptions extends MakerParts {
  readonly project: string;
}

export async function createGcpAccount({ project }: GcpAccountOptions): Promise<MadeAccount> {
  return await Promise.reject(new AppError("misconfigured", `gcp ${project}: not built yet`));
}
