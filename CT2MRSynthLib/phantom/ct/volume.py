"""The CT volume of a simulated subject, slice by slice as a scanner stores it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from CT2MRSynthLib.frame import DiscFrame
from CT2MRSynthLib.levels import LEVELS
from CT2MRSynthLib.phantom.ct.artifacts import BodyScan
from CT2MRSynthLib.phantom.ct.hounsfield import finish_slice, hounsfield
from CT2MRSynthLib.phantom.ct.noise import NoiseField, profile_weights
from CT2MRSynthLib.phantom.ct.protocol import CTProtocol, draw_padding
from CT2MRSynthLib.phantom.ct.settings import CTSettings
from CT2MRSynthLib.phantom.ct.table import Table, skin_distance
from CT2MRSynthLib.phantom.ct.table_pose import LyingSubject
from CT2MRSynthLib.phantom.landmarks import Landmarks
from CT2MRSynthLib.phantom.noise import Lattice
from CT2MRSynthLib.phantom.sampling import sample
from CT2MRSynthLib.phantom.tissues import Label
from CT2MRSynthLib.volume import Volume

#: How far the CT reaches beyond the crop boxes, mm: at least, and where there is simulated spine.
LEAST_MARGIN, MARGIN_ABOVE, MARGIN_BELOW = 12.0, 45.0, 40.0
#: Planes painted at once: keeps memory near 300 MB.
SLAB = 12
#: Thicker slices are the mean of planes no farther apart than this, mm.
PLANE = 2.1
#: Distance of the planes from which artifacts are interpolated, mm.
BODY_STEP = 9.0


def scan_settings(seed: int, subject: LyingSubject) -> CTSettings:
    """The CT settings that follow from a seed: those of its pairs and of its volume."""
    return CTSettings.draw(np.random.default_rng([seed, 10]), subject.severity)


def _span(subject: LyingSubject, lowest: float, highest: float) -> tuple[float, float]:
    """Heights between which the CT lies: the boxes and more, but no slice above T12 or below S2, where no spine is."""
    a, poses = subject.anatomy, subject.upright.geometry.vertebrae
    middle = a.body_depth / 2
    below_s2 = poses[-1].world(0, float(middle[-1]), -float(a.body_height[-1]) / 2)
    above_t12 = poses[0].world(0, float(middle[0]), float(a.body_height[0]) / 2)
    bottom, top = subject.pose.to_scanner(np.array([below_s2, above_t12]))[:, 2]
    bottom = min(max(float(bottom), lowest - MARGIN_BELOW), lowest - LEAST_MARGIN)
    return bottom, max(min(float(top), highest + MARGIN_ABOVE), highest + LEAST_MARGIN)


@dataclass(frozen=True)
class CTScan:
    """A CT and what it shows.

    Args:
        volume: HU, int16, in the scanner's world.
        labels: ``tissues.Label`` in the middle of each slice (in thick slices, of the painted plane next to it), uint8,
            shape (k, j, i); the table and what lies on it are air.
        settings: How it was taken.
        protocol: How it is laid out.
    """

    volume: Volume
    labels: np.ndarray
    settings: CTSettings
    protocol: CTProtocol


def usual_protocol(seed: int) -> CTProtocol:
    """The layout of a subject's CT that asks for nothing else: the whole body in thin slices."""
    return CTProtocol(padding=draw_padding(_rng(seed, 20)))


def scan_ct(
    subject: LyingSubject, protocol: CTProtocol | None = None, progress: Callable[[float], None] | None = None
) -> CTScan:
    """Take the CT of a subject.

    Args:
        subject: As it lies on the table.
        protocol: Layout; None: the usual one.
        progress: Called with the fraction done.
    """
    frames = [subject.frame(level) for level in LEVELS]
    scan = _Scan(subject, protocol or usual_protocol(subject.seed), frames)
    volume, labels = scan.volume(f"phantom_{subject.seed}", progress)
    return CTScan(volume, labels, scan.settings, scan.protocol)


def phantom_ct(
    seed: int,
    matrix: int = CTProtocol.matrix,
    spacing: float = CTProtocol.spacing,
    thickness: float = CTProtocol.thickness,
    protocol: CTProtocol | None = None,
    severity: Mapping[str, object] | None = None,
) -> tuple[Volume, list[DiscFrame], list[Landmarks]]:
    """A simulated axial CT with all five lumbar discs, of a patient who lies a little askew on the table.

    Args:
        seed: The subject; contrast agent, noise and pose follow from it as well.
        matrix: Voxels along each edge of a slice.
        spacing: Voxel edge in plane, mm.
        thickness: Slice thickness and distance, mm.
        protocol: Layout instead of the three above.
        severity: Severities to set, by name; the others follow from the seed.

    Returns:
        The CT in HU (int16), the crop boxes and the landmarks from L1-L2 to L5-S1, all in the scanner's world
        (``LyingSubject``).
    """
    if protocol is None:
        protocol = replace(
            usual_protocol(seed), matrix=matrix, spacing=spacing, thickness=thickness, increment=thickness
        )
    subject = LyingSubject.of(seed, severity)
    frames, landmarks = ([find(level) for level in LEVELS] for find in (subject.frame, subject.landmarks))
    return scan_ct(subject, protocol).volume, frames, landmarks


