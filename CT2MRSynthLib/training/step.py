"""One update of both networks, and everything that has to be kept between two."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.func import functional_call

from CT2MRSynthLib.networks.discriminator import PatchDiscriminator
from CT2MRSynthLib.networks.layers import use_fast_layers
from CT2MRSynthLib.networks.registry import make_generator
from CT2MRSynthLib.training.distributed import Context
from CT2MRSynthLib.training.objective import absolute_error, adversarial_loss, discriminator_loss
from CT2MRSynthLib.training.settings import TrainingSettings

LOSSES = ("l1", "gan", "discriminator")


class TrainingStep:
    """Both networks, their optimizers, the running mean of the generator's weights, and one update of them all.

    On CUDA the update is recorded as a graph, where that is possible.

    Args:
        settings: All numbers of the run.
        device: Where to compute.
        plain: Compute as a reader would write it down (float32, contiguous, eager, plain layers): the yardstick.
        initial: Weights of the generator to start from; None: drawn from the seed.
        context: This process among those of the run.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        device: torch.device | str = "cpu",
        plain: bool = False,
        initial: dict | None = None,
        context: Context | None = None,
    ) -> None:
        self.settings, self.device, self.plain = settings, torch.device(device), plain
        fast = not plain and self.device.type in ("cpu", "cuda")  # elsewhere the faster ways are not measured
        self.layout = torch.channels_last if fast else torch.contiguous_format
        self.half = fast and bfloat16_is_fast(self.device)
        self.steps = 0
        torch.manual_seed(settings.seed)
        architecture = {"name": settings.architecture, "width": settings.width, "blocks": settings.blocks}
        self.generator = make_generator(architecture)
        self.discriminator = PatchDiscriminator(settings.discriminator_width) if self.adversarial else None
        if initial is not None:
            self.generator.load_state_dict(initial)
        for network in self._networks():
            network.to(self.device, memory_format=self.layout)
            if fast:
                use_fast_layers(network)
        context = context or Context(device=self.device)
        self._called_generator = context.wrap(self.generator)
        self._called_discriminator = context.wrap(self.discriminator) if self.adversarial else None
        self.mean_weights = {name: tensor.detach().clone() for name, tensor in self.generator.state_dict().items()}
        self._rate = torch.zeros((), device=self.device)  # numbers that a recorded update reads
        self._mean_share = torch.zeros((), device=self.device)
        self.optimizers = [self._adam(network.parameters(), fast) for network in self._networks()]
        self._sums = torch.zeros(len(LOSSES), device=self.device)
        self._summed = 0
        self._finite = torch.ones((), dtype=torch.bool, device=self.device)
        self._graphed = None
        if fast and self.device.type == "cuda":
            torch.backends.cudnn.benchmark = not torch.are_deterministic_algorithms_enabled()
            if context.world == 1:
                from CT2MRSynthLib.training.graph import GraphedUpdate

                self._graphed = GraphedUpdate(self._update)

    @property
    def adversarial(self) -> bool:
        """Whether there is a discriminator."""
        return self.settings.adversarial_weight > 0

    @property
    def description(self) -> str:
        """Where it runs, in words: "CPU, bfloat16, 2 threads"."""
        from CT2MRSynthLib.device import choose_device

        return choose_device(self.device.type, "bfloat16" if self.half else "float32").description

    @property
    def notes(self) -> list[str]:
        """What a user should be told, such as why the graphics card is slower than it could be."""
        return [self._graphed.note] if self._graphed is not None and self._graphed.note else []

    def update(self, ct: torch.Tensor, mr: torch.Tensor, learning_rate: float) -> None:
        """One update of the discriminator and one of the generator; does not wait for the device.

        Args:
            ct: Shape (n, 1, 256, 256), -1 .. 1, on the device.
            mr: Same.
            learning_rate: Of both networks.
        """
        self._set_rate(learning_rate)
        self.steps += 1
        decay = min(self.settings.ema_decay, self.steps / (9 + self.steps))  # short while the weights still move fast
        self._mean_share.fill_(1.0 - decay)
        (self._graphed or self._update)(ct, mr)
        self._summed += 1

    def losses(self) -> dict[str, float]:
        """Means of this process's losses since the last call; waits for the device once."""
        means = (self._sums / max(self._summed, 1)).tolist()
        self._sums.zero_()
        self._summed = 0
        return dict(zip(LOSSES, means, strict=True))

    def finite(self) -> bool:
        """Whether every loss since the last ``load_state_dict`` and all weights are finite; waits for the device."""
        sound = self._finite.clone()
        for network in self._networks():
            for parameter in network.parameters():
                sound &= parameter.detach().isfinite().all()
        return bool(sound)

    def state_dict(self) -> dict:
        """Everything between two updates: numbers, and the float32 tensors themselves, not copies of them."""
        return {
            "steps": self.steps,
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict() if self.adversarial else {},
            "mean_weights": dict(self.mean_weights),
            "optimizers": [optimizer.state_dict()["state"] for optimizer in self.optimizers],
        }

    def load_state_dict(self, state: dict) -> None:
        """The inverse of ``state_dict``, on any device; the sums of the losses begin anew."""
        self.generator.load_state_dict(state["generator"])
        if self.adversarial:
            self.discriminator.load_state_dict(state["discriminator"])
        for name, tensor in self.mean_weights.items():
            tensor.copy_(state["mean_weights"][name])
        for optimizer, values in zip(self.optimizers, state["optimizers"], strict=True):
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": values, "param_groups": groups})
        self.steps = state["steps"]
        self._sums.zero_()
        self._summed = 0
        self._finite.fill_(True)
        if self._graphed is not None:
            self._graphed.forget()

    def result_weights(self) -> dict:
        """Weights of the generator that are the result: their running mean, or the last ones."""
        return dict(self.mean_weights) if self.settings.ema_decay > 0 else self.generator.state_dict()

    def precision(self) -> contextlib.AbstractContextManager:
        """In what a network computes when it is called as it is."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16) if self.half else contextlib.nullcontext()

    def _update(self, ct: torch.Tensor, mr: torch.Tensor) -> None:
        synthetic = self._call(self.generator, self._called_generator)(ct)
        none = torch.zeros((), device=self.device)
        discriminator = self._update_discriminator(ct, mr, synthetic.detach()) if self.adversarial else none
        l1 = absolute_error(synthetic, mr)
        gan = self._judged(ct, synthetic) if self.adversarial else none
        self.optimizers[0].zero_grad(set_to_none=True)
        (self.settings.adversarial_weight * gan + self.settings.l1_weight * l1).backward()
        if self.settings.gradient_norm > 0:
            nn.utils.clip_grad_norm_(self.generator.parameters(), self.settings.gradient_norm)
        self.optimizers[0].step()
        if self.settings.ema_decay > 0:
            self._track_mean_weights()
        losses = torch.stack([loss.detach() for loss in (l1, gan, discriminator)])
        self._sums += losses
        self._finite &= losses.isfinite().all()

    def _call(self, network: nn.Module, called: nn.Module | None = None) -> Callable[..., torch.Tensor]:
        """The network as it is called; in half precision with weights that are rounded once for all calls.

        Unlike autocast, which would pad in single precision and round the weights for every call.
        """
        called = called or network
        if not self.half:
            return called
        prefix = "" if called is network else "module."  # the name inside DistributedDataParallel
        weights = {prefix + name: weight.to(torch.bfloat16) for name, weight in network.named_parameters()}
        return lambda *images: functional_call(called, weights, tuple(image.to(torch.bfloat16) for image in images))

    def _update_discriminator(self, ct: torch.Tensor, mr: torch.Tensor, synthetic: torch.Tensor) -> torch.Tensor:
        self.discriminator.requires_grad_(True)
        judge = self._call(self.discriminator, self._called_discriminator)
        loss = discriminator_loss(judge(ct, mr), judge(ct, synthetic), self.settings.adversarial)
        self.optimizers[1].zero_grad(set_to_none=True)
        loss.backward()
        self.optimizers[1].step()
        return loss

    def _judged(self, ct: torch.Tensor, synthetic: torch.Tensor) -> torch.Tensor:
        self.discriminator.requires_grad_(False)  # its weights need no gradient here
        return adversarial_loss(self._call(self.discriminator)(ct, synthetic), self.settings.adversarial)

    @torch.no_grad()
    def _track_mean_weights(self) -> None:
        for mean, weight in zip(self.mean_weights.values(), self.generator.state_dict().values(), strict=True):
            mean.lerp_(weight, self._mean_share)

    def _set_rate(self, rate: float) -> None:
        self._rate.fill_(rate)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self._rate if group["capturable"] else rate

    def _networks(self) -> list[nn.Module]:
        return [self.generator, self.discriminator] if self.adversarial else [self.generator]

    def _adam(self, parameters: Iterable[nn.Parameter], fast: bool) -> torch.optim.Adam:
        parameters, betas = list(parameters), self.settings.betas
        if fast and self.device.type == "cuda":
            return torch.optim.Adam(parameters, self._rate, betas=betas, fused=True, capturable=True)
        try:
            return torch.optim.Adam(parameters, self.settings.learning_rate, betas=betas, fused=fast or None)
        except RuntimeError:  # torch before 2.4 has a fused Adam on CUDA only
            return torch.optim.Adam(parameters, self.settings.learning_rate, betas=betas)


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether this device multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    from CT2MRSynthLib.device import cpu_has_bfloat16

    return device.type == "cpu" and cpu_has_bfloat16()
