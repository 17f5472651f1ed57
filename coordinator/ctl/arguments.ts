// What people type after `gpuasctl`, as a value of its own for each word. It reads and checks the form; whether the
// things that are named exist is found out by whoever looks for them.

import { COORDINATOR_SERVICE, SERVICE_ACCOUNT } from "../../shared/model/names.ts";
import type { Millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { parseDuration } from "../../shared/runtime/settings-values.ts";
import { TOPICS } from "./doctor/topics.ts";
import type { Topic } from "./doctor/topics.ts";
import { readFlags } from "./flags.ts";
import { isReplayWord, readReplayCommand } from "./replay/options.ts";
import type { ReplayCommand } from "./replay/options.ts";

/** Of helm, as documents name it. */
const RELEASE = "gpu-autoscaler";

export const USAGE = `usage:
  gpuasctl status [POLICY]
  gpuasctl cost [--by pool | tier | state | namespace | LABEL] [--month YYYY-MM] [-o csv]
  gpuasctl forecast [POLICY] | --history FILE
  gpuasctl explain pod NAMESPACE/NAME | node NAME | pool POLICY/POOL [--snapshot FILE]
  gpuasctl decide FILE | - | --live [--explain]
  gpuasctl replay [--policy FILE]... (--jobs FILE | --scenario FILE) …, gpuasctl compare FILE FILE... …
                             (all of it: gpuasctl replay --help)
  gpuasctl drill NODE [--in DURATION] [--follow] [--replace] [--unmanaged] | --cancel | --dry-run
  gpuasctl install [--values FILE]... [--set KEY=VALUE]... [--pre-flight | --dry-run | --render] [--yes]
  gpuasctl doctor [gpu | metrics | clouds]
  gpuasctl uninstall [--dry-run] [--yes] [--policies]
  gpuasctl nats-keys [NAMESPACE]

words:
  status   policies, their pools, the last decision with its reasons, moves in flight, nodes under notice
  cost     what the nodes cost now and what was spent, by pool, tier, state, namespace and label of pods
  forecast what is expected of each policy's demand, how good that was, and why it moves nothing; or
           what a CSV file with the past would teach it (policy, gpu_type, at, gpus)
  explain  why one pod, node or pool was answered as it was: by the coordinator, or from a snapshot in a file
  decide   decides once more, from a snapshot in a file, from stdin (-) or of the coordinator, and prints the plan
  replay   plays work, capacity and prices from files, or a recording, to a policy: cost, waits, losses, and why
  compare  the same for several policies side by side
  drill    has a node emptied by its agent as if its machine went, with budgets that hold; needs a kubeconfig alone
  install  looks whether cluster, values and rights are fit, says it, asks, and installs or upgrades by helm
  doctor   looks whether all that we need is there and well, and says what to do where it is not; changes nothing.
           Of one topic also by what: each node with GPUs, each page of metrics, each call to a cloud
  uninstall
           takes back all that stands on nodes, pods and groups; evicts nobody; for before helm uninstall
  nats-keys
           prints a Secret with new keys for identity on NATS, for kubectl create -f - (${SERVICE_ACCOUNT.namespace}); asks no cluster

options:
  -o, --output json          data instead of text; --json is the same
  --kubeconfig FILE, --context NAME
  --service NAMESPACE/NAME:PORT
                             where the coordinator is, for explain and --live; its namespace, for
                             doctor, install and uninstall
                             (${serviceText(COORDINATOR_SERVICE)})
  --snapshot FILE            explain: from a snapshot in a file (- for stdin) instead of the coordinator
  --by CUT, --month YYYY-MM  cost: one of its tables; another month than this one (by UTC)
  --explain                  decide: also each pod that waits against each pool
  --in DURATION              drill: how long until the machine would go, from 5s to 1h (2m)
  --follow                   drill: tells what happens until its end; of one that stands already as well
  --cancel                   drill: ends it, and waits until its marks are gone
  --dry-run                  drill: says who would leave, who would stay and which budgets are in the way
  --replace                  drill: also buys a replacement, as a real notice does
  --unmanaged                drill: also moves pods that nobody makes again
  -n, --namespace NAMESPACE  the namespace alone
  -f, --values FILE          install: values of the chart, as often as there are files; the later one counts
  --set KEY=VALUE            install: one value, as helm takes it
  --chart PATH               install: the chart, where it is not the one beside this program
  --release NAME             install: of helm (${RELEASE})
  --timeout DURATION         install: waits so long until all pods are ready; without it, not at all
  --pre-flight               install: looks and says, and does nothing
  --dry-run                  install: also says what it would do
  --render                   install: writes the manifests for kubectl apply --server-side; asks no cluster
  --yes                      install: does not ask
  --dry-run                  uninstall: says what it would do, and does nothing
  --yes                      uninstall: does not ask
  --policies                 uninstall: policies and their definition as well`;

export interface Service {
  readonly namespace: string;
  readonly name: string;
  readonly port: string;
}

/** What is common to all words. */
export interface Common {
  readonly json: boolean;
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly service: Service;
}

/** `file` is "-" for stdin. */
export type Source = { readonly kind: "live" } | { readonly kind: "file"; readonly file: string };

export type Command = Common &
  (
    | { readonly word: "help" }
    | { readonly word: "replay"; readonly replay: ReplayCommand }
    | {
        readonly word: "install";
        readonly way: InstallWay;
        /** Absent: the one that is shipped beside the program. */
        readonly chart: string | undefined;
        readonly release: string;
        readonly values: readonly string[];
        readonly sets: readonly string[];
        /** As helm takes it; null: nobody waits. */
        readonly timeout: string | null;
        /** Nobody is asked. */
        readonly yes: boolean;
      }
    | { readonly word: "status"; readonly policy: string | undefined }
    | {
        readonly word: "cost";
        readonly by: string | undefined;
        readonly month: string | undefined;
        readonly form: "text" | "json" | "csv";
      }
    | { readonly word: "forecast"; readonly policy: string | undefined; readonly history: string | undefined }
    | { readonly word: "nats-keys"; readonly namespace: string }
    /** Null: everything. */
    | { readonly word: "doctor"; readonly topic: Topic | null }
    | {
        readonly word: "uninstall";
        readonly dryRun: boolean;
        /** Nobody is asked. */
        readonly yes: boolean;
        /** Policies and their definition go as well. */
        readonly policies: boolean;
      }
    | {
        readonly word: "explain";
        readonly what: "pod" | "node" | "pool";
        readonly names: readonly string[];
        readonly source: Source;
      }
    | { readonly word: "decide"; readonly source: Source; readonly explain: boolean }
    | {
        readonly word: "drill";
        readonly node: string;
        readonly way: DrillWay;
        /** Null: nothing was said. */
        readonly leadMs: Millis | null;
        readonly replace: boolean;
        readonly unmanaged: boolean;
      }
  );

export type InstallWay = "act" | "pre-flight" | "dry-run" | "render";
export type DrillWay = "start" | "follow" | "cancel" | "dry-run";

/** Names in each of the things that can be explained. */
const PARTS = { pod: 2, node: 1, pool: 2 } as const;

/** Words whose answer is a table of numbers. */
const CSV_WORDS: readonly string[] = ["cost"];

const ALONE: Common = {
  json: false,
  kubeconfig: undefined,
  context: undefined,
  service: COORDINATOR_SERVICE,
};

/** @throws AppError settings that says what to type instead. */
export function readCommand(argv: readonly string[]): Command {
  // They ask no cluster, and their flags are their own.
  if (isReplayWord(argv[0])) return { ...ALONE, word: "replay", replay: readReplayCommand(argv) };
  const { values, positionals } = parsed(argv);
  const { output, kubeconfig, context } = values;
  const isCsv = output === "csv" && CSV_WORDS.includes(positionals[0] ?? "");
  if (output !== undefined && output !== "json" && output !== "text" && !isCsv)
    throw wrong(
      `--output ${output} is not known; there are json and text, and csv of ${CSV_WORDS.join(", ")}`,
    );
  const common = {
    json: values.json === true || output === "json",
    kubeconfig,
    context,
    service: serviceOf(values),
  };
  const [word = "", ...rest] = positionals;
  if (values.help === true || word === "help") return { ...common, word: "help" };
  switch (word) {
    case "status": {
      const [policy, ...more] = rest;
      refuseMore("status takes one policy", more);
      return { ...common, word, policy };
    }
    case "cost": {
      refuseMore("cost takes no name", rest);
      const { by, month } = values;
      if (month !== undefined && !/^\d{4}-(0[1-9]|1[0-2])$/.test(month))
        throw wrong(`--month takes a month such as 2026-11, got ${month}`);
      const form = isCsv ? "csv" : common.json ? "json" : "text";
      return { ...common, word, by, month, form };
    }
    case "forecast": {
      const [policy, ...more] = rest;
      refuseMore("forecast takes one policy", more);
      const { history } = values;
      if (policy !== undefined && history !== undefined)
        throw wrong("forecast takes a policy or --history, not both");
      return { ...common, word, policy, history };
    }
    case "explain":
      return { ...common, word, ...readSubject(rest), source: sourceOf(values.snapshot) };
    case "decide": {
      const [file, ...more] = rest;
      refuseMore("decide takes one snapshot", more);
      if ((file === undefined) === (values.live !== true))
        throw wrong("decide takes either a file (- for stdin) or --live");
      return { ...common, word, source: sourceOf(file), explain: values.explain === true };
    }
    case "nats-keys": {
      const [namespace = SERVICE_ACCOUNT.namespace, ...more] = rest;
      refuseMore("nats-keys takes one namespace", more);
      return { ...common, word, namespace };
    }
    case "drill":
      return { ...common, word, ...readDrill(rest, values) };
    case "install":
      refuseMore("install takes no name", rest);
      return { ...common, word, ...readInstall(values) };
    case "doctor": {
      const [given = null, ...more] = rest;
      refuseMore("doctor takes one topic", more);
      const topic = TOPICS.find((each) => each === given) ?? null;
      if (topic !== given) throw wrong(`doctor knows ${TOPICS.join(", ")}, not ${given ?? ""}`);
      return { ...common, word, topic };
    }
    case "uninstall": {
      refuseMore("uninstall takes no name", rest);
      const { "dry-run": dryRun = false, yes = false, policies = false } = values;
      if (dryRun && yes) throw wrong("uninstall takes --dry-run or --yes, not both");
      return { ...common, word, dryRun, yes, policies };
    }
    default:
      throw wrong(word === "" ? "no word is given" : `unknown word ${word}`);
  }
}

const FLAGS = {
  json: { type: "boolean" },
  output: { type: "string", short: "o" },
  kubeconfig: { type: "string" },
  context: { type: "string" },
  service: { type: "string" },
  namespace: { type: "string", short: "n" },
  values: { type: "string", short: "f", multiple: true },
  set: { type: "string", multiple: true },
  chart: { type: "string" },
  release: { type: "string" },
  timeout: { type: "string" },
  "pre-flight": { type: "boolean" },
  render: { type: "boolean" },
  by: { type: "string" },
  month: { type: "string" },
  history: { type: "string" },
  snapshot: { type: "string" },
  live: { type: "boolean" },
  explain: { type: "boolean" },
  in: { type: "string" },
  follow: { type: "boolean" },
  cancel: { type: "boolean" },
  "dry-run": { type: "boolean" },
  replace: { type: "boolean" },
  unmanaged: { type: "boolean" },
  yes: { type: "boolean" },
  policies: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

function parsed(argv: readonly string[]) {
  return readFlags(argv, FLAGS, wrong);
}

function readSubject(words: readonly string[]): {
  readonly what: "pod" | "node" | "pool";
  readonly names: readonly string[];
} {
  const [what = "", name = "", ...more] = words;
  if (what !== "pod" && what !== "node" && what !== "pool")
    throw wrong(
      what === "" ? "explain what? pod, node or pool" : `explain knows pod, node and pool, not ${what}`,
    );
  refuseMore(`explain ${what} takes one name`, more);
  const names = name.split("/");
  if (names.length !== PARTS[what] || names.includes(""))
    throw wrong(`explain ${what} takes ${FORMS[what]}, got ${name === "" ? "nothing" : name}`);
  return { what, names };
}

const FORMS = { pod: "NAMESPACE/NAME", node: "a NAME", pool: "POLICY/POOL" } as const;

const SHORTEST_LEAD_MS = 5_000;
const LONGEST_LEAD_MS = 3_600_000;

function readInstall(values: ReturnType<typeof parsed>["values"]) {
  const ways = (["pre-flight", "dry-run", "render"] as const).filter((way) => values[way] === true);
  const [first, other] = ways;
  if (first !== undefined && other !== undefined)
    throw wrong(`install takes --${first} or --${other}, not both`);
  const { yes = false, timeout, chart, release = RELEASE, values: files = [], set: sets = [] } = values;
  const way: InstallWay = first ?? "act";
  if (yes && way !== "act") throw wrong(`install takes --${way} or --yes, not both`);
  if (timeout !== undefined && parseDuration(timeout) === null)
    throw wrong(`--timeout takes a duration such as 5m, got ${timeout}`);
  const bare = sets.find((pair) => !/^[^=]+=/.test(pair));
  if (bare !== undefined) throw wrong(`--set takes KEY=VALUE, got ${bare}`);
  return { way, yes, chart, release, values: files, sets, timeout: timeout ?? null };
}

function serviceOf({ service, namespace }: ReturnType<typeof parsed>["values"]): Service {
  const given = service === undefined ? COORDINATOR_SERVICE : readService(service);
  if (namespace === undefined) return given;
  if (service !== undefined && given.namespace !== namespace)
    throw wrong(`--service and --namespace name two namespaces, ${given.namespace} and ${namespace}`);
  return { ...given, namespace };
}

function readDrill(words: readonly string[], values: ReturnType<typeof parsed>["values"]) {
  const [node = "", ...more] = words;
  if (node === "") throw wrong("drill takes the name of a NODE, got nothing");
  refuseMore("drill takes one node", more);
  const ways = (["cancel", "dry-run", "follow"] as const).filter((way) => values[way] === true);
  const [first, other] = ways;
  const way: DrillWay = first ?? "start";
  if (other !== undefined) throw wrong(`drill takes --${way} or --${other}, not both`);
  const { in: lead, replace = false, unmanaged = false } = values;
  if (way === "cancel" && (lead !== undefined || replace || unmanaged))
    throw wrong("drill --cancel ends a drill as it is and takes no other option");
  if (way === "dry-run" && replace) throw wrong("drill --dry-run buys nothing, so it takes no --replace");
  return { node, way, leadMs: lead === undefined ? null : readLead(lead), replace, unmanaged };
}

function readLead(text: string): Millis {
  const lead = parseDuration(text);
  if (lead === null || lead < SHORTEST_LEAD_MS || lead > LONGEST_LEAD_MS)
    throw wrong(`--in takes a duration from 5s to 1h such as 30s or 2m, got ${text}`);
  return lead;
}

function sourceOf(file: string | undefined): Source {
  return file === undefined ? { kind: "live" } : { kind: "file", file };
}

function readService(text: string): Service {
  const [, namespace, name, port] = /^([^/:]+)\/([^/:]+):([^/:]+)$/.exec(text) ?? [];
  if (namespace === undefined || name === undefined || port === undefined)
    throw wrong(`--service takes NAMESPACE/NAME:PORT, got ${text}`);
  return { namespace, name, port };
}

export function serviceText({ namespace, name, port }: Service): string {
  return `${namespace}/${name}:${port}`;
}

function refuseMore(what: string, more: readonly string[]): void {
  if (more.length > 0) throw wrong(`${what}, got also ${more.join(" ")}`);
}

function wrong(message: string): AppError {
  return new AppError("settings", `${message}\n${USAGE}`);
}
