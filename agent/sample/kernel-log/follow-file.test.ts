import { appendFile, mkdtemp, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { followFile } from "./follow-file.ts";
import type { FileFollower, FollowOptions } from "./follow-file.ts";

let folder = "";
let path = "";
const open: FileFollower[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kernel-log-"));
  path = join(folder, "kern.log");
  await writeFile(path, "MARK of before\n");
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  await rm(folder, { recursive: true });
});

function follow(options: Partial<FollowOptions> = {}): FileFollower {
  const follower = followFile({ path, from: null, marks: ["MARK", "SIGN"], ...options });
  open.push(follower);
  return follower;
}

async function following(options: Partial<FollowOptions> = {}): Promise<FileFollower> {
  const follower = follow(options);
  expect(await follower.turn()).toEqual({ lines: [], more: false });
  return follower;
}

describe("followFile()", () => {
  test("begins at the end and gives the lines that hold a mark, in their order and once", async () => {
    const follower = await following();
    await appendFile(path, "nothing\nSIGN and MARK a\nnothing\nb MARK\r\nMARK c MARK\nnothing\n");
    expect((await follower.turn()).lines).toEqual(["SIGN and MARK a", "b MARK", "MARK c MARK"]);
    expect((await follower.turn()).lines).toEqual([]);
  });

  test("waits for the end of a line, also where it cuts a mark or a letter of several bytes", async () => {
    const follower = await following();
    const line = Buffer.from("é MARK ü\n");
    for (const at of line.keys()) {
      await appendFile(path, line.subarray(at, at + 1));
      expect((await follower.turn()).lines).toEqual(at === line.length - 1 ? ["é MARK ü"] : []);
    }
  });

  test("reads an old file to its end and the new one from its start when the log is rotated", async () => {
    const follower = await following();
    await appendFile(path, "MARK last of the old\n");
    await rename(path, `${path}.1`);
    await appendFile(`${path}.1`, "MARK after the renaming\n");
    expect((await follower.turn()).lines).toEqual(["MARK last of the old", "MARK after the renaming"]);
    await writeFile(path, "MARK first of the new\n");
    expect((await follower.turn()).lines).toEqual(["MARK first of the new"]);
    await appendFile(path, "MARK second\n");
    expect((await follower.turn()).lines).toEqual(["MARK second"]);
  });

  test("begins anew in a file that was cut", async () => {
    const follower = await following();
    await appendFile(path, "MARK a\nhalf a line with MARK");
    await follower.turn();
    await truncate(path);
    await appendFile(path, "MARK b\n");
    expect((await follower.turn()).lines).toEqual(["MARK b"]);
  });

  test("begins anew in one that was cut and has grown beyond the old place, and reads no line of it twice", async () => {
    const follower = await following();
    await appendFile(path, "MARK a\n");
    await follower.turn();
    await writeFile(path, "MARK b\nMARK c, longer than all that there was\nMARK d\n");
    expect((await follower.turn()).lines).toEqual([
      "MARK b",
      "MARK c, longer than all that there was",
      "MARK d",
    ]);
    expect((await follower.turn()).lines).toEqual([]);
  });

  test("notes the beginning of a file that had none when it was opened", async () => {
    await writeFile(path, "");
    const follower = await following();
    await appendFile(path, "MARK a\n");
    await follower.turn();
    await follower.turn();
    expect(follower.position()).toMatchObject({ head: "MARK a\n", offset: 7 });
    await writeFile(path, "MARK b\nMARK c\n");
    expect((await follower.turn()).lines).toEqual(["MARK b", "MARK c"]);
  });

  test("reads no more than its bytes in a turn, and the rest in the next", async () => {
    const follower = await following({ bytesInATurn: 10 });
    await appendFile(path, "MARK 1\nMARK 2\nMARK 3\n");
    const turns = [await follower.turn(), await follower.turn(), await follower.turn()];
    expect(turns).toEqual([
      { lines: ["MARK 1"], more: true },
      { lines: ["MARK 2"], more: true },
      { lines: ["MARK 3"], more: false },
    ]);
  });

  test("finds the marks across the bounds of what it reads at once", async () => {
    const follower = await following();
    const filler = `${"x".repeat(99)}\n`.repeat(2_700);
    await appendFile(path, `${filler}MARK a\n${filler}MARK b\n${filler}`);
    expect((await follower.turn()).lines).toEqual(["MARK a", "MARK b"]);
  });

  test("keeps little of a line that never ends", async () => {
    const follower = await following();
    await appendFile(path, `MARK ${"x".repeat(1_000_000)}`);
    expect((await follower.turn()).lines).toEqual([]);
    await appendFile(path, "\nMARK short\n");
    const { lines } = await follower.turn();
    expect(lines.map((line) => line.slice(0, 10))).toEqual(["MARK xxxxx", "MARK short"]);
    expect(lines[0]?.length).toBeLessThan(10_000);
  });

  test("goes on where the one before it was, in the same file", async () => {
    const first = await following();
    await appendFile(path, "MARK a\nMARK half");
    await first.turn();
    const from = first.position();
    await appendFile(path, " of it\nMARK b\n");
    expect((await follow({ from }).turn()).lines).toEqual(["MARK half of it", "MARK b"]);
  });

  test("takes a file that was rotated meanwhile for new, whatever its number", async () => {
    const first = await following();
    const from = first.position();
    await rename(path, `${path}.1`);
    await writeFile(path, "MARK only here, in a line that is longer than the place that is kept\n");
    expect((await follow({ from }).turn()).lines).toHaveLength(1);
    const reused = await following();
    const place = reused.position();
    if (place === null) throw new Error("a place was expected");
    expect((await follow({ from: { ...place, head: "another log" } }).turn()).lines).toHaveLength(1);
  });

  test("holds on to a file without a name for half a minute of turns, and no longer", async () => {
    const follower = await following();
    await rename(path, `${path}.1`);
    for (let turn = 0; turn < 60; turn++) expect(await follower.turn()).toEqual({ lines: [], more: false });
    await appendFile(`${path}.1`, "MARK late\n");
    expect((await follower.turn()).lines).toEqual(["MARK late"]);
    await expect(follower.turn()).rejects.toThrow("kern.log is gone");
    await writeFile(path, "MARK first of the new\n");
    expect((await follower.turn()).lines).toEqual(["MARK first of the new"]);
  });

  test("says that it cannot read, and goes on when it can", async () => {
    await rm(path);
    const follower = follow();
    await expect(follower.turn()).rejects.toMatchObject({ code: "ENOENT" });
    await symlink(folder, path);
    await expect(follower.turn()).rejects.toMatchObject({ code: "EISDIR" });
    expect(follow({ path: join(folder, "none") }).position()).toBeNull();
  });
});
