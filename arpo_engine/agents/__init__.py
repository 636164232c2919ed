"""Agents: what a policy is told, and how its replies are read. One file per family of models."""

from arpo_engine.agents.qwen_vl import QwenVlAgent
from arpo_engine.agents.ui_tars import UiTarsAgent

__all__ = ["QwenVlAgent", "UiTarsAgent"]
