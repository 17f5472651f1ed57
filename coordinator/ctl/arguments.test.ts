import { describe, expect, test } from "vitest";

import { readCommand } from "./arguments.ts";

const read = (line: string) => readCommand(line.split(" ").filter((word) => word !== ""));

describe("readCommand()", () => {
  test.each([
    ["status", { word: "status", policy: undefined, json: false }],
    ["status gpus --json --context a", { word: "status", policy: "gpus", json: true, context: "a" }],
    [
      "explain pod team-a/train-0",
      { word: "explain", what: "pod", names: ["team-a", "train-0"], source: { kind: "live" } },
    ],
    [
      "explain node n1 -o json --snapshot bug.json",
      {
        word: "explain",
        what: "node",
        names: ["n1"],
        json: true,
        source: { kind: "file", file: "bug.json" },
      },
    ],
    ["explain pool gpus/spot-a", { word: "explain", what: "pool", names: ["gpus", "spot-a"] }],
    ["decide -", { word: "decide", source: { kind: "file", file: "-" }, explain: false }],
    ["decide --live --explain", { word: "decide", source: { kind: "live" }, explain: true }],
    [
      "decide --live --service ops/scaler:8080",
      { service: { namespace: "ops", name: "scaler", port: "8080" } },
    ],
    [
      "decide --live",
      { service: { namespace: "gpu-autoscaler-system", name: "gpu-autoscaler-coordinator", port: "9403" } },
    ],
    ["drill n1", { word: "drill", node: "n1", way: "start", leadMs: null, replace: false, unmanaged: false }],
    [
      "drill n1 --in 1m30s --follow --replace --unmanaged -o json",
      { way: "follow", leadMs: 90_000, replace: true, unmanaged: true, json: true },
    ],
    ["drill n1 --cancel --context a", { way: "cancel", context: "a" }],
    ["drill n1 --dry-run --in 30s --unmanaged", { way: "dry-run", leadMs: 30_000, unmanaged: true }],
    [
      "doctor -o json --service ops/scaler:1",
      { word: "doctor", topic: null, json: true, service: { namespace: "ops" } },
    ],
    ["doctor gpu", { word: "doctor", topic: "gpu" }],
    [
      "install",
      {
        word: "install",
        way: "act",
        yes: false,
        release: "gpu-autoscaler",
        values: [],
        sets: [],
        timeout: null,
      },
    ],
    [
      "install -f a.yaml --values b.yaml --set x=1 -n ops --timeout 5m --yes",
      {
        word: "install",
        values: ["a.yaml", "b.yaml"],
        sets: ["x=1"],
        timeout: "5m",
        yes: true,
        service: { namespace: "ops", name: "gpu-autoscaler-coordinator" },
      },
    ],
    ["install --render --chart ./c --release gpus", { way: "render", chart: "./c", release: "gpus" }],
    ["uninstall", { word: "uninstall", dryRun: false, yes: false, policies: false }],
    ["uninstall --yes --policies", { word: "uninstall", dryRun: false, yes: true, policies: true }],
    ["uninstall --dry-run", { word: "uninstall", dryRun: true }],
    ["help", { word: "help" }],
    ["explain pod --help", { word: "help" }],
  ])("reads %j", (line, command) => {
    expect(read(line)).toMatchObject(command);
  });

  test.each([
    ["", "no word is given"],
    ["scale up", "unknown word scale"],
    ["doctor n1", "doctor knows gpu, metrics, clouds, not n1"],
    ["doctor gpu n1", "doctor takes one topic, got also n1"],
    ["install now", "install takes no name, got also now"],
    ["install --pre-flight --render", "install takes --pre-flight or --render, not both"],
    ["install --dry-run --yes", "install takes --dry-run or --yes, not both"],
    ["install --timeout soon", "--timeout takes a duration such as 5m, got soon"],
    ["install --set x", "--set takes KEY=VALUE, got x"],
    ["doctor --service a/b:1 --namespace c", "--service and --namespace name two namespaces, a and c"],
    ["uninstall now", "uninstall takes no name, got also now"],
    ["uninstall --yes --dry-run", "uninstall takes --dry-run or --yes, not both"],
    ["status a b", "status takes one policy, got also b"],
    ["status --colour", "Unknown option '--colour'"],
    ["status -o yaml", "--output yaml is not known"],
    ["explain", "explain what? pod, node or pool"],
    ["explain job a/b", "explain knows pod, node and pool, not job"],
    ["explain pod train-0", "explain pod takes NAMESPACE/NAME, got train-0"],
    ["explain pool gpus/", "explain pool takes POLICY/POOL, got gpus/"],
    ["explain node", "explain node takes a NAME, got nothing"],
    ["explain node a b", "explain node takes one name, got also b"],
    ["decide", "decide takes either a file (- for stdin) or --live"],
    ["decide a.json --live", "decide takes either a file (- for stdin) or --live"],
    ["drill", "drill takes the name of a NODE, got nothing"],
    ["drill a b", "drill takes one node, got also b"],
    ["drill a --in soon", "--in takes a duration from 5s to 1h such as 30s or 2m, got soon"],
    ["drill a --in 2", "--in takes a duration from 5s to 1h such as 30s or 2m, got 2"],
    ["drill a --in 4s", "--in takes a duration from 5s to 1h such as 30s or 2m, got 4s"],
    ["drill a --in 61m", "--in takes a duration from 5s to 1h such as 30s or 2m, got 61m"],
    ["drill a --cancel --follow", "drill takes --cancel or --follow, not both"],
    ["drill a --dry-run --follow", "drill takes --dry-run or --follow, not both"],
    ["drill a --cancel --in 2m", "drill --cancel ends a drill as it is and takes no other option"],
    ["drill a --cancel --replace", "drill --cancel ends a drill as it is and takes no other option"],
    ["drill a --dry-run --replace", "drill --dry-run buys nothing, so it takes no --replace"],
    ["decide --live --service scaler", "--service takes NAMESPACE/NAME:PORT, got scaler"],
  ])("refuses %j and shows what can be typed", (line, problem) => {
    expect(() => read(line)).toThrow(
      expect.objectContaining({
        kind: "settings",
        message: expect.stringMatching(new RegExp(`^${RegExp.escape(problem)}[\\s\\S]*usage:`)) as unknown,
      }),
    );
  });
});
