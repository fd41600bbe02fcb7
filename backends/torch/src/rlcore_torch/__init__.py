"""The PyTorch backend of rlcore."""

from rlcore_torch.backend import TorchBackend

__all__ = ["TorchBackend"]