class _Scan:
    """One scan while it is made."""

    def __init__(self, subject: LyingSubject, protocol: CTProtocol, frames: list[DiscFrame]):
        self.subject, self.protocol = subject, protocol
        self.settings = scan_settings(subject.seed, subject).with_thickness(protocol.thickness)
        corners = np.vstack([frame.corners() for frame in frames])
        bottom, top = _span(subject, float(corners[:, 2].min()), float(corners[:, 2].max()))
        self.slices = int(np.ceil((top - bottom) / protocol.increment))
        span = (bottom, bottom + self.slices * protocol.increment)
        self.body = BodyScan(subject, self.settings, span, max(2, int(np.ceil((span[1] - span[0]) / BODY_STEP))))
        self.matrix_ras = self._placed(np.mean([frame.center for frame in frames], axis=0), bottom)
        self.shape = (protocol.matrix, protocol.matrix)
        #: Painted planes per slice, and their distance.
        self.parts = int(np.ceil(protocol.increment / PLANE))
        self.step = protocol.increment / self.parts
        self.table = Table.draw(_rng(subject.seed, 21))
        self.surroundings = self._table_picture()
        self.away = skin_distance(self.body) if self.table.blanket else None

    def volume(self, name: str, progress: Callable[[float], None] | None = None) -> tuple[Volume, np.ndarray]:
        """The CT, and the labels at its voxels' centers."""
        p, settings = self.protocol, self.settings
        array = np.empty((self.slices, *self.shape), dtype=np.int16)
        labels = np.empty(array.shape, dtype=np.uint8)
        reach = max(1, int(np.ceil((1.1 * p.thickness - p.increment / 2) / self.step)))
        count = self.parts + 2 * reach
        weights = profile_weights((np.arange(count) - (count - 1) / 2) * self.step, p.thickness, self.step)
        near = int(np.ceil(1.1 * p.thickness / p.increment))
        between = profile_weights(np.arange(-near, near + 1) * p.increment, p.thickness, p.increment)
        noise = NoiseField(self.shape, p.spacing, settings.kernel, (self.subject.seed, 12))
        planes = self._planes(-reach, self.slices * self.parts + reach)
        window: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=count)
        outside = self._outside()
        for k in range(self.slices):
            window.extend(next(planes) for _ in range(count if k == 0 else self.parts))
            hu = np.zeros(self.shape, dtype=np.float32)
            for weight, (plane, _) in zip(weights, window, strict=True):
                hu += np.float32(weight) * plane
            error, strength = self.body.apply(Lattice.from_matrix(self.matrix_ras, (1, *self.shape), k))
            picture = finish_slice(hu, settings, p.spacing, noise.parts(k, between), error[0], strength[:, 0])
            array[k] = np.rint(picture)
            if outside is not None:
                array[k][outside] = p.padding
            labels[k] = window[count // 2][1]
            if progress:
                progress((k + 1) / self.slices)
        return Volume(array, self.matrix_ras, name=name, modality="CT"), labels

    def _planes(self, first: int, last: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """HU before the kernel and labels of painted planes; plane 0 is the lowest of slice 0."""
        matrix = self.matrix_ras.copy()
        matrix[:3, 3] -= matrix[:3, 2] * (0.5 - 0.5 / self.parts)
        matrix[:3, 2] /= self.parts
        for start in range(first, last, SLAB):
            lattice = Lattice.from_matrix(matrix, (min(SLAB, last - start), *self.shape), start)
            (hu,), label = sample(self.subject, lattice, lambda canvas: [hounsfield(canvas, self.settings)])
            blanket = lattice.smooth(self._cover, 2.0)[0] if self.away is not None else None
            for k in range(lattice.shape[0]):
                around = self.surroundings if blanket is None else np.maximum(self.surroundings, blanket[k])
                yield np.where(label[k] == Label.AIR, np.maximum(hu[k], around), hu[k]), label[k]

    def _cover(self, x, y, z) -> list[np.ndarray]:
        return [self.table.cover(self.body, self.away, x, y, z, self.protocol.spacing)]

    def _placed(self, spine: np.ndarray, bottom: float) -> np.ndarray:
        """Voxel-to-world matrix, LPS-oriented rows and columns as scanners store them."""
        p = self.protocol
        middle = spine[:2] - (0, 12.0) if p.targeted else np.array(self.body.center)
        half = (p.matrix - 1) / 2 * p.spacing
        result = np.diag([-p.spacing, -p.spacing, p.increment, 1.0])
        result[:3, 3] = [middle[0] + half, middle[1] + half, bottom]
        return result

    def _table_picture(self) -> np.ndarray:
        """HU of table and air in any slice: the table is the same all along."""
        i = np.arange(self.protocol.matrix)
        x = self.matrix_ras[0, 3] + self.matrix_ras[0, 0] * i[None, :]
        y = self.matrix_ras[1, 3] + self.matrix_ras[1, 1] * i[:, None]
        aside = _rng(self.subject.seed, 22).normal(0, 12)
        return self.table.paint(x - self.body.center[0] - aside, y, self.table.top(self.body), self.protocol.spacing)

    def _outside(self) -> np.ndarray | None:
        """Voxels outside the circle of the field of view."""
        if self.protocol.padding is None:
            return None
        axis = np.arange(self.protocol.matrix) - (self.protocol.matrix - 1) / 2
        return np.hypot(*np.meshgrid(axis, axis)) > self.protocol.matrix / 2


def _rng(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, stream])
