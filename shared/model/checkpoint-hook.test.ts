import { describe, expect, test } from "vitest";

import { checkpointHookOf, hasCheckpointHook } from "./checkpoint-hook.ts";
import type { CheckpointHook } from "./checkpoint-hook.ts";
import type { Pod } from "./kube.ts";
import { POD_ANNOTATION } from "./names.ts";

const { checkpointUrl, checkpointExec, checkpointContainer, checkpointTimeout } = POD_ANNOTATION;

function podWith(
  annotations: Readonly<Record<string, string>>,
  { ips = ["10.0.0.5", "fd00:10::5"], hostNetwork = false } = {},
): Pod {
  return {
    metadata: { name: "train-0", namespace: "team-a", uid: "u1", annotations },
    spec: { containers: [{ name: "trainer" }, { name: "logs" }], hostNetwork },
    status: { podIPs: ips.map((ip) => ({ ip })) },
  };
}

function urlHook(url: string, options: Parameters<typeof podWith>[1] = {}): CheckpointHook | null {
  return checkpointHookOf(podWith({ [checkpointUrl]: url }, options), { exec: false });
}

function whyNot(hook: CheckpointHook | null): string {
  return hook?.kind === "refused" ? hook.why : `not refused: ${JSON.stringify(hook)}`;
}

describe("checkpointHookOf(): by HTTP", () => {
  test.each([
    ["http://:8080/checkpoint", "10.0.0.5", 8080, "/checkpoint"],
    [" http://:8080/checkpoint\n", "10.0.0.5", 8080, "/checkpoint"],
    ["HTTP://:1/", "10.0.0.5", 1, "/"],
    ["http://:65535", "10.0.0.5", 65535, "/"],
    ["http:///save", "10.0.0.5", 80, "/save"],
    ["http://10.0.0.5/save", "10.0.0.5", 80, "/save"],
    [
      "http://10.0.0.5:9/save?to=s3%3A%2F%2Fb&x=http://other/",
      "10.0.0.5",
      9,
      "/save?to=s3%3A%2F%2Fb&x=http://other/",
    ],
    ["http://:8080?now", "10.0.0.5", 8080, "/?now"],
    ["http://[fd00:10::5]:8080/a", "fd00:10::5", 8080, "/a"],
    ["http://[FD00:0010:0::0005]:8080/a", "fd00:10::5", 8080, "/a"],
  ])("%s", (url, address, port, path) => {
    expect(urlHook(url)).toEqual({ kind: "http", address, port, path, timeoutMs: 60_000 });
  });

  test("means the first address of a pod that has an IPv6 address only", () => {
    expect(urlHook("http://:8080/a", { ips: ["FD00:10::5"] })).toMatchObject({ address: "fd00:10::5" });
  });

  test.each([
    ["https://:8443/checkpoint", "only plain http"],
    ["ftp://10.0.0.5/", "only plain http"],
    ["10.0.0.5:8080/checkpoint", "only plain http"],
    ["http:/10.0.0.5/", "only plain http"],
    ["http://10.0.0.6:8080/", "only the pod itself is called, at 10.0.0.5 or fd00:10::5"],
    ["http://localhost:8080/", "only the pod itself"],
    ["http://127.0.0.1:8080/", "only the pod itself"],
    ["http://169.254.169.254/latest/meta-data", "only the pod itself"],
    ["http://[fe80::1]/", "only the pod itself"],
    ["http://[fd00:10::5%25eth0]/", "only the pod itself"],
    ["http://[::ffff:10.0.0.5]/", "only the pod itself"],
    ["http://train-0.team-a.svc/", "only the pod itself"],
    // Other spellings of 10.0.0.5, which readers do not agree on.
    ["http://167772165/", "only the pod itself"],
    ["http://10.5/", "only the pod itself"],
    ["http://012.0.0.5/", "only the pod itself"],
    ["http://10.0.0.5./", "only the pod itself"],
    ["http://user:secret@10.0.0.5/", "user or password"],
    ["http://10.0.0.6@:8080/", "user or password"],
    ["http://:0/", "from 1 to 65535"],
    ["http://:65536/", "from 1 to 65535"],
    ["http://:/x", "from 1 to 65535"],
    ["http://:http/", "from 1 to 65535"],
    ["http://:-1/", "from 1 to 65535"],
    ["http://fd00:10::5/", "brackets"],
    ["http://[fd00:10::5/", "brackets"],
    ["http://:8080\\@evil/", "no place in the path"],
    ["http://:8080/a#b", "no place in the path"],
    ["http://:8080/a b", "printable ASCII"],
    ["http://:8080/a\r\nX-Header: 1", "printable ASCII"],
    ["http://:8080/ä", "printable ASCII"],
  ])("refuses %j", (url, why) => {
    const said = whyNot(urlHook(url));
    expect(said).toContain(why);
    // It names the annotation and the value, the value cut and on one line, and fits where it is shown.
    expect(said).toContain(`${checkpointUrl} "${url.trim().slice(0, 12).replaceAll(/\p{C}/gu, "?")}`);
    expect(said).not.toMatch(/\p{C}/u);
    expect(said.length).toBeLessThanOrEqual(300);
  });

  test("refuses an address without end, and shows its beginning", () => {
    const said = whyNot(urlHook(`http://:8080/${"a".repeat(1_100)}`));
    expect(said).toContain(`"http://:8080/${"a".repeat(47)}…": longer than 1024`);
  });

  test.each([
    [{ hostNetwork: true }, "hostNetwork"],
    [{ ips: [] }, "no address yet"],
    [{ ips: ["169.254.169.254"] }, "link-local"],
    [{ ips: ["127.0.0.1"] }, "loopback"],
    [{ ips: ["0.0.0.0"] }, "loopback"],
    [{ ips: ["::1"] }, "loopback"],
    [{ ips: ["fe80::5"] }, "link-local"],
    [{ ips: ["::ffff:169.254.169.254"] }, "link-local"],
    [{ ips: ["224.0.0.1"] }, "no address of a pod"],
    [{ ips: ["metadata.internal"] }, "no IP address"],
  ])("refuses a pod with %j, whatever its status was made to say", (options, why) => {
    expect(whyNot(urlHook("http://:80/", options))).toContain(why);
  });

  test("refuses a hostNetwork pod that names its own address too, and shows the way out", () => {
    const said = whyNot(urlHook("http://10.0.0.5:8080/", { hostNetwork: true }));
    expect(said).toContain(checkpointExec);
  });
});

