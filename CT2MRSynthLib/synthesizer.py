"""The generator on a device: grey levels of CT slices in, grey levels of synthetic MR slices out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from CT2MRSynthLib.bundle import Bundle, check_bundle
from CT2MRSynthLib.device import BATCH, Device, choose_device, cpu_device, is_out_of_memory
from CT2MRSynthLib.errors import Cancelled, CT2MRSynthError, InputError
from CT2MRSynthLib.frame import PIXELS
from CT2MRSynthLib.modelcard import ModelCard
from CT2MRSynthLib.provenance import environment

Progress = Callable[[int, int], None]


class Synthesizer:
    """A generator on a device.

    On the CPU the result depends on nothing but the input, the weights, the precision, the number of threads and the
    version of torch: slices are computed one by one, and there is no dropout.

    Args:
        bundle: A bundle or its folder.
        device: "auto" (CUDA, then MPS, then CPU), "cpu", "cuda" or "mps".
        precision: "auto" (what this hardware is fast with), "float32", "bfloat16" or "float16".

    Raises:
        BundleError: The bundle cannot be used.
        UsageError: The device cannot be used.
    """

    def __init__(self, bundle: Bundle | str | Path, device: str = "auto", precision: str = "auto") -> None:
        self.bundle = bundle if isinstance(bundle, Bundle) else check_bundle(bundle)
        self.device = choose_device(device, precision)
        self.warnings: list[str] = list(self.device.notes)
        self.batch = BATCH[self.device.kind]
        self._wanted_precision = precision
        self._network = self._prepared(self.device)

    @property
    def card(self) -> ModelCard:
        """The card of the bundle."""
        return self.bundle.card

    @property
    def description(self) -> str:
        """Where it runs, in words: "CPU, bfloat16, 2 threads"."""
        return self.device.description

    @property
    def computed_on(self) -> dict:
        """Where and with what it runs, for records: device, precision, versions, threads."""
        return {"device": self.description, "precision": self.device.precision, **environment()}

    def run(
        self,
        grey: np.ndarray,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> np.ndarray:
        """Synthesize slices.

        Args:
            grey: CT in grey levels of the bundle's window, uint8, shape (n, 256, 256), row 0 anterior, column 0 the
                patient's right.
            progress: Called with slices done and slices in all, at first with 0.
            cancelled: Asked between batches; true stops the run.

        Returns:
            Synthetic MR in grey levels, uint8, same shape.

        Raises:
            InputError: Wrong dtype or shape.
            Cancelled: ``cancelled`` said so.
            CT2MRSynthError: Memory does not suffice for a single slice on the CPU.
        """
        if grey.ndim != 3 or grey.shape[1:] != (PIXELS, PIXELS) or grey.dtype != np.uint8:
            raise InputError(
                f"Slices of {grey.dtype} and shape {grey.shape} cannot be synthesized: uint8, (n, 256, 256) is needed."
            )
        result = np.empty_like(grey)
        done, total = 0, len(grey)
        _tell(progress, done, total)
        while done < total:
            if cancelled is not None and cancelled():
                raise Cancelled
            part = grey[done : done + self.batch]
            try:
                result[done : done + len(part)] = self._pass(part)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._make_room(len(part))
                continue
            done += len(part)
            _tell(progress, done, total)
        return result

    def _pass(self, grey: np.ndarray) -> np.ndarray:
        import torch

        from CT2MRSynthLib.networks.scale import grey_to_tensor, tensor_to_grey

        dtype = getattr(torch, self.device.precision)
        with torch.inference_mode():
            return tensor_to_grey(self._network(grey_to_tensor(grey).to(self.device.kind, dtype)))

    def _prepared(self, device: Device):
        """The generator as it runs fastest; measured on two AVX-512 BF16 cores (see ``bench``)."""
        import torch

        from CT2MRSynthLib.networks.layers import use_fast_layers

        network = use_fast_layers(self.bundle.generator())
        return network.to(device.kind, getattr(torch, device.precision)).to(memory_format=torch.channels_last)

    def _make_room(self, batch: int) -> None:
        """After memory ran out: smaller batches, then the CPU; the user is told."""
        if self.device.kind == "cuda":
            import torch

            torch.cuda.empty_cache()
        if batch > 1:
            self.batch = batch // 2
            self.warnings.append(
                f"{self.device.name} ran out of memory with {batch} slices at once; now it is {self.batch} at once."
            )
        elif self.device.kind != "cpu":
            name = self.device.name
            self.device = cpu_device(self._wanted_precision)
            self.batch = BATCH["cpu"]
            self._network = self._prepared(self.device)
            self.warnings.append(f"{name} ran out of memory with one slice; the CPU is used instead, which is slower.")
        else:
            raise CT2MRSynthError(
                "There is not enough memory to synthesize a single slice; close other programs and try again."
            )


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)
