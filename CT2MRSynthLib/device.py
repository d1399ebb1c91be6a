"""On what a network runs, and in which precision: chosen by trying, and said in words."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=1)
def cpu_has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware (AVX-512 BF16 or AMX); elsewhere it is slower than float32."""
    import torch

    capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # since torch 2.11 or so
    if capabilities:
        return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
    checks = [getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return any(check() for check in checks if check is not None)
