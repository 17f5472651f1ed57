// The configuration of a NATS that was there before us, with what deploy/nats/shared.conf adds to it: one user in an account
// of its own, one in the default account.

import { readFile } from "node:fs/promises";

/** For startCalloutNats. */
export async function sharedConfig(): Promise<() => string> {
  const added = await readFile(new URL("../../deploy/nats/shared.conf", import.meta.url), "utf8");
  const insert = (text: string, after: RegExp, lines: string): string => {
    if (!after.test(text)) throw new Error(`shared.conf has nothing like ${after.source}`);
    return text.replace(after, (found) => `${found}\n${lines}`);
  };
  const users = `users: [ { user: of-the-default-account, password: secret } ]`;
  const withAccount = insert(
    added,
    /^accounts \{$/m,
    "  TEAM { users: [ { user: of-an-account, password: secret } ] }",
  );
  const withUsers = insert(withAccount, /^authorization \{$/m, `  ${users}`);
  return () =>
    withUsers.replace(
      "auth_users: [ $GPUAS_COORDINATOR ]",
      "auth_users: [ $GPUAS_COORDINATOR, of-the-default-account ]",
    );
}
