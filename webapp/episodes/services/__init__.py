"""What an engine's events mean for groups, episodes, steps, frames and replay. Writes in bulk, once per batch."""

from webapp.episodes.services.frames import FrameRefused, missing_frames, open_frame, store_frame, store_frames
from webapp.episodes.services.recording import record_events

__all__ = ["FrameRefused", "missing_frames", "open_frame", "record_events", "store_frame", "store_frames"]
