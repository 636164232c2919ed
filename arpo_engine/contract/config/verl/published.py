"""What a key has when nobody writes it: the defaults of the published ARPO code (revision 7489ae3) and the values of
its base config `examples/config.yaml`; and the keys and the renamings of later EasyR1 (revision b44b311).

Plain data. Knows no verdicts.
"""

from __future__ import annotations

from typing import Any

_FSDP = {
    "enable_full_shard": True, "enable_cpu_offload": False, "enable_rank0_init": False, "use_orig_params": False,
    "torch_dtype": None, "fsdp_size": -1, "mp_param_dtype": "bf16", "mp_reduce_dtype": "fp32",
    "mp_buffer_dtype": "fp32",
}  # fmt: skip
_OFFLOAD = {"offload_params": False, "offload_optimizer": False}
_MODEL = {
    "model_path": None, "tokenizer_path": None, "enable_gradient_checkpointing": True, "trust_remote_code": True,
    "freeze_vision_tower": False,
}  # fmt: skip
_OPTIM = {
    "lr": 1e-6, "betas": [0.9, 0.999], "weight_decay": 1e-2, "strategy": "adamw", "lr_warmup_ratio": 0.0,
    "min_lr_ratio": None, "warmup_style": "constant",
}  # fmt: skip
_BATCHES = {
    "strategy": "fsdp", "global_batch_size": 256, "micro_batch_size_per_device_for_update": 4,
    "micro_batch_size_per_device_for_experience": 16, "max_grad_norm": 1.0, "ppo_epochs": 1, "padding_free": False,
    "ulysses_sequence_parallel_size": 1,
}  # fmt: skip


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys of a nested mapping; an empty mapping has none."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        found.update(flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value})
    return found


DEFAULTS: dict[str, Any] = flat(
    {
        "data": {
            "train_files": "", "val_files": "", "prompt_key": "prompt", "answer_key": "answer", "image_key": "images",
            "max_prompt_length": 512, "max_response_length": 512, "rollout_batch_size": 512, "val_batch_size": -1,
            "format_prompt": None, "shuffle": True, "seed": 1, "max_pixels": 4194304, "min_pixels": 262144,
        },
        "algorithm": {
            "gamma": 1.0, "lam": 1.0, "adv_estimator": "grpo", "disable_kl": False, "use_kl_loss": False,
            "kl_penalty": "kl", "kl_coef": 1e-3, "kl_type": "fixed", "kl_horizon": 0.0, "kl_target": 0.0,
            "enable_replay": False,
        },
        "worker": {
            "hybrid_engine": True,
            "actor": {
                **_BATCHES, "clip_ratio_low": 0.2, "clip_ratio_high": 0.3, "clip_ratio_dual": 3.0,
                "use_torch_compile": True, "model": _MODEL, "optim": _OPTIM, "fsdp": _FSDP, "offload": _OFFLOAD,
            },
            "critic": {
                **_BATCHES, "cliprange_value": 0.5, "model": _MODEL, "optim": _OPTIM, "fsdp": _FSDP,
                "offload": _OFFLOAD,
            },
            "ref": {"strategy": "fsdp", "fsdp": _FSDP, "offload": _OFFLOAD},
            "reward": {"reward_type": "function", "score_function": "math", "skip_special_tokens": True},
            "rollout": {
                "name": "vllm", "n": 1, "temperature": 1.0, "top_p": 1.0, "top_k": -1, "limit_images": 0,
                "dtype": "bf16", "gpu_memory_utilization": 0.6, "ignore_eos": False, "enforce_eager": False,
                "enable_chunked_prefill": False, "tensor_parallel_size": 2, "max_num_batched_tokens": 8192,
                "max_num_seqs": 1024, "disable_log_stats": True,
            },
        },
        "env": {"num_envs": 32, "max_steps": 15, "screen_size": [1920, 1080]},
        "trainer": {
            "total_episodes": 10, "max_steps": None, "project_name": "easy_r1", "experiment_name": "demo",
            "logger": ["console", "wandb"], "nnodes": 1, "n_gpus_per_node": 8, "critic_warmup": 0, "val_freq": -1,
            "val_before_train": True, "val_only": False, "val_generations_to_log": 0, "save_freq": -1, "save_limit": -1,
            "save_checkpoint_path": None, "load_checkpoint_path": None,
        },
    }
)  # fmt: skip

