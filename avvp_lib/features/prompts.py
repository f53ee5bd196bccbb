"""The sentences that name each category to a text encoder, as VALOR (NeurIPS 2023) published them, slips included.

They are part of the published pseudo-labels: `vaccum` and `a acoustic guiter` stay, because correcting them moves the text embeddings
and with them every threshold. All dictionaries follow the category order of LLP.
"""

from __future__ import annotations

from avvp_lib.corpora.llp import LLP_CATEGORIES

CLIP_PROMPTS: dict[str, str] = {
    "Speech": "A photo of people talking.",
    "Car": "A photo of a car.",
    "Cheering": "A photo of people cheering.",
    "Dog": "A photo of a dog.",
    "Cat": "A photo of a cat.",
    "Frying_(food)": "A photo of frying food.",
    "Basketball_bounce": "A photo of people playing basketball.",
    "Fire_alarm": "A photo of a fire alarm.",
    "Chainsaw": "A photo of a chainsaw.",
    "Cello": "A photo of a cello.",
    "Banjo": "A photo of a banjo.",
    "Singing": "A photo of people singing.",
    "Chicken_rooster": "A photo of a chicken or a rooster.",
    "Violin_fiddle": "A photo of a violin.",
    "Vacuum_cleaner": "A photo of a vaccum cleaner.",
    "Baby_laughter": "A photo of a laughing baby.",
    "Accordion": "A photo of an accordion.",
    "Lawn_mower": "A photo of a lawnmower.",
    "Motorcycle": "A photo of a motorcycle.",
    "Helicopter": "A photo of a helicopter.",
    "Acoustic_guitar": "A photo of a acoustic guiter.",
    "Telephone_bell_ringing": "A photo of a ringing telephone.",
    "Baby_cry_infant_cry": "A photo of a crying baby.",
    "Blender": "A photo of a blender.",
    "Clapping": "A photo of hands clapping.",
}

_SOUND_NAMES = {
    "Chicken_rooster": "chicken, rooster",
    "Baby_cry_infant_cry": "baby cry, infant cry",
}

CLAP_PROMPTS: dict[str, str] = {
    category: f"This is a sound of {_SOUND_NAMES.get(category, category.replace('_', ' ').lower())}"
    for category in LLP_CATEGORIES
}

EMPTY_PICTURE = "A photo of nothing in particular."
EMPTY_SOUND = "This is a sound of background noise"
