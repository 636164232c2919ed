"""Inside an engine process: vLLM itself. The only file of the engine that imports vLLM.

Runs in the environment that has vLLM (which need not be the trainer's), one process for each replica. Tokens come in
and tokens go out; weights come through vLLM's RL weight-transfer calls. Retries and other replicas are not known here.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import torch
import vllm
from PIL import Image
from safetensors import safe_open
from vllm import AsyncEngineArgs, AsyncLLMEngine, SamplingParams
from vllm.config import WeightTransferConfig
from vllm.distributed.weight_transfer import WeightTransferEngine, WeightTransferEngineFactory
from vllm.distributed.weight_transfer.base import (
    WeightTransferInitInfo,
    WeightTransferUpdateInfo,
    WeightTransferUpdateRequest,
)
from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead
from vllm.model_executor.model_loader.reload import finalize_layerwise_reload, initialize_layerwise_reload
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.exceptions import EngineDeadError

from arpo_engine.inference.vllm_desk import Desk, ModelGone
from arpo_engine.inference.vllm_wire import Ask, Done, EngineSettings, Frame, Push, Ready, Rest, Said

SHM = "shm"
FORBIDDEN = -1e9
"""As in the trainer's own log-probs (`models.policy`): the probability is exactly 0."""
CPU_KV_CACHE_GB = 1.0
GIB = 2**30


@dataclass
class NoInfo(WeightTransferInitInfo):
    """A file needs no rendezvous."""


@dataclass
class WeightFile(WeightTransferUpdateInfo):
    """Where the weights of one push lie."""

    path: str


class SharedMemoryTransfer(WeightTransferEngine[NoInfo, WeightFile]):
    """Weights by their Hugging Face names from a safetensors file in shared memory, on a CPU and on a GPU alike.

    They are taken layer by layer, as vLLM does for its own engines: on a CPU its linear layers are packed and hold no
    plain weight that could be written to.
    """

    init_info_cls = NoInfo
    update_info_cls = WeightFile

    def init_transfer_engine(self, init_info: NoInfo) -> None:
        """Nothing to agree upon."""

    def start_weight_update(self) -> None:
        """Make every layer ready to be loaded again."""
        initialize_layerwise_reload(self.model)

    def update_weights(self, update_info: dict[str, Any]) -> None:
        """As the base class, which waits for an accelerator that may not be there."""
        self.receive_weights(self.parse_update_info(update_info))
        if torch.accelerator.is_available():
            torch.accelerator.synchronize()

    def receive_weights(self, update_info: WeightFile) -> None:
        """Read the file, tensor by tensor."""
        with safe_open(update_info.path, framework="pt", device=str(self.device)) as file:
            self.model.load_weights((name, file.get_tensor(name)) for name in file.keys())  # noqa: SIM118 - no mapping

    def finish_weight_update(self) -> None:
        """Pack the layers."""
        finalize_layerwise_reload(self.model, self.model_config)
        if self.device.type != "cpu":
            return
        for layer in self.model.modules():
            if isinstance(layer, ParallelLMHead):
                # No weight of its own is loaded into a head that is tied to the embeddings. On a CPU it samples from a
                # packed copy of them, and vLLM would leave that as it was.
                layer.quant_method.process_weights_after_loading(layer)

    def shutdown(self) -> None:
        """Nothing is held."""


WeightTransferEngineFactory.register_engine(SHM, SharedMemoryTransfer)


class WorkerExtension:
    """Named to vLLM so that each of its workers imports this file, and with it knows `SharedMemoryTransfer`."""


def serve(connection: Connection, settings: EngineSettings) -> bool:
    """Load the model and answer until the trainer is gone (True) or vLLM's core is (False)."""
    return asyncio.run(_serve(connection, settings))


async def _serve(connection: Connection, settings: EngineSettings) -> bool:
    cpu = current_platform.is_cpu()
    llm = AsyncLLMEngine.from_engine_args(engine_args(settings, cpu=cpu), start_engine_loop=True)
    desk = Desk(connection, Engine(settings, llm, cpu=cpu))
    connection.send(Ready(device="cpu" if cpu else "cuda", version=vllm.__version__))
    return await desk.run()


