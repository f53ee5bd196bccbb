"""Names of the published SelM checkpoints, and ours.

The released code keeps the alignment modules inside the backbone of one class and beside it in the other, and calls BCSM `tem_att` in
one of them. All six networks (two backbones, three settings) have one layout here.
"""

from __future__ import annotations

from torch import Tensor

from avvp_lib.models.selm_decoder import LEVELS
from avvp_lib.models.selm_encoders import PVT_NAMES, RESNET_NAMES, STAGES, UNUSED_BRANCH, renamed

ALIGNMENT = r"^(?:encoder_backbone\.)?DAM_Fusion{stage}\."
ATTENTION = r"fusion\.audio_visual_att\."

OFFICIAL_NAMES: tuple[tuple[str, str], ...] = (
    *(
        (ALIGNMENT.format(stage=stage) + theirs, f"encoder.alignment.{stage - 1}." + ours)
        for stage in range(1, STAGES + 1)
        for theirs, ours in (
            (r"fusion\.vis_project\.0\.", "visual.seen."),
            (ATTENTION + r"audio_value_conv\.0\.", "visual.heard."),
            (ATTENTION + r"vis_out\.0\.", "visual.weight."),
            (r"fusion\.out_conv\.0\.", "visual.out."),
            (r"gate\.", "visual.gate."),
            (ATTENTION + r"align_audio\.f_query\.0\.", "audio.query_down."),
            (ATTENTION + r"align_audio\.f_query2\.0\.", "audio.query_up."),
            (ATTENTION + r"align_audio\.f_key\.0\.", "audio.key."),
            (ATTENTION + r"vis_value_conv\.0\.", "audio.value."),
            (ATTENTION + r"audio_out\.0\.", "audio.attended."),
            (r"audio_out_conv\.0\.", "audio.out."),
        )
    ),
    (r"^audio_(proj|norm)\.", r"audio_token.\1."),
    *((rf"^in_proj{stage}\.", f"projections.{stage - 1}.") for stage in range(1, STAGES + 1)),
    (r"^(?:BCSM|tem_att)\.", "selection."),
    (r"^selection\.vis_linear\.(\d)\.", r"selection.v2a.stacks.\1.first."),
    (r"^selection\.video_(?:encoder|gated)\.(\d)\.", r"selection.v2a.stacks.\1."),
    (r"^selection\.audio_(?:encoder|gated)\.(\d)\.", r"selection.a2v.stacks.\1."),
    (r"^(selection\.\w+\.stacks\.\d)\.0\.", r"\1.gate."),
    (r"\.layernorm\.", ".norm."),
    (r"\.mamba_block\.", ".mixer."),
    (r"^decoder\.tokens\.weight$", "decoder.tokens"),
    (r"^decoder\.fuses\.(\d)\.fusion\.", r"decoder.fusions.\1.layers."),
    *((rf"^decoder\.cgattention{n}\.", f"decoder.layers.{n - 1}.questions.1.") for n in (1, 2, 3)),
    (r"^decoder\.layers\.(\d)\.positional_embedding$", r"decoder.layers.\1.questions.1.position"),
    (r"^decoder\.layers\.(\d)\.loadtoken\.cross_attn\.v_proj\.", r"decoder.layers.\1.questions.0.value."),
    (r"^decoder\.layers\.(\d)\.loadtoken\.cross_attn\.proj\.", r"decoder.layers.\1.questions.0.out."),
    (r"^decoder\.layers\.(\d)\.loadtoken\.normk\.", r"decoder.layers.\1.questions.0.norm_audio."),
    (r"^decoder\.layers\.(\d)\.(norm|mlp)\.", r"decoder.layers.\1.questions.0.\2."),
    (r"^decoder\.proj\.audio_linear\.", "decoder.head.kernel."),
    (r"^decoder\.proj\.vis\.1\.", "decoder.head.blocks.0."),
    (r"^decoder\.proj\.vis\.3\.", "decoder.head.blocks.1."),
    (r"^(decoder\.head\.blocks\.\d)\.1\.", r"\1.2."),
    (r"^(decoder\.head\.blocks\.\d)\.0\.", r"\1.1."),
    (r"^decoder\.proj\.vis\.[24]\.", "decoder.head.out."),
)
"""Names of the released modules to ours, all but the backbones': (pattern, replacement), tried in this order."""

DEAD_PREFIXES = (
    *(
        f"{backbone}DAM_Fusion{stage}.fusion.audio_visual_att.{name}"
        for backbone in ("", "encoder_backbone.")
        for stage in range(1, STAGES + 1)
        for name in ("vis_weight", "audio_weight", "align_vis.")
    ),
    *(
        f"decoder.layers.{layer}.loadtoken.{name}."
        for layer in range(LEVELS)
        for name in ("cross_attn.q_proj", "cross_attn.k_proj", "normq", "norm", "mlp")
    ),
    *(f"resnet.{branch}" for branch in UNUSED_BRANCH),
)
"""How released keys begin that no output depends on: never read, or read through a softmax over a single element."""

BODIES = {"resnet.": RESNET_NAMES, "encoder_backbone.": PVT_NAMES}


def our_name(key: str) -> str:
    """Our name of a released key; a key that no table knows stays as it is, and will be reported as unexpected."""
    ours = renamed(key, OFFICIAL_NAMES)
    for prefix, names in BODIES.items():
        if ours.startswith(prefix):
            return "encoder.backbone.body." + renamed(ours.removeprefix(prefix), names)
    return ours


def from_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Published weights under our names; shapes are the same.

    Raises:
        ValueError: two keys have one name here, as in a file that mixes two networks.
    """
    ours = {our_name(key): tensor for key, tensor in state.items()}
    if len(ours) < len(state):
        raise ValueError(f"{len(state) - len(ours)} of its keys have the same name here as another key")
    return ours
