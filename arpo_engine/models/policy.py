"""The policy: a Qwen2.5-VL with its tokenizer, loaded from and saved to a Hugging Face folder.

Everything that touches the weights goes through here: encoding screenshots, hidden states, logits. How replies are
sampled (inference/) and learnt from (trainer/) is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import AutoTokenizer, Qwen2_5_VLForConditionalGeneration
from transformers.utils import logging as transformers_logging

from arpo_engine.contract.errors import ModelError
from arpo_engine.models import folder as folders
from arpo_engine.models import image_settings, language, replies, vision
from arpo_engine.models.chat import NEVER_SAMPLED, ChatFormat
from arpo_engine.models.patches import PatchFormat
from arpo_engine.types import Pixels, Trajectory

Dtype = Literal["float32", "bfloat16"]
FORBIDDEN = -1e9
"""Added to the logit of a token that is never sampled: its probability is exactly 0, and no entropy becomes NaN."""


class Policy:
    """Weights, tokenizer and chat format of one model."""

    def __init__(self, model: Any, tokenizer: Any, patches: PatchFormat) -> None:
        self.module = model
        self.tokenizer = tokenizer
        self.chat = ChatFormat(tokenizer, patches)
        self._forbidden = self._forbidden_logits()

    @classmethod
    def load(cls, path: str | Path, dtype: Dtype = "float32", trust_remote_code: bool = False) -> Policy:
        """Read `builtin:pocket`, a Hugging Face folder or a hub name.

        Raises:
            ModelError: it is missing, torn, or not a Qwen2.5-VL; the text says what to do.
        """
        folder = folders.locate(str(path))
        model = _read_model(folder, dtype, trust_remote_code)
        with _explaining(folder):
            tokenizer = AutoTokenizer.from_pretrained(
                folder, trust_remote_code=trust_remote_code, local_files_only=True
            )
        return cls(model, tokenizer, image_settings.read_patch_format(folder))

    def load_weights(self, folder: Path) -> None:
        """Take over the weights of a folder of the same shape, in place and exactly."""
        other = _read_model(folders.locate(str(folder)), str(self.module.dtype).removeprefix("torch."), False)
        with torch.no_grad():
            for (name, own), saved in zip(self.module.named_parameters(), other.parameters(), strict=True):
                if own.shape != saved.shape:
                    raise ModelError(
                        f"{folder} has {name} of shape {tuple(saved.shape)}, this policy {tuple(own.shape)}; "
                        "give a folder of the same model"
                    )
                own.copy_(saved)

    def save(self, folder: Path, dtype: Dtype | None = None) -> None:
        """Write a complete Hugging Face folder in one atomic step; `dtype` rounds the saved copy, not this policy."""

        def write(fresh: Path) -> None:
            _without_progress_bars()
            state = None
            if dtype is not None:
                state = {name: tensor.to(getattr(torch, dtype)) for name, tensor in self.module.state_dict().items()}
            self.module.save_pretrained(fresh, state_dict=state)
            self.tokenizer.save_pretrained(fresh)
            image_settings.write_patch_format(fresh, self.chat.patches)

        folders.replace_folder(folder, write)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = self.module.device
        return device

    @property
    def context_length(self) -> int:
        """Most tokens that a context may hold."""
        length: int = self.module.config.get_text_config().max_position_embeddings
        return length

    @property
    def language(self) -> Any:
        """The language model without its head."""
        return self.module.model.language_model

    @property
    def never_sampled(self) -> tuple[int, ...]:
        """Tokens that `logits` shuts out; whoever samples elsewhere has to shut out the same."""
        return tuple(self._forbidden.nonzero()[:, 0].tolist())

    def weights(self) -> dict[str, Tensor]:
        """Parameters by their Hugging Face names, as `Generator.push_weights` takes them."""
        return dict(self.module.named_parameters())

    def encode_frames(self, frames: Sequence[Pixels]) -> list[Tensor]:
        """Visual tokens [cells, hidden] of each screenshot."""
        return vision.encode(self.module.model.visual, frames, self.chat.patches)

    def embed(self, ids: Tensor, features: Tensor) -> Tensor:
        """Input embeddings [B, L, hidden]; `features` [n, hidden] stand at the image tokens, in reading order."""
        embedded: Tensor = self.module.get_input_embeddings()(ids)
        places = (ids == self.chat.image_id)[..., None]
        return embedded.masked_scatter(places, features.to(embedded.dtype))

    def hidden_at(self, embedded: Tensor, positions: Tensor, places: Tensor) -> Tensor:
        """Final hidden states [B, Q, hidden] at `places` [B, Q] of right-padded contexts."""
        if language.fits(self.language):
            return language.forward(self.language, embedded, positions, places)
        hidden = self.language(inputs_embeds=embedded, position_ids=positions, use_cache=False).last_hidden_state
        return torch.gather(hidden, 1, places[..., None].expand(-1, -1, hidden.shape[-1]))

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits in float32 over the vocabulary, with the tokens that are never sampled shut out."""
        head: Tensor = self.module.lm_head(hidden)
        return head.float() + self._forbidden

    def reply_logprobs(self, trajectories: Sequence[Trajectory], temperature: float = 1.0) -> replies.ReplyLogprobs:
        """Log-probs, mask and entropy [B, T] of the sampled reply tokens; see `models.replies`."""
        return replies.reply_logprobs(self, trajectories, temperature)

    def behaviour_logprobs(self, trajectories: Sequence[Trajectory]) -> Tensor:
        """The log-probs [B, T] that the replies were sampled with, laid out like `reply_logprobs`."""
        return replies.behaviour_logprobs(trajectories).to(self.device)

    def _forbidden_logits(self) -> Tensor:
        rows = self.module.lm_head.weight.shape[0]
        barred = torch.zeros(rows, device=self.device)
        barred[len(self.tokenizer) :] = FORBIDDEN
        for token in NEVER_SAMPLED:
            number = self.tokenizer.convert_tokens_to_ids(token)
            if number is not None and number != self.tokenizer.unk_token_id:
                barred[number] = FORBIDDEN
        return barred


def _read_model(folder: Path, dtype: str, trust_remote_code: bool) -> Any:
    """The network of a model folder, complete, ready to sample with."""
    _without_progress_bars()
    reader: Any = Qwen2_5_VLForConditionalGeneration
    with _explaining(folder):
        model, report = reader.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            trust_remote_code=trust_remote_code,
            local_files_only=True,
            output_loading_info=True,
        )
    lacking = sorted([*report["missing_keys"], *report["mismatched_keys"]], key=str)
    if lacking:
        raise ModelError(
            f"{folder} lacks {len(lacking)} weights, such as {lacking[0]}; its files do not belong together, "
            "copy it again or give another model"
        )
    return model.eval()


@contextmanager
def _explaining(folder: Path) -> Iterator[None]:
    """Whatever a torn file makes safetensors, tokenizers or torch raise: the person needs the folder and the cure."""
    try:
        yield
    except Exception as error:
        raise ModelError(
            f"{folder} cannot be loaded ({type(error).__name__}: {error}); copy it again or give another model"
        ) from error


def _without_progress_bars() -> None:
    """A run's progress is told by its events; transformers' own bars would tear a terminal's lines apart."""
    bars: Any = transformers_logging
    bars.disable_progress_bar()
