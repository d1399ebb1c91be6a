"""One update recorded as a CUDA graph, so that the processor does not have to launch its thousand kernels each time."""

from __future__ import annotations

from collections.abc import Callable

import torch

#: Updates before recording: libraries choose their algorithms and optimizers make their state in them.
WARM_UP = 11


class GraphedUpdate:
    """Calls a function of two images as it is at first, then replays its recording.

    The function must work in place on tensors that stay where they are, and wait for nothing. Where recording fails it
    is called as it is from then on; ``note`` says why.

    Args:
        function: The update; what it returns is dropped.
    """

    def __init__(self, function: Callable[[torch.Tensor, torch.Tensor], None]) -> None:
        self.note = ""
        self._function = function
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._images: tuple[torch.Tensor, ...] = ()
        self._stream = torch.cuda.Stream()

    def __call__(self, ct: torch.Tensor, mr: torch.Tensor) -> None:
        """Do one update."""
        self._calls += 1
        if self._graph is None and self._calls > WARM_UP and not self.note:
            self._record(ct, mr)
        if self._graph is None:
            self._call_beside(ct, mr)
            return
        if [image.shape for image in self._images] != [ct.shape, mr.shape]:
            self._function(ct, mr)
            return
        for place, image in zip(self._images, (ct, mr), strict=True):
            place.copy_(image)
        self._graph.replay()

    def forget(self) -> None:
        """Record anew after some updates: call this after tensors were exchanged for others."""
        self._graph, self._images, self._calls = None, (), 0

    def _call_beside(self, ct: torch.Tensor, mr: torch.Tensor) -> None:
        """On a stream of its own, as the warm-up of a recording has to be."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            self._function(ct, mr)
        torch.cuda.current_stream().wait_stream(self._stream)

    def _record(self, ct: torch.Tensor, mr: torch.Tensor) -> None:
        """Record without computing anything; the first replay is the update."""
        graph, images = torch.cuda.CUDAGraph(), (torch.empty_like(ct), torch.empty_like(mr))
        try:
            with torch.cuda.graph(graph, stream=self._stream):
                self._function(*images)
        except RuntimeError as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            self.note = f"The step could not be recorded as a CUDA graph ({reason}); it runs without, which is slower."
            return
        self._graph, self._images = graph, images
