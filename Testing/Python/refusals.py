"""What every refused CT has in common."""

import pytest

from CT2MRSynthLib.errors import InputError
from CT2MRSynthLib.imageio import read_ct


def refusal(path, series=None, error=InputError) -> str:
    """The one sentence with which a CT is refused."""
    with pytest.raises(error) as caught:
        read_ct(path, series)
    sentence = str(caught.value)
    assert "\n" not in sentence and len(sentence) > 20
    return sentence
