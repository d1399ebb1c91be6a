"""The training loop: the paper's objective on pairs of slices, stoppable and resumable at any step."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from CT2MRSynthLib.atomic import write_text
from CT2MRSynthLib.bundle import save_bundle
from CT2MRSynthLib.errors import CT2MRSynthError, UsageError
from CT2MRSynthLib.greylevels import DEFAULT_CT_WINDOW
from CT2MRSynthLib.modelcard import ModelCard
from CT2MRSynthLib.networks.discriminator import PatchDiscriminator
from CT2MRSynthLib.networks.generator import Generator
from CT2MRSynthLib.networks.layers import use_fast_layers
from CT2MRSynthLib.networks.scale import ct_to_tensor, grey_to_tensor, tensor_to_grey
from CT2MRSynthLib.training.augment import apply, draw
from CT2MRSynthLib.training.checkpoint import load_checkpoint, save_checkpoint
from CT2MRSynthLib.training.objective import absolute_error, adversarial_loss, discriminator_loss
from CT2MRSynthLib.training.pairs import PIXELS, PairStore
from CT2MRSynthLib.training.preview import write_sheet
from CT2MRSynthLib.training.settings import TrainingSettings

PROTOCOL = "Mean absolute error in grey levels of 0 to 255, over the pairs held back from training"
PREVIEWS = 8


class Trainer:
    """One run: networks, optimizers, data and where the results go.

    The order of the pairs and their variation follow from the seed and the step alone, so a run that was stopped and
    resumed shows the networks the same images as one that was not.

    Args:
        pairs: Training pairs.
        out: Folder of the run: ``checkpoint.pt``, ``state.json``, ``progress.jsonl``, ``previews/`` and ``bundle/``.
        settings: All numbers of the run.
        card: Card of the bundle; width, metrics, settings and counts are filled in here.
        report: Called with one dictionary per progress event.
        device: torch device.
        plain: Run the step plainly (float32, contiguous), as the yardstick of speed.
        save_every: Seconds between checkpoints.
        report_every: Seconds between progress events.
    """

    def __init__(
        self,
        pairs: PairStore,
        out: Path,
        settings: TrainingSettings,
        card: ModelCard,
        report: Callable[[dict], None] | None = None,
        device: str = "cpu",
        plain: bool = False,
        save_every: float = 180.0,
        report_every: float = 10.0,
    ) -> None:
        self.pairs, self.out, self.settings, self.card = pairs, Path(out), settings, card
        self._listener = report
        self.device = torch.device(device)
        self.half = not plain and _bfloat16_is_fast(self.device)
        self.layout = torch.contiguous_format if plain else torch.channels_last
        self.save_every, self.report_every = save_every, report_every
        torch.manual_seed(settings.seed)
        self.generator = Generator(settings.width, settings.blocks).to(self.device, memory_format=self.layout)
        self.discriminator = PatchDiscriminator(settings.discriminator_width).to(self.device, memory_format=self.layout)
        if not plain:
            use_fast_layers(self.generator)
            use_fast_layers(self.discriminator)
        self.mean_weights = {name: tensor.detach().clone() for name, tensor in self.generator.state_dict().items()}
        self.optimizers = [self._adam(network) for network in (self.generator, self.discriminator)]
        self.step = 0
        self.seconds = 0.0
        self._sums = {"l1": 0.0, "gan": 0.0, "discriminator": 0.0}
        self._summed = 0
        self._stop = threading.Event()

    def resume(self) -> bool:
        """Go on from the newest checkpoint in ``out``; False where there is none."""
        state = load_checkpoint(self.out)
        if state is None:
            return False
        for name in ("width", "blocks", "discriminator_width"):
            if state["settings"][name] != getattr(self.settings, name):
                raise UsageError(
                    f"The run in {self.out} has {name} {state['settings'][name]}, not {getattr(self.settings, name)};"
                    " give the same."
                )
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.mean_weights = {name: tensor.to(self.device) for name, tensor in state["mean_weights"].items()}
        for optimizer, values in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(values)
        self.step, self.seconds = state["step"], state["seconds"]
        return True

    def request_stop(self) -> None:
        """Let the current step finish, write a checkpoint and return from ``run``; callable from a signal handler."""
        self._stop.set()

    def run(self) -> str:
        """Train until the limit or until asked to stop.

        Returns:
            "finished" or "stopped".
        """
        started, before = time.monotonic(), self.seconds
        last_save = last_report = started
        self._write_state("running")
        while not self._stop.is_set() and self.fraction_done() < 1.0:
            self.train_step()
            now = time.monotonic()
            self.seconds = before + now - started
            if now - last_report >= self.report_every:
                self._report_progress()
                last_report = now
            if now - last_save >= self.save_every:
                self.save("running")
                self.pairs.refresh()
                last_save = time.monotonic()
        status = "finished" if self.fraction_done() >= 1.0 else "stopped"
        self.save(status)
        return status

    def fraction_done(self) -> float:
        """Share of the run that is over."""
        return self.settings.fraction_done(self.step, self.seconds)

    def train_step(self) -> None:
        """One update of the discriminator and one of the generator."""
        ct, mr = self._batch()
        rate = self.settings.learning_rate_at(self.fraction_done())
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        with self._precision():
            synthetic = self.generator(ct)
            verdicts = self.discriminator(ct, mr), self.discriminator(ct, synthetic.detach())
        loss = discriminator_loss(*verdicts)
        self._update(self.optimizers[1], loss)
        self.discriminator.requires_grad_(False)
        with self._precision():
            verdict = self.discriminator(ct, synthetic)
        gan, l1 = adversarial_loss(verdict), absolute_error(synthetic, mr)
        self._update(self.optimizers[0], gan + self.settings.l1_weight * l1)
        self.discriminator.requires_grad_(True)
        self._track_mean_weights()
        self.step += 1
        for name, value in (("l1", l1), ("gan", gan), ("discriminator", loss)):
            self._sums[name] += value.detach()
        self._summed += 1

    def validate(self) -> tuple[float, np.ndarray]:
        """Mean absolute error in grey levels on the pairs held back, and their synthetic images (n, 256, 256)."""
        network = Generator(self.settings.width, self.settings.blocks)
        network.load_state_dict(self._result_weights())
        network = use_fast_layers(network).to(self.device, memory_format=self.layout).eval()
        images = []
        with torch.inference_mode(), self._precision():
            for ct, _ in self.pairs.validation:
                images.append(tensor_to_grey(network(ct_to_tensor(ct[None], DEFAULT_CT_WINDOW).to(self.device)))[0])
        images = np.stack(images)
        real = np.stack([mr for _, mr in self.pairs.validation])
        return float(np.abs(images.astype(np.float32) - real).mean()), images

    def save(self, status: str) -> None:
        """Write checkpoint, bundle, preview sheet and state."""
        self._check_finite()
        save_checkpoint(self.out, self._state())
        metrics = {}
        if self.pairs.validation:
            error, images = self.validate()
            metrics = {"protocol": PROTOCOL, "values": {"mae": round(error, 3), "pairs": len(images)}}
            self._write_preview(images, error)
            self._report({"event": "validation", "step": self.step, "mae": round(error, 3)})
        save_bundle(self.out / "bundle", self._result_weights(), self._filled_card(metrics))
        self._write_state(status)
        self._report({"event": "checkpoint", "step": self.step, "status": status})

    def _adam(self, network: torch.nn.Module) -> torch.optim.Adam:
        fused = self.device.type in ("cpu", "cuda")
        return torch.optim.Adam(
            network.parameters(), self.settings.learning_rate, betas=self.settings.betas, fused=fused
        )

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.half)

    def _batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        cts, mrs = [], []
        for place in range(self.settings.batch):
            number = self.step * self.settings.batch + place
            pair = self.pairs.pair(self.pairs.index_at(self.settings.seed, number))
            rng = np.random.default_rng([self.settings.seed, 1, number])
            ct, mr = apply(draw(self.settings.augmentation, rng), *pair)
            cts.append(ct)
            mrs.append(mr)
        tensors = ct_to_tensor(np.stack(cts), DEFAULT_CT_WINDOW), grey_to_tensor(np.stack(mrs))
        return tuple(tensor.to(self.device, memory_format=self.layout) for tensor in tensors)

    @staticmethod
    def _update(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    @torch.no_grad()
    def _track_mean_weights(self) -> None:
        decay = self.settings.ema_decay
        if decay <= 0:
            return
        decay = min(decay, (1 + self.step) / (10 + self.step))  # a short memory while the weights still move fast
        mean, current = list(self.mean_weights.values()), list(self.generator.state_dict().values())
        torch._foreach_lerp_(mean, current, 1.0 - decay)

    def _result_weights(self) -> dict:
        return self.mean_weights if self.settings.ema_decay > 0 else self.generator.state_dict()

    def _check_finite(self) -> None:
        if not all(torch.isfinite(tensor).all() for tensor in self.generator.state_dict().values()):
            raise CT2MRSynthError(
                f"The training diverged before step {self.step}: weights are not finite. The last checkpoint is kept;"
                " resume it with a lower learning rate."
            )

    def _state(self) -> dict:
        return {
            "step": self.step,
            "seconds": self.seconds,
            "settings": self.settings.to_json(),
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "mean_weights": self.mean_weights,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def _filled_card(self, metrics: dict) -> ModelCard:
        from dataclasses import replace

        architecture = {"name": Generator.architecture, "width": self.settings.width, "blocks": self.settings.blocks}
        counts = {"subjects": self.pairs.subjects, "pairs": len(self.pairs)}
        edges = self.pairs.field_of_view
        return replace(
            self.card,
            architecture=architecture,
            ct_window=(DEFAULT_CT_WINDOW.low, DEFAULT_CT_WINDOW.high),
            training_data={**self.card.training_data, **counts},
            training={**self.settings.to_json(), "step": self.step, "trained_minutes": round(self.seconds / 60, 1)},
            metrics=metrics,
            field_of_view=edges or self.card.field_of_view,
            pixel_spacing=tuple(edge / PIXELS for edge in edges) if edges else self.card.pixel_spacing,
            slice_thickness=self.pairs.slice_thickness or self.card.slice_thickness,
        )

    def _write_preview(self, images: np.ndarray, error: float) -> None:
        chosen = np.linspace(0, len(images) - 1, min(PREVIEWS, len(images))).round().astype(int)
        cases = [self.pairs.validation[i] for i in chosen]
        ct = np.stack([tensor_to_grey(ct_to_tensor(ct[None], DEFAULT_CT_WINDOW))[0] for ct, _ in cases])
        title = f"step {self.step}, mean absolute error {error:.2f}"
        path = self.out / "previews" / f"step-{self.step:07d}.png"
        write_sheet(path, ct, images[chosen], np.stack([mr for _, mr in cases]), title)

    def _report_progress(self) -> None:
        fraction = self.fraction_done()
        event = {"event": "progress", "step": self.step, "fraction": round(fraction, 4), "pairs": len(self.pairs)}
        event |= {name: round(float(total) / max(self._summed, 1), 4) for name, total in self._sums.items()}
        event["learning_rate"] = self.settings.learning_rate_at(fraction)
        event["seconds"] = round(self.seconds, 1)
        event["seconds_left"] = round(self.seconds * (1 - fraction) / fraction, 1) if fraction > 0 else None
        self._sums, self._summed = dict.fromkeys(self._sums, 0.0), 0
        self._report(event)
        self._write_state("running")

    def _report(self, event: dict) -> None:
        with open(self.out / "progress.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")
        if self._listener is not None:
            self._listener(event)

    def _write_state(self, status: str) -> None:
        state = {"status": status, "step": self.step, "steps": self.settings.steps, "fraction": self.fraction_done()}
        state["heartbeat"] = time.time()
        write_text(self.out / "state.json", json.dumps(state) + "\n")


def stop_on_signals(trainer: Trainer) -> None:
    """Let SIGTERM and SIGINT end the run after its current step, with a checkpoint."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: trainer.request_stop())


def _bfloat16_is_fast(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    from CT2MRSynthLib.device import cpu_has_bfloat16

    return device.type == "cpu" and cpu_has_bfloat16()
