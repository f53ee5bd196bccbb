"""What the full-size CLIP and CLAP make of sentences: the other half of VALOR's zero-shot labels.

    text, scale = clip_text()                                                        # (25, 768) unit vectors, exp(logit scale)
    logits = text_similarity(clip_features, text, scale)                             # (N, 10, 25); a label where above the threshold

`text_similarity` is the one of `avvp_lib.pseudo_labels`, and `zero_shot_labels` there applies VALOR's thresholds and the video
labels. Pictures are the features of the backbone "clip", sounds those of "clap-seconds". CLIP is one network with that backbone; CLAP's
two towers are built apart, from one file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from avvp_lib.features.prompts import CLAP_PROMPTS, CLIP_PROMPTS
from avvp_lib.features.published_clap import CLAP_630K_FUSION, EMBEDDING
from avvp_lib.features.published_vision import CLIP_ARCHITECTURE, CLIP_VIT_L_14, load_clip
from avvp_lib.features.weight_files import (
    FOLDER_VARIABLE,
    HubFile,
    MissingWeights,
    file_key,
    find_weights,
    load_into,
    read_state,
)
from avvp_lib.weights import CheckpointError

VOCABULARY = HubFile("FacebookAI/roberta-base", "vocab.json")
MERGES = HubFile("FacebookAI/roberta-base", "merges.txt")
CONTEXT = 77
HEAD_WIDTH = 64
PADDING_TOKEN = 1
SENTENCES_AT_A_TIME = 32


@torch.no_grad()
def clip_text(
    sentences: Sequence[str] = tuple(CLIP_PROMPTS.values()),
    weights: Path | None = None,
    device: str = "cpu",
    download: bool = False,
    architecture: str = CLIP_ARCHITECTURE,
) -> tuple[np.ndarray, float]:
    """CLIP's embeddings of sentences, in the space of the backbone "clip".

    Args:
        sentences: C of them; by default VALOR's for LLP's 25 categories.
        weights, device, download: as for `build_published`, which says what is raised.
        architecture: an open_clip model.

    Returns:
        (C, 768) float32 unit vectors, and exp(logit scale), by which VALOR multiplies cosines.

    Raises:
        ValueError: no sentence.
    """
    from open_clip import get_tokenizer

    _check_sentences(sentences)
    network = load_clip(find_weights(CLIP_VIT_L_14, weights, download), device, architecture)
    tokens = get_tokenizer(architecture)(list(sentences)).to(device)
    text = torch.cat([network.encode_text(part, normalize=True) for part in tokens.split(SENTENCES_AT_A_TIME)])
    return text.cpu().numpy(), network.logit_scale.exp().item()


@torch.no_grad()
def clap_text(
    sentences: Sequence[str] = tuple(CLAP_PROMPTS.values()),
    weights: Path | None = None,
    tokenizer: Path | None = None,
    device: str = "cpu",
    download: bool = False,
) -> tuple[np.ndarray, float]:
    """CLAP's embeddings of sentences, in the space of the backbone "clap-seconds".

    Args:
        sentences: C of them; by default VALOR's for LLP's 25 categories.
        weights, device, download: as for `build_published`, which says what is raised.
        tokenizer: a folder with RoBERTa's vocab.json and merges.txt; without it $AVVP_WEIGHTS/roberta-base and the hub's cache are
            searched.

    Returns:
        (C, 512) float32 unit vectors, and exp(logit_scale_a), by which VALOR multiplies cosines.

    Raises:
        ValueError: no sentence.
        MissingWeights: no tokenizer.
        CheckpointError: the tokenizer has another vocabulary than the checkpoint.
    """
    _check_sentences(sentences)
    path = find_weights(CLAP_630K_FUSION, weights, download)
    network = _load_clap_text(*file_key(path), str(device))
    words = _load_tokenizer(_tokenizer_folder(tokenizer, download), network.vocabulary, path)
    tokens = words(list(sentences), padding="max_length", truncation=True, max_length=CONTEXT, return_tensors="pt")
    parts = zip(
        *(tokens[name].to(device).split(SENTENCES_AT_A_TIME) for name in ("input_ids", "attention_mask")), strict=True
    )
    text = torch.cat([network(ids, mask) for ids, mask in parts])
    return text.cpu().numpy(), network.logit_scale_a.exp().item()


def _check_sentences(sentences: Sequence[str]) -> None:
    if isinstance(sentences, str) or not len(sentences):
        raise ValueError("sentences must be a sequence of at least one sentence")


class ClapText(nn.Module):
    """CLAP's text tower and its projection; keys as in a checkpoint of laion_clap: text_branch.*, text_projection.*, logit_scale_a.

    RoBERTa's sizes are those of the checkpoint; its heads are 64 wide.
    """

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        from transformers import RobertaConfig, RobertaModel

        self.vocabulary, width = state["text_branch.embeddings.word_embeddings.weight"].shape
        layers = {key.split(".")[3] for key in state if key.startswith("text_branch.encoder.layer.")}
        self.text_branch = RobertaModel(
            RobertaConfig(
                vocab_size=self.vocabulary,
                hidden_size=width,
                num_hidden_layers=len(layers),
                num_attention_heads=width // HEAD_WIDTH,
                intermediate_size=len(state["text_branch.encoder.layer.0.intermediate.dense.bias"]),
                max_position_embeddings=len(state["text_branch.embeddings.position_embeddings.weight"]),
                type_vocab_size=1,
                layer_norm_eps=1e-5,
                pad_token_id=PADDING_TOKEN,
            )
        )
        self.text_projection = nn.Sequential(nn.Linear(width, EMBEDDING), nn.ReLU(), nn.Linear(EMBEDDING, EMBEDDING))
        self.logit_scale_a = nn.Parameter(torch.zeros(()))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(n, L) token numbers and (n, L), 1 where there is a token -> (n, 512) unit vectors."""
        pooled = self.text_branch(input_ids=tokens, attention_mask=mask).pooler_output
        return nn.functional.normalize(self.text_projection(pooled), dim=-1)


