"""Synthesised sounds of LLP's twenty-five categories and of twelve more, of no category and of the background, in two domains."""

from avvp_lib.corpora.synthetic.sounds.catalogue import SOUND_CATEGORIES, ambience, colour, distractor_sound, sound
from avvp_lib.corpora.synthetic.sounds.styles import DOMAINS

__all__ = ["DOMAINS", "SOUND_CATEGORIES", "ambience", "colour", "distractor_sound", "sound"]
