// What people type after `gpuasctl`, as a value of its own for each word. It reads and checks the form; whether the
// things that are named exist is found out by whoever looks for them.

import { parseArgs } from "node:util";

import { COORDINATOR_SERVICE } from "../../shared/model/names.ts";
import { AppError } from "../../shared/runtime/errors.ts";

export const USAGE = `usage:
  gpuasctl status [POLICY]
  gpuasctl explain pod NAMESPACE/NAME | node NAME | pool POLICY/POOL [--snapshot FILE]
  gpuasctl decide FILE | - | --live [--explain]

words:
  status   policies, their pools, the last decision with its reasons, moves in flight, nodes under notice
  explain  why one pod, node or pool was answered as it was: by the coordinator, or from a snapshot in a file
  decide   decides once more, from a snapshot in a file, from stdin (-) or of the coordinator, and prints the plan

options:
  -o, --output json          data instead of text; --json is the same
  --kubeconfig FILE, --context NAME
  --service NAMESPACE/NAME:PORT
                             where the coordinator is, for explain and --live
                             (${serviceText(COORDINATOR_SERVICE)})
  --snapshot FILE            explain: from a snapshot in a file (- for stdin) instead of the coordinator
  --explain                  decide: also each pod that waits against each pool`;

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
    | { readonly word: "status"; readonly policy: string | undefined }
    | {
        readonly word: "explain";
        readonly what: "pod" | "node" | "pool";
        readonly names: readonly string[];
        readonly source: Source;
      }
    | { readonly word: "decide"; readonly source: Source; readonly explain: boolean }
  );

/** Names in each of the things that can be explained. */
const PARTS = { pod: 2, node: 1, pool: 2 } as const;

/** @throws AppError settings that says what to type instead. */
export function readCommand(argv: readonly string[]): Command {
  const { values, positionals } = parsed(argv);
  const { output, kubeconfig, context } = values;
  if (output !== undefined && output !== "json" && output !== "text")
    throw wrong(`--output ${output} is not known; there are json and text`);
  const common = {
    json: values.json === true || output === "json",
    kubeconfig,
    context,
    service: values.service === undefined ? COORDINATOR_SERVICE : readService(values.service),
  };
  const [word = "", ...rest] = positionals;
  if (values.help === true || word === "help") return { ...common, word: "help" };
  switch (word) {
    case "status": {
      const [policy, ...more] = rest;
      refuseMore("status takes one policy", more);
      return { ...common, word, policy };
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
    default:
      throw wrong(word === "" ? "no word is given" : `unknown word ${word}`);
  }
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        json: { type: "boolean" },
        output: { type: "string", short: "o" },
        kubeconfig: { type: "string" },
        context: { type: "string" },
        service: { type: "string" },
        snapshot: { type: "string" },
        live: { type: "boolean" },
        explain: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
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
