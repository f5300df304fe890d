"""A batch as PyTorch itself computes it: the oracle of recorded files."""

from __future__ import annotations

import torch


def torch_batch(
    x: torch.Tensor,
    dy: torch.Tensor | None,
    gamma: torch.Tensor,
    beta: torch.Tensor,
    epsilon: float,
    running: tuple[torch.Tensor, torch.Tensor] = (None, None),
    training: bool = True,
    momentum: float = 0.0,
) -> dict[str, torch.Tensor]:
    """What PyTorch itself computes for a batch x and dy [n, C, ...]: output and, with dy, grad_input, grad_gamma and grad_beta.

    `running`, mean and variance [C], is changed in place as PyTorch does, and normalizes if not `training`.
    """
    x, gamma, beta = (leaf.detach().requires_grad_() for leaf in (x, gamma, beta))
    y = torch.nn.functional.batch_norm(x, *running, gamma, beta, training, momentum, epsilon)
    result = {"output": y.detach()}
    if dy is not None:
        result |= zip(("grad_input", "grad_gamma", "grad_beta"), torch.autograd.grad(y, (x, gamma, beta), dy))
    return result
