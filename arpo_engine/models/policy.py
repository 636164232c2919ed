"""The policy: a Qwen-VL with its tokenizer, loaded from and saved to a Hugging Face folder.

Everything that touches the weights goes through here: encoding screenshots, hidden states, logits. How replies are
sampled (inference/) and learnt from (trainer/) is not known here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from torch import Tensor
from transformers import AutoTokenizer
from transformers.utils import logging as transformers_logging

from arpo_engine.contract.config.learner import PassesConfig
from arpo_engine.contract.config.parts import ModelConfig
from arpo_engine.contract.errors import ModelError
from arpo_engine.models import folder as folders
from arpo_engine.models import image_settings, language, replies, vision
from arpo_engine.models.adapter_folder import merge_into
from arpo_engine.models.chat import NEVER_SAMPLED, ChatFormat
from arpo_engine.models.families import FAMILIES, Family
from arpo_engine.models.language import Deepstack
from arpo_engine.models.lora import Adapter
from arpo_engine.models.passes import through
from arpo_engine.models.patches import PatchFormat
from arpo_engine.models.recompute import stock_layers_recomputed
from arpo_engine.models.segments import Segments
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
        self.adapter: Adapter | None = None
        """What learns instead of the weights, where a run trains an adapter."""
        self.passes = PassesConfig()
        """What is computed at once when whole episodes are gone through."""
        self.passes_of_all: Callable[[int], int] | None = None
        """Where ranks share the weights: the most passes that any of them makes, of those that each makes by itself."""
        self._device: torch.device | None = None
        self._forbidden = self._forbidden_logits()

    @classmethod
    def load(
        cls,
        path: str | Path,
        dtype: Dtype = "float32",
        trust_remote_code: bool = False,
        max_pixels: int | None = None,
    ) -> Policy:
        """Read `builtin:pocket`, a Hugging Face folder or a hub name; an adapter's folder is merged into its model.
        With `max_pixels` it is shown screenshots of no more than that, if its own settings allow more.

        Raises:
            ModelError: it is missing, torn, or of a kind that is not trained here; the text says what to do.
        """
        folder = folders.locate(str(path))
        patches = image_settings.read_patch_format(folder).within(max_pixels)
        model = _read_model(folder, dtype, trust_remote_code)
        with _explaining(folder):
            tokenizer = AutoTokenizer.from_pretrained(
                folder, trust_remote_code=trust_remote_code, local_files_only=True
            )
        return cls(model, tokenizer, patches)

    def train_only(self, model: ModelConfig, seed: int) -> None:
        """Let only a part learn, as the config says: not the vision tower, or an adapter instead of any weight.

        Raises:
            ModelError: an adapter is wanted that this model or this installation cannot have.
        """
        if model.freeze_vision:
            self.module.model.visual.requires_grad_(False)
        if model.lora.rank:
            base = str(Path(model.path).resolve()) if Path(model.path).is_dir() else model.path
            vision = not model.freeze_vision
            self.adapter = Adapter(self.module, model.lora, base=base, vision=vision, seed=seed)

    def trained(self) -> list[Tensor]:
        """The parameters that learn, in the model's order."""
        return [weight for weight in self.module.parameters() if weight.requires_grad]

    def move_to(self, device: torch.device) -> None:
        """Bring all weights there and compute there."""
        self.module.to(device)
        self.computes_on(device)

    def computes_on(self, device: torch.device) -> None:
        """Passes run there from now on; whoever calls this brings the weights."""
        self._device = device
        self._forbidden = self._forbidden.to(device)

    def twin(self) -> Policy:
        """The same policy with weights of its own, so that one can be learnt with while the other samples."""
        twin = copy.copy(self)
        twin.module = copy.deepcopy(self.module)
        return twin

    def load_weights(self, folder: Path) -> None:
        """Take over what `save` wrote of a policy of the same shape, in place and exactly."""
        whole = not (folder / folders.ADAPTER_SETTINGS).is_file()
        if whole != (self.adapter is None):
            held, trained = ("whole weights", "an adapter") if whole else ("an adapter", "weights")
            raise ModelError(f"{folder} holds {held}, and this run trains {trained}; give model.lora as it was")
        if self.adapter is not None:
            self.adapter.load(folder)
            return
        other = _read_model(folders.locate(str(folder)), str(self.module.dtype).removeprefix("torch."), False)
        own, saved = dict(self.module.named_parameters()), dict(other.named_parameters())
        odd = sorted(set(own) ^ set(saved))
        if odd:
            whose = "this policy" if odd[0] in own else f"{folder}"
            raise ModelError(
                f"{folder} is another model: {len(odd)} weights are not in both, such as {odd[0]}, which only {whose} "
                "has; give a folder of the same model"
            )
        for name, weight in own.items():
            if weight.shape != saved[name].shape:
                raise ModelError(
                    f"{folder} has {name} of shape {tuple(saved[name].shape)}, this policy {tuple(weight.shape)}; "
                    "give a folder of the same model"
                )
        with torch.no_grad():
            for name, weight in own.items():
                weight.copy_(saved[name])

    def save(self, folder: Path, dtype: Dtype | None = None) -> None:
        """Write what was trained, in one atomic step, as a folder that `load` reads: a complete Hugging Face folder, or
        the adapter alone with the model's settings. `dtype` rounds the saved copy of weights, not this policy."""

        def write(fresh: Path) -> None:
            if self.adapter is None:
                self._write_weights(fresh, None if dtype is None else self.module.state_dict(), dtype)
            else:
                self.adapter.save(fresh)
                self.module.config.save_pretrained(fresh)
            self._write_settings(fresh)

        folders.replace_folder(folder, write)

    def export(self, folder: Path) -> None:
        """Write a complete Hugging Face folder in one atomic step, an adapter merged into its weights."""

        def write(fresh: Path) -> None:
            self._write_weights(fresh, None if self.adapter is None else self.adapter.merged_state(), None)
            self._write_settings(fresh)

        folders.replace_folder(folder, write)

    @property
    def family(self) -> Family:
        """What kind of model this is."""
        return FAMILIES[self.module.config.model_type]

    @property
    def device(self) -> torch.device:
        """Where passes are computed: where the weights are, unless `computes_on` said otherwise."""
        device: torch.device = self._device or self.module.device
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
    def fits_fast_pass(self) -> bool:
        """Whether `language.forward` computes what the stock language model computes."""
        levels = len(getattr(self.module.model.visual, "deepstack_visual_indexes", ()))
        return language.fits(self.language, levels)

    @property
    def never_sampled(self) -> tuple[int, ...]:
        """Tokens that `logits` shuts out; whoever samples elsewhere has to shut out the same."""
        return tuple(self._forbidden.nonzero()[:, 0].tolist())

    def weights(self) -> dict[str, Tensor]:
        """Parameters by their Hugging Face names, as `Generator.push_weights` takes them."""
        return dict(self.module.named_parameters())

    def plain_weights(self) -> dict[str, Tensor]:
        """The same for whoever knows the model but no adapter of ours: an adapter is merged into what it adapts."""
        if self.adapter is None:
            return self.weights()
        merged = self.adapter.merged_state()
        names = (name.replace(".base_layer.", ".") for name in self.weights() if ".lora_" not in name)
        return {name: merged[name] for name in names}

    def encode_frames(self, frames: Sequence[Pixels]) -> list[Tensor]:
        """Visual tokens of each screenshot, [cells, hidden] or with deepstack features behind them; see `vision`."""
        visual = self.module.model.visual
        learns = any(weight.requires_grad for weight in visual.parameters())
        # A frozen tower needs no activations: they would be the largest part of a step's memory.
        with torch.set_grad_enabled(learns and torch.is_grad_enabled()):
            recompute = self.passes.gradient_checkpointing
            return through(visual, vision.encode, visual, frames, self.chat.patches, recompute)

    def embed(self, ids: Tensor, features: Tensor) -> Tensor:
        """Input embeddings [B, L, hidden]; `features` [n, …] stand at the image tokens, in reading order."""
        embedded: Tensor = self.module.get_input_embeddings()(ids)
        places = (ids == self.chat.image_id)[..., None]
        return embedded.masked_scatter(places, features[..., : embedded.shape[-1]].to(embedded.dtype))

    def deepstack(self, ids: Tensor, features: Tensor) -> Deepstack | None:
        """What `features` add behind the first layers; None where they are visual tokens only."""
        levels = features.split(self.language.config.hidden_size, -1)[1:]
        if not levels:
            return None
        return Deepstack(places=(ids == self.chat.image_id).flatten().nonzero()[:, 0], features=levels)

    def hidden_at(
        self,
        embedded: Tensor,
        positions: Tensor,
        places: Tensor,
        deepstack: Deepstack | None = None,
        segments: Segments | None = None,
    ) -> Tensor:
        """Final hidden states [B, Q, hidden] at `places` [B, Q] of contexts, right-padded or in one row."""
        recompute = self.passes.gradient_checkpointing
        if self.fits_fast_pass:
            return language.forward(
                self.language,
                embedded,
                positions,
                places,
                deepstack=deepstack,
                segments=segments,
                recompute=recompute,
            )
        extra = {} if deepstack is None else _stock_deepstack(deepstack, embedded)
        if segments is not None:
            positions = torch.cat([segments.text_positions(embedded.device)[None], positions])
        with stock_layers_recomputed(self.language) if recompute else nullcontext():
            output = self.language(inputs_embeds=embedded, position_ids=positions, use_cache=False, **extra)
        hidden = output.last_hidden_state
        return torch.gather(hidden, 1, places[..., None].expand(-1, -1, hidden.shape[-1]))

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits in float32 over the vocabulary, with the tokens that are never sampled shut out."""
        head: Tensor = self.module.lm_head(hidden)
        return head.float() + self._forbidden

    def reply_logprobs(self, trajectories: Sequence[Trajectory], temperature: float = 1.0) -> replies.ReplyLogprobs:
        """Log-probs, mask and entropy [B, T] of the sampled reply tokens; see `models.replies`."""
        return through(self.module, replies.reply_logprobs, self, trajectories, temperature)

    def behaviour_logprobs(self, trajectories: Sequence[Trajectory]) -> Tensor:
        """The log-probs [B, T] that the replies were sampled with, laid out like `reply_logprobs`."""
        return replies.behaviour_logprobs(trajectories).to(self.device)

    def _write_weights(self, folder: Path, state: dict[str, Tensor] | None, dtype: Dtype | None) -> None:
        _without_progress_bars()
        if state is not None and dtype is not None:
            state = {name: tensor.to(getattr(torch, dtype)) for name, tensor in state.items()}
        self.module.save_pretrained(folder, state_dict=state)

    def _write_settings(self, folder: Path) -> None:
        self.tokenizer.save_pretrained(folder)
        image_settings.write_patch_format(folder, self.chat.patches, self.family)

    def _forbidden_logits(self) -> Tensor:
        rows = self.module.lm_head.weight.shape[0]
        barred = torch.zeros(rows, device=self.device)
        barred[len(self.tokenizer) :] = FORBIDDEN
        for token in NEVER_SAMPLED:
            number = self.tokenizer.convert_tokens_to_ids(token)
            if number is not None and number != self.tokenizer.unk_token_id:
                barred[number] = FORBIDDEN
        return barred


def _stock_deepstack(deepstack: Deepstack, embedded: Tensor) -> dict[str, Any]:
    """The same as the arguments of the stock language model."""
    marked = torch.zeros(embedded.shape[0] * embedded.shape[1], dtype=torch.bool, device=embedded.device)
    marked[deepstack.places] = True
    return {
        "visual_pos_masks": marked.view(embedded.shape[:2]),
        "deepstack_visual_embeds": list(deepstack.features),
    }


def _read_model(folder: Path, dtype: str, trust_remote_code: bool) -> Any:
    """The network of a model folder, complete, ready to sample with."""
    folders.root_of(folder)  # whatever is missing below it is told before anything is read
    base = folders.base_of(folder)
    if base is not None:
        model = _read_model(base, dtype, trust_remote_code)
        merge_into(model, folder)
        return model
    _without_progress_bars()
    reader: Any = getattr(transformers, folders.family_of(folder).architecture)
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