describe("checkpointHookOf(): its time-out", () => {
  const withTimeout = (timeout: string): CheckpointHook | null =>
    checkpointHookOf(podWith({ [checkpointUrl]: "http://:80/", [checkpointTimeout]: timeout }), {
      exec: false,
    });

  test.each([
    ["90", 90_000],
    [" 1.5 ", 1_500],
    ["86400", 86_400_000],
    ["", 60_000],
  ])("%j", (timeout, timeoutMs) => {
    expect(withTimeout(timeout)).toEqual({
      kind: "http",
      address: "10.0.0.5",
      port: 80,
      path: "/",
      timeoutMs,
    });
  });

  test.each(["0", "0.0", "-5", "2m", "1e3", "Infinity", "86401", "999999999999", "sixty"])(
    "%j loses no save: 60 seconds are taken, and it is said",
    (timeout) => {
      const hook = withTimeout(timeout);
      expect(hook).toMatchObject({ kind: "http", timeoutMs: 60_000 });
      expect(hook?.kind === "http" && hook.note).toContain(`${checkpointTimeout} "${timeout}"`);
    },
  );
});

describe("checkpointHookOf(): by a command", () => {
  const execHook = (annotations: Readonly<Record<string, string>>, exec = true): CheckpointHook | null =>
    checkpointHookOf(podWith(annotations), { exec });

  test("runs in the pod's first container, or in the one that is named", () => {
    const command = '["python3", "save.py", ""]';
    expect(execHook({ [checkpointExec]: command })).toEqual({
      kind: "exec",
      command: ["python3", "save.py", ""],
      container: "trainer",
      timeoutMs: 60_000,
    });
    expect(execHook({ [checkpointExec]: command, [checkpointContainer]: "logs" })).toMatchObject({
      container: "logs",
    });
  });

  test.each([
    "save.sh",
    "{}",
    "[]",
    '"save"',
    '["save", 5]',
    '["save", null]',
    '[""]',
    String.raw`["save", "a\u0000b"]`,
  ])("refuses %j", (command) => {
    const said = whyNot(execHook({ [checkpointExec]: command }));
    expect(said).toContain("a JSON list");
    expect(said).toContain(checkpointExec);
  });

  test("refuses a command that is too long", () => {
    for (const words of [Array.from({ length: 65 }, () => "a"), ["a".repeat(5_000)]]) {
      expect(whyNot(execHook({ [checkpointExec]: JSON.stringify(words) }))).toContain("at most 64 strings");
    }
  });

  test("refuses a container that the pod does not have", () => {
    const said = whyNot(execHook({ [checkpointExec]: '["save"]', [checkpointContainer]: "trainr" }));
    expect(said).toContain(`${checkpointContainer} "trainr"`);
    expect(said).toContain("trainer, logs");
  });

  test("refuses it where commands are off, and says which setting", () => {
    expect(whyNot(execHook({ [checkpointExec]: '["save"]' }, false))).toContain("GPUAS_CHECKPOINT_EXEC");
  });

  test("tells a pod with both by HTTP", () => {
    expect(execHook({ [checkpointExec]: '["save"]', [checkpointUrl]: "http://:80/" })).toMatchObject({
      kind: "http",
    });
  });
});

describe("checkpointHookOf(): no hook", () => {
  test.each([{}, { [checkpointUrl]: " " }, { [checkpointTimeout]: "5" }, { [checkpointExec]: "" }])(
    "%j",
    (annotations) => {
      expect(checkpointHookOf(podWith(annotations), { exec: true })).toBeNull();
      expect(hasCheckpointHook(podWith(annotations))).toBe(false);
    },
  );

  test("one that is refused is still asked for", () => {
    expect(hasCheckpointHook(podWith({ [checkpointUrl]: "https://x/" }))).toBe(true);
    expect(hasCheckpointHook(podWith({ [checkpointExec]: '["save"]' }))).toBe(true);
  });
});
