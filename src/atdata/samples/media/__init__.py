"""Images, sound and video as values of fields: encoded files, decoded when asked for."""

from __future__ import annotations

from atdata.samples.media.audio import Audio, Waveform
from atdata.samples.media.encoded import Media, MediaType
from atdata.samples.media.image import Image
from atdata.samples.media.video import Video

MEDIA: dict[str, type[Media]] = {cls.family: cls for cls in (Image, Audio, Video)}
"""The types of values, by the first part of their media types."""

__all__ = ["MEDIA", "Audio", "Image", "Media", "MediaType", "Video", "Waveform"]
