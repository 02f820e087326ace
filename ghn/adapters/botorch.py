"""ghn inside BoTorch: the hypernetwork's embedding as the input of a Gaussian process's kernel.

SingleTaskGP(codes(space, archs), values, input_transform=Embedded(ghn.load())) is fitted and asked as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ghn.errors import ConfigError
from ghn.extras import check_extra
from ghn.scoring.model import Model
from ghn.spaces.choices import decision_space
from ghn.spaces.members import draw_distinct, live_graph
from ghn.types import Space, member_of

check_extra("botorch", "botorch")

from botorch.models.transforms.input import InputTransform  # noqa: E402

USUAL = 64  # members of the space by which embeddings are standardised


def codes(space: Space[Any], archs: Sequence[Any]) -> Float[Tensor, "n choices"]:
    """Architectures as numbers of their options, one for each choice, as `optimize_acqf_discrete` and models take them.

    Raises:
        ConfigError: the space cannot be taken apart into choices.
        ArchitectureError: no member.
    """
    decisions = decision_space(space)
    return torch.tensor([decisions.to_choices(member_of(space, arch)) for arch in archs], dtype=torch.float64)


class Embedded(InputTransform, torch.nn.Module):
    """Takes codes [..., choices] to embeddings [..., d], standardised over members of the space; each is made once.

    Source: Zhang, Ren & Urtasun, "Graph HyperNetworks", ICLR 2019, sec. 4 (the embedding).

    Args:
        model: a hypernetwork, of a space that can be taken apart into choices.

    Raises:
        ConfigError: a bank of shared weights, or a space without choices.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        model.hypernetwork("an embedding")
        self.transform_on_train = self.transform_on_eval = self.transform_on_fantasize = True
        self.is_one_to_many = False
        self._model, self._space = [model], decision_space(model.space)  # in a list: no module of this one
        self._most = torch.tensor([len(choice.options) - 1 for choice in self._space.choices()])
        self._known: dict[Any, Tensor] = {}
        usual = self._embed([self._space.to_choices(arch) for arch in draw_distinct(model.space, USUAL, Random(0))])
        self.middle, self.scale = usual.mean(0), usual.std(0).clamp_min(1e-6)

    def transform(self, X: Float[Tensor, "... choices"]) -> Float[Tensor, "... d"]:
        """Embeddings of architectures.

        Raises:
            ConfigError: X holds no numbers of options.
            ArchitectureError: no member has these options.
        """
        if X.shape[-1] != len(self._most) or ((X.round() != X) | (X < 0) | (self._most.to(X) < X)).any():
            what, fix = "inputs are no codes of architectures", "codes(space, archs)"
            raise ConfigError(what, got=X, expected=f"whole numbers up to {self._most.tolist()}", fix=fix)
        rows = X.reshape(-1, X.shape[-1])
        found = self._embed([tuple(map(int, row)) for row in rows.tolist()])
        return ((found - self.middle) / self.scale).reshape(*X.shape[:-1], -1).to(X)

    def equals(self, other: InputTransform) -> bool:
        return isinstance(other, Embedded) and self._model[0].digest == other._model[0].digest

    def _embed(self, rows: Sequence[tuple[int, ...]]) -> Float[Tensor, "n d"]:
        (model,) = self._model
        keys = []
        for row in rows:
            arch = self._space.from_choices(row)
            keys.append(key := self._space.canonical(arch))
            if key not in self._known:
                self._known[key] = model.embed(live_graph(self._space, arch)).double().cpu()
        return torch.stack([self._known[key] for key in keys])
