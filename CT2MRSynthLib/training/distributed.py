"""More than one process under ``torchrun``: who this one is, and PyTorch's own data parallel around a network."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import torch
from torch import distributed, nn

from CT2MRSynthLib.errors import UsageError


@dataclass(frozen=True)
class Context:
    """This process among those of a run; the defaults are a process alone.

    Args:
        rank: Of this process, from 0.
        world: How many there are.
        device: Where this one computes.
    """

    rank: int = 0
    world: int = 1
    device: torch.device = torch.device("cpu")

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes files and reports."""
        return self.rank == 0

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network as it is called in training: its gradients become the mean over all processes."""
        if self.world == 1:
            return network
        places = [self.device] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(network, device_ids=places, gradient_as_bucket_view=True)

    def draws(self, step: int, batch: int) -> range:
        """Numbers of the draws that this process shows in a step."""
        first = step * batch * self.world + self.rank * batch
        return range(first, first + batch)

    def barrier(self) -> None:
        """Wait until every process is here."""
        self.any(False)

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process: every process has to ask at the same place, and gets the same."""
        if self.world == 1:
            return flag
        return any(self._gathered(bool(flag)))

    def from_first(self, value):
        """The first process's value, for all of them, such as the elapsed time; every process has to ask."""
        return value if self.world == 1 else self._gathered(value)[0]

    def close(self) -> None:
        """Leave the group of processes."""
        if self.world > 1 and distributed.is_initialized():
            distributed.destroy_process_group()

    def _gathered(self, value) -> list:
        values = [None] * self.world
        distributed.all_gather_object(values, value, group=_host_group())
        return values


def join(device: torch.device | str) -> Context:
    """Join the run that ``torchrun`` (or Slurm through it) has started; alone where there is none.

    Args:
        device: "cpu" or "cuda"; of several cards each process of a machine takes its own.

    Raises:
        UsageError: The device cannot be shared among processes, or a machine has fewer cards than processes.
    """
    device = torch.device(device)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Context(device=device)
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"{world} processes cannot train on the device {device.type}; use cpu or cuda.")
    if device.type == "cuda":
        local, cards = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if local >= cards:
            raise UsageError(
                f"Process {local} of this machine has no card of its own: there are {cards}; start no more processes."
            )
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        _host_group()
    return Context(distributed.get_rank(), distributed.get_world_size(), device)


def end_process(status: int) -> None:
    """End one of several processes at the end of its work; a process alone goes on and ends as usual.

    Gloo's threads let go of the last tensors a moment after the group is left. Where the interpreter shuts down in that
    moment it aborts ("terminate called without an active exception"), and torchrun calls a run failed that is whole.
    So there is no shutdown; all files are closed by now.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


_HOST_GROUPS: list = []


def _host_group():
    """Group for values in the host's memory: asking it never waits for a card."""
    if distributed.get_backend() == "gloo":
        return distributed.group.WORLD
    if not _HOST_GROUPS:
        _HOST_GROUPS.append(distributed.new_group(backend="gloo"))
    return _HOST_GROUPS[0]