BASE_CONFIG_NAME = "examples/config.yaml"
PLACEHOLDER_TASKS = ("hiyouga/math12k@train", "hiyouga/math12k@test")
"""What the base config has for tasks, left over from EasyR1; every script of ARPO writes its own list."""
BASE_CONFIG: dict[str, Any] = flat(
    {
        "data": {
            "train_files": PLACEHOLDER_TASKS[0], "val_files": PLACEHOLDER_TASKS[1], "prompt_key": "problem",
            "answer_key": "answer", "image_key": "images", "max_prompt_length": 2048, "max_response_length": 2048,
            "rollout_batch_size": 512, "val_batch_size": -1, "shuffle": True, "seed": 1, "max_pixels": 4194304,
            "min_pixels": 262144,
        },
        "algorithm": {
            "adv_estimator": "grpo", "disable_kl": False, "use_kl_loss": True, "kl_penalty": "low_var_kl",
            "kl_coef": 1e-2,
        },
        "worker": {
            "actor": {
                "global_batch_size": 128, "micro_batch_size_per_device_for_update": 4,
                "micro_batch_size_per_device_for_experience": 16, "max_grad_norm": 1.0, "padding_free": True,
                "ulysses_sequence_parallel_size": 1,
                "model": {
                    "model_path": "Qwen/Qwen2.5-7B-Instruct", "enable_gradient_checkpointing": True,
                    "trust_remote_code": False, "freeze_vision_tower": False,
                },
                "optim": {"lr": 1e-6, "weight_decay": 1e-2, "strategy": "adamw", "lr_warmup_ratio": 0.0},
                "fsdp": {"enable_full_shard": True, "enable_cpu_offload": False, "enable_rank0_init": True},
                "offload": {"offload_params": True, "offload_optimizer": True},
            },
            "rollout": {
                "temperature": 1.0, "n": 5, "gpu_memory_utilization": 0.6, "enforce_eager": False,
                "enable_chunked_prefill": False, "tensor_parallel_size": 2, "limit_images": 0,
                "val_override_config": {"temperature": 0.5, "n": 1},
            },
            "ref": {
                "fsdp": {"enable_full_shard": True, "enable_cpu_offload": True, "enable_rank0_init": True},
                "offload": {"offload_params": False},
            },
            "reward": {"reward_type": "function", "score_function": "math", "skip_special_tokens": True},
        },
        "env": {"num_envs": 32, "screen_size": [1920, 1080]},
        "trainer": {
            "total_episodes": 15, "logger": ["console", "wandb"], "project_name": "easy_r1",
            "experiment_name": "qwen2_5_7b_math_grpo", "n_gpus_per_node": 8, "nnodes": 1, "val_freq": 5,
            "val_before_train": True, "val_only": False, "val_generations_to_log": 3, "save_freq": 5, "save_limit": 3,
            "save_checkpoint_path": None, "load_checkpoint_path": None,
        },
    }
)  # fmt: skip

SPELLINGS: dict[str, str] = {
    **{f"worker.{role}.ulysses_size": f"worker.{role}.ulysses_sequence_parallel_size" for role in ("actor", "critic")},
    "trainer.total_epochs": "trainer.total_episodes",
}
"""Later spelling -> the published one."""

TASK_LISTS: dict[str, int] = {
    "test_success_uitars1.5_wo_impossible": 128,
    "test_success_middle_difficult": 32,
    "test_all": 369,
    "test_nogdrive": 361,
    "test_small": 39,
}
"""Tasks in lists that are known by name; the second one was never published."""