@lru_cache(maxsize=1)
def _load_clap_text(path: Path, modified: int, size: int, device: str) -> ClapText:
    parts = ("text_branch.", "text_projection.", "logit_scale_a")
    state = {
        key: tensor
        for key, tensor in read_state(path).items()
        if key.startswith(parts) and not key.endswith("position_ids")  # counted up by newer versions of transformers
    }
    try:
        network = ClapText(state)
    except KeyError as error:
        raise CheckpointError(f"{path} has no text tower of CLAP with RoBERTa: {error} is missing") from error
    return load_into(network, state, path, "CLAP's text tower").to(device)


def _tokenizer_folder(explicit: Path | None, download: bool) -> Path:
    """The first folder that holds both files of RoBERTa's tokenizer."""
    weights = os.environ.get(FOLDER_VARIABLE)
    folders = [Path(explicit)] if explicit is not None else [Path(weights) / "roberta-base"] if weights else []
    if explicit is None:
        cached = [HubFile(name, VOCABULARY.name).cached() for name in (VOCABULARY.repository, "roberta-base")]
        folders += [path.parent for path in cached if path is not None]
    for folder in folders:
        if all((folder / file.name).is_file() for file in (VOCABULARY, MERGES)):
            return folder
    if download and explicit is None:
        MERGES.fetch()
        return VOCABULARY.fetch().parent
    searched = f" in {explicit}" if explicit is not None else " on this machine"
    raise MissingWeights(
        f"there are no {VOCABULARY.name} and {MERGES.name} of RoBERTa's tokenizer{searched}: get both (2 MB) from "
        f"{VOCABULARY.url.rpartition('/')[0]} and put them into roberta-base/ in the folder that ${FOLDER_VARIABLE} names, "
        "or give the folder that they are in"
    )


def _load_tokenizer(folder: Path, vocabulary: int, weights: Path):
    from transformers import RobertaTokenizer

    tokenizer = RobertaTokenizer.from_pretrained(str(folder), local_files_only=True)
    if len(tokenizer) != vocabulary:  # transformers makes a tokenizer of five words from files that it cannot find
        raise CheckpointError(
            f"the tokenizer in {folder} knows {len(tokenizer)} tokens, {weights} was trained with {vocabulary}"
        )
    return tokenizer
