// State: the contract of a subscription's account; its code is being written.

import { AppError } from "../../../shared/runtime/errors.ts";
import type { MadeAccount, MakerParts } from "../accounts.ts";

export interface AzureAccountOptions extends MakerParts {
  readonly subscriptionID: string;
}

export async function createAzureAccount({ subscriptionID }: AzureAccountOptions): Promise<MadeAccount> {
  return await Promise.reject(new AppError("misconfigured", `azure ${subscriptionID}: not built yet`));
}