def engine_args(settings: EngineSettings, *, cpu: bool) -> AsyncEngineArgs:
    """VLLM's own settings."""
    room_gb = settings.kv_cache_gb if settings.kv_cache_gb is not None or not cpu else CPU_KV_CACHE_GB
    return AsyncEngineArgs(
        model=settings.model,
        dtype=settings.dtype,
        max_model_len=settings.context_length,
        max_num_seqs=settings.max_parallel,
        tensor_parallel_size=settings.tensor_parallel,
        gpu_memory_utilization=settings.memory_share,
        kv_cache_memory_bytes=None if room_gb is None else int(room_gb * GIB),
        enable_prefix_caching=settings.prefix_caching,
        enforce_eager=settings.eager or cpu,
        enable_sleep_mode=settings.sleep and not cpu,
        limit_mm_per_prompt={"image": settings.max_images, "video": 0},
        skip_mm_profiling=cpu,
        # After temperature and mask, as the trainer computes them.
        logprobs_mode="processed_logprobs",
        generation_config="vllm",
        trust_remote_code=settings.trust_remote_code,
        disable_log_stats=True,
        worker_extension_cls=f"{__name__}.{WorkerExtension.__name__}",
        weight_transfer_config=WeightTransferConfig(backend=SHM),
    )


class Engine:
    """Implements `Model` with vLLM."""

    def __init__(self, settings: EngineSettings, llm: Any, *, cpu: bool) -> None:
        self._settings, self._llm, self._cpu = settings, llm, cpu
        self._bias = dict.fromkeys(settings.never_sampled, FORBIDDEN)
        self._version = 0
        self._asleep = False
        self._waking = asyncio.Lock()

    async def reply(self, ask: Ask, frames: list[Frame]) -> Said:
        """Sample one reply, by the ids of its whole context; vLLM reads only what it has not kept."""
        await self._wake()
        prompt = {
            "prompt_token_ids": list(ask.ids),
            "multi_modal_data": {"image": [Image.fromarray(pixels) for pixels in frames]},
        }
        try:
            async for output in self._llm.generate(prompt, self._sampling(ask), f"{ask.episode}/{ask.number}"):
                return self._said(ask, output)
        except EngineDeadError as error:
            raise ModelGone("vLLM's core has died") from error
        raise RuntimeError("vLLM ended a reply without giving it")

    async def take(self, push: Push) -> Done:
        """New weights in place, and every cache emptied before the next reply is read."""
        await self._wake()
        await self._llm.pause_generation(mode="wait")
        if push.update:
            await self._llm.start_weight_update()
            await self._llm.update_weights(WeightTransferUpdateRequest(update_info=dict(push.update)))
            await self._llm.finish_weight_update(str(push.version))
        else:
            await self._llm.update_weight_version(str(push.version))
        # Keys and values of older weights, and screenshots encoded by them: all three, or a request meets a half.
        if not await self._llm.reset_prefix_cache():
            raise RuntimeError("vLLM kept keys and values of older weights, although no reply is under way")
        await self._llm.reset_mm_cache()
        await self._llm.reset_encoder_cache()
        await self._llm.resume_generation()
        self._version = int(await self._llm.get_weight_version())
        return Done(number=push.number)

    async def rest(self, rest: Rest) -> Done:
        """Move the weights to the computer's memory and drop the caches; a CPU has nothing to give."""
        if self._cpu:
            return Done(number=rest.number, note="vLLM's CPU build has no sleep")
        if not self._asleep:
            await self._llm.sleep(level=1)
            self._asleep = True
        return Done(number=rest.number)

    async def _wake(self) -> None:
        async with self._waking:
            if self._asleep:
                await self._llm.wake_up()
                self._asleep = False

    def _sampling(self, ask: Ask) -> SamplingParams:
        return SamplingParams(
            temperature=ask.temperature,
            top_p=ask.top_p,
            max_tokens=ask.max_new_tokens,
            seed=ask.seed,
            logprobs=0,
            stop_token_ids=[self._settings.end_id],
            ignore_eos=True,
            logit_bias=self._bias,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    def _said(self, ask: Ask, output: Any) -> Said:
        read, said = len(output.prompt_token_ids), output.outputs[0]
        if read != ask.length:
            raise ValueError(
                f"vLLM read {read} tokens where the trainer counts {ask.length}; preprocessor_config.json of "
                f"{self._settings.model} gives the two different sizes of a screenshot"
            )
        return Said(
            number=ask.number,
            ids=tuple(said.token_ids),
            logprobs=tuple(of[token].logprob for of, token in zip(said.logprobs, said.token_ids, strict=True)),
            version=self._version,
            prompt_tokens=read,
            cached_tokens=output.num_cached_tokens or 0,
        )
