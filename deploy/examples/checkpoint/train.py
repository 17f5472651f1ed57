"""A training loop that saves when its node is about to go. With PyTorch it trains a small network, without it a toy
that has a state and steps all the same: what matters here is when it saves, and what it says.

    python3 train.py --dir /checkpoints
"""

import argparse
import json
import os
import time

from checkpoint_hook import CheckpointHook

try:
    import torch
    import torch.distributed as dist
except ImportError:
    torch = dist = None

KEPT = 2


class Toy:
    def __init__(self):
        self.weight = 0.0

    def step(self):
        self.weight += 0.1 * (1.0 - self.weight)

    def save(self, file):
        file.write(json.dumps({"weight": self.weight}).encode())

    def load(self, file):
        self.weight = json.loads(file.read())["weight"]


class Network:
    def __init__(self):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = torch.nn.Linear(64, 1).to(self.device)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)

    def step(self):
        x = torch.randn(256, 64, device=self.device)
        loss = (self.model(x) - x.sum(dim=1, keepdim=True)).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def save(self, file):
        torch.save({"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}, file)

    def load(self, file):
        state = torch.load(file, map_location=self.device)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])


class Checkpoints:
    """States in a folder. `latest.json` is written when a state is whole, and never names one that is not."""

    def __init__(self, folder, save_seconds):
        self.folder = folder
        self.save_seconds = save_seconds
        self.marker = os.path.join(folder, "latest.json")
        os.makedirs(folder, exist_ok=True)

    def save(self, step, model):
        path = os.path.join(self.folder, "step-%09d.ckpt" % step)
        self._write(path, model.save)
        time.sleep(self.save_seconds)
        latest = {"step": step, "file": os.path.basename(path)}
        self._write(self.marker, lambda file: file.write(json.dumps(latest).encode()))
        # The one before stays: a disk may lie.
        states = sorted(name for name in os.listdir(self.folder) if name.endswith(".ckpt"))
        for name in states[:-KEPT]:
            os.remove(os.path.join(self.folder, name))
        return "file://" + os.path.abspath(path)

    def load(self, model):
        try:
            with open(self.marker, "rb") as file:
                latest = json.load(file)
        except FileNotFoundError:
            return 0
        with open(os.path.join(self.folder, latest["file"]), "rb") as file:
            model.load(file)
        return latest["step"]

    def _write(self, path, write):
        with open(path + ".tmp", "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".tmp", path)


def any_rank(flag):
    """One rank hears of it, all have to save at the same step. A no-op where there is one rank."""
    if dist is None or not dist.is_initialized() or dist.get_world_size() == 1:
        return flag
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    flags = torch.tensor([1 if flag else 0], device=device)
    dist.all_reduce(flags, op=dist.ReduceOp.MAX)
    return bool(flags.item())


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir", required=True, help="where states are saved, which outlives the node")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--host", help="the address to listen at; left out, all")
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--save-every", type=int, default=1000, help="steps between saves; 0: only when asked")
    parser.add_argument("--poll", action="store_true", help="answer at once, and let the agent ask how far it is")
    parser.add_argument("--step-seconds", type=float, default=0.0, help="to make steps take longer")
    parser.add_argument("--save-seconds", type=float, default=0.0, help="to make saves take longer")
    args = parser.parse_args()

    model = Toy() if torch is None else Network()
    checkpoints = Checkpoints(args.dir, args.save_seconds)
    hook = CheckpointHook(port=args.port, host=args.host, hold=not args.poll)
    first = checkpoints.load(model)
    say("listening", port=hook.port, step=first, torch=torch is not None)

    saved_step, uri = None, None
    for step in range(first + 1, args.steps + 1):
        model.step()
        time.sleep(args.step_seconds)
        call = hook.requested()
        ending = any_rank(hook.terminating)
        due = args.save_every > 0 and step % args.save_every == 0
        if any_rank(call is not None) or due or ending:
            try:
                uri = checkpoints.save(step, model)
            except OSError as error:
                say("failed", step=step, why=str(error))
                hook.failed(error)
            else:
                saved_step = step
                # Where one rank writes for all, the others wait for it here.
                say("saved", step=step, uri=uri, kind=call["kind"] if call else None)
                hook.saved(step, uri)
        if ending:
            break
    say("ended", step=saved_step)


if __name__ == "__main__":
    main()
