"""The tables of the four papers as experiments: which named experiment stands in which row. Data alone; `avvp_lib.tables` measures it.

    TABLES["mug/2"].rows[1]          # Row("wo/CMRC", "mug-zero-shot")

A row has the label that it has in the paper. Methods that nobody built here have rows without an experiment, and say why.
"""

from __future__ import annotations

from dataclasses import dataclass

NOT_BUILT = "this method is not among the models of this package"
OTHER_FEATURES = "the tutorial has one set of features; with the real corpus, run it with the profile paper-clip"
LOST_LABEL = "the text of the paper that we have lost this row's label"
UWAV = "UWAV's parser is not among the models; its labels are in ear/VI"


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        label: as in `avvp_lib.published`; not there if the paper's label is lost.
        experiment: name of a recipe, of a predictor or of a recipe of segmentation; None if there is none here.
        note: why there is none, or what is not as in the paper.
        worse: the paper's text says that it is worse than the reference, though it is lost which numbers are the row's.
        against: label of the row it is compared with, if not with the table's reference.
    """

    label: str
    experiment: str | None
    note: str = ""
    worse: bool = False
    against: str | None = None


@dataclass(frozen=True)
class Table:
    """A table that is an experiment.

    Attributes:
        name: "<paper>/<number as printed>".
        title: what it asks.
        reference: label of the row that the others are compared with, the paper's own method.
        rows: in the order of the paper.
        score: what the verdicts are about: "segment/Type", "mean/Type" or "M_J".
        settings: of audio-visual segmentation; none for parsing.
        repeats: the table with the same experiments in another form, which counts for the claims instead.
    """

    name: str
    title: str
    reference: str
    rows: tuple[Row, ...]
    score: str = "segment/Type"
    settings: tuple[str, ...] = ()
    repeats: str | None = None

    @property
    def experiments(self) -> tuple[str, ...]:
        """The names of its experiments, each once."""
        return tuple(dict.fromkeys(row.experiment for row in self.rows if row.experiment is not None))


def _of(experiments: dict[str, str]) -> tuple[Row, ...]:
    return tuple(Row(label, experiment) for label, experiment in experiments.items())


def _absent(*labels: str, note: str = NOT_BUILT) -> tuple[Row, ...]:
    return tuple(Row(label, None, note) for label in labels)


_MUG_WHOLE = "mug-combined-1"  # MUG's numbers are those of its Batch4
_EAR_WHOLE = "ear-ear-labels"
_CSE_WHOLE = "mm-cse-zero-shot"

_MUG = (
    Table(
        "mug/1",
        "MUG and the methods before it",
        "MUG",
        (
            Row("HAN", "han"),
            *_absent("MM-Pyr"),
            Row("MGN", "mgn-video-labels"),
            Row("JoMoLD", "jomold-video-labels"),
            *_absent("CMPAE", "DGSCT"),
            Row("VALOR", "valor-zero-shot"),
            *_absent("CM-PIE", "LEAP", "CoLeaF"),
            Row("MUG", _MUG_WHOLE),
            *_absent("MUG+", note=OTHER_FEATURES),
        ),
    ),
    Table(
        "mug/2",
        "what each module of MUG is worth",
        "MUG",
        (
            Row("MUG", _MUG_WHOLE),
            Row("wo/CMRC", "mug-zero-shot"),
            *(Row(f"wo/{module}", f"{_MUG_WHOLE}-without-{module.lower()}") for module in ("TSA", "AMF", "MFE", "PLSIM")),
        ),
    ),
    Table(
        "mug/3",
        "how many videos to generate",
        "Batch4",
        tuple(
            Row(f"Batch{batch}", f"mug-combined-{multiple}")
            for batch, multiple in enumerate(("0.25", "0.5", "0.75", "1", "2"), start=1)
        ),
    ),
    Table(
        "mug/4",
        "generated videos for other networks",
        "CMRC+HAN",
        tuple(
            Row(f"{prefix}{title}", f"{network}-{videos}", "learns from the labels that CMRC needs", against=f"CMRC+{title}")
            for network, title in (("han", "HAN"), ("mgn", "MGN"), ("jomold", "JoMoLD"))
            for prefix, videos in (("", "zero-shot"), ("CMRC+", "combined-1"))
        ),
    ),
    Table(
        "mug/5",
        "what runs along the sequence",
        "MUG",
        _of({"CNN": f"{_MUG_WHOLE}-convolution", "Transformer": f"{_MUG_WHOLE}-attention", "MUG": _MUG_WHOLE}),
    ),
)  # fmt: skip

_COMPARED = {"HAN": "han", "JoMoLD": "jomold-video-labels", "VALOR": "valor-zero-shot", "MM-CSE": _CSE_WHOLE}


def _compared(labels: str, own: dict[str, str]) -> tuple[Row, ...]:
    """Rows of a comparison with other methods, by labels with a comma between them."""
    known = _COMPARED | own
    return tuple(
        Row(label, known.get(label), "" if label in known else UWAV if label == "UWAV" else NOT_BUILT)
        for label in labels.split(", ")
    )


_LABEL_METHODS = _absent("HAN+PPL", "MA+PPL", "VAPLAN")
_LOST_LOSSES = "the paper lost the names of three rows; this is one of them"


def _structures(own: str) -> tuple[Row, ...]:
    return (
        Row("UWAV", "uwav-labels", against="UWAV+LM"),
        Row("UWAV+LM", "uwav-migration-labels"),
        Row("EAR w/o LM", "ear-without-migration-labels"),
        Row(own, "ear-labels"),
    )


def _losses(lost: tuple[str, ...]) -> tuple[Row, ...]:
    """Rows of Tables V and S-XIII: three have labels, three have lost them."""
    return (
        Row("lambda_a=0", "ear-without-migrated-audio-labels"),
        Row("without lambda_v", "ear-without-migrated-visual-labels", _LOST_LOSSES, worse=True),
        Row("lambda_a=0, lambda_v=0", "ear-without-migration-labels"),
        Row("without p_a^dyn p_v^sta", "ear-without-audio-dynamic-labels", _LOST_LOSSES, worse=True),
        Row("without p_a^sta p_v^dyn", "ear-without-visual-dynamic-labels", _LOST_LOSSES, worse=True),
        *_absent(*lost, note=LOST_LABEL),
        Row("complete loss function", "ear-labels"),
    )


def _modules(full: str) -> tuple[Row, ...]:
    return (
        Row("without AMDF", f"{_EAR_WHOLE}-without-amdf", "the paper lost the ticks of its rows 1 and 2", worse=True),
        Row("without ERM", f"{_EAR_WHOLE}-without-erm", "the paper lost the ticks of its rows 1 and 2", worse=True),
        *_absent("row 1", "row 2", note=LOST_LABEL),
        Row(full, _EAR_WHOLE),
    )


def _fusions(own: str) -> tuple[Row, ...]:
    return _of({"MSA+MCA": f"{_EAR_WHOLE}-symmetric", "HAN": f"{_EAR_WHOLE}-han-fusion", own: _EAR_WHOLE})


def _relations(own: str) -> tuple[Row, ...]:
    variants = {
        "Attention": "attention",
        "ERM A/V-AV": "first-uni-modal",
        "ERM w/o A/V": "without-uni-modal",
        "ERM w/o AV": "without-multi-modal",
    }
    return (*(Row(label, f"{_EAR_WHOLE}-{name}") for label, name in variants.items()), Row(own, _EAR_WHOLE))


def _sweep(rows: dict[str, str]) -> tuple[Row, ...]:
    note = "thresholds in steps that suit the corpus' teachers, see `generator_sweeps`"
    return tuple(
        Row(label, f"{name}-labels", note if label.startswith("tau") and name != "ear" else "")
        for label, name in rows.items()
    )


_EAR = (
    Table(
        "ear/I",
        "EAR and the methods before it, VGGish and ResNet features",
        "EAR (Ours)",
        _compared(
            "HAN, MA, JoMoLD, CoLeaf, VAPLAN, LSLD, SDDP, VALOR, MM-CSE, PPL, UWAV, EAR (Ours)",
            {"EAR (Ours)": _EAR_WHOLE},
        ),
    ),
    Table(
        "ear/II",
        "EAR and the methods before it, CLIP and CLAP features",
        "EAR (Ours)",
        _compared(
            "VALOR, LINK, VAPLAN, LSLD, TIPNet, NREP, MM-CSE, TeMTG, UWAV, EAR (Ours)", {"EAR (Ours)": _EAR_WHOLE}
        ),
        repeats="ear/I",  # on a corpus that has one set of features
    ),
    Table(
        "ear/III",
        "how good pseudo-labels are",
        "EAR(Ours)",
        (*_LABEL_METHODS, *_of({"VALOR": "pseudo-labels", "UWAV": "uwav-labels", "EAR(Ours)": "ear-labels"})),
    ),
    Table(
        "ear/IV",
        "structure and label migration of the generator",
        "EAR (Ours)",
        _structures("EAR (Ours)"),
        score="mean/Type",
    ),
    Table(
        "ear/V",
        "the terms of the generator's loss",
        "complete loss function",
        _losses(("row 3", "row 4", "row 5")),
        score="mean/Type",
    ),
    Table(
        "ear/VI",
        "what a parser learns from which labels",
        "EAR (Ours)",
        _of(
            {
                "HAN (VALOR)": "han-zero-shot",
                "HAN (UWAV)": "han-uwav-labels",
                "HAN (EAR)": "han-ear-labels",
                "EAR (Ours)": _EAR_WHOLE,
            }
        ),
        score="mean/Type",
    ),
    Table(
        "ear/VII", "what each module of EAR's parser is worth", "AMDF + ERM", _modules("AMDF + ERM"), score="mean/Type"
    ),
    Table("ear/VIII", "structures of the fusion", "AMDF(Ours)", _fusions("AMDF(Ours)"), score="mean/Type"),
    Table("ear/IX", "structures of the event relations", "ERM (Ours)", _relations("ERM (Ours)"), score="mean/Type"),
    Table(
        "ear/S-X",
        "EAR and nearly all methods before it",
        "Ours",
        _compared(
            "AVE, AVSDN, HAN, CMBS, MGN, CM-PIE, MA, MM-pyramid, CVCMS, JoMoLD, VAPLAN, LGFNet, DHHN, Rachavarapu et al., "
            "Xu et al., CMRN, AVFAS, CoLeaf, CMPAE, LEAP (HAN), LSLD, SDDP, VALOR, MM-CSE, PPL, LEAP (MM-pyramid), UWAV, Ours",
            {"MGN": "mgn-video-labels", "Ours": _EAR_WHOLE},
        ),
        repeats="ear/I",
    ),
    Table(
        "ear/S-XI",
        "how good pseudo-labels are",
        "EAR (Ours)",
        (*_LABEL_METHODS, *_of({"VALOR": "pseudo-labels", "UWAV": "uwav-labels", "EAR (Ours)": "ear-labels"})),
        repeats="ear/III",
    ),
    Table(
        "ear/S-XII",
        "structure and label migration of the generator",
        "EAR(Ours)",
        (Row("VALOR", "pseudo-labels"), *_structures("EAR(Ours)")),
        repeats="ear/IV",
    ),
    Table(
        "ear/S-XIII",
        "the terms of the generator's loss",
        "complete loss function",
        _losses(("row 2", "row 3", "row 4")),
        repeats="ear/V",
    ),
    Table(
        "ear/S-XIV",
        "what a parser learns from which labels",
        "ERM(Ours)",
        _of(
            {
                "HAN(VALOR)": "han-zero-shot",
                "HAN(UWAV)": "han-uwav-labels",
                "HAN(EAR)": "han-ear-labels",
                "ERM(Ours)": _EAR_WHOLE,
            }
        ),
        repeats="ear/VI",
    ),
    Table(
        "ear/S-XV",
        "what each module of EAR's parser is worth",
        "AMDF + ERM",
        _modules("AMDF + ERM"),
        repeats="ear/VII",
    ),
    Table("ear/S-XVI", "structures of the fusion", "AMDF(Ours)", _fusions("AMDF(Ours)"), repeats="ear/VIII"),
    Table("ear/S-XVII", "structures of the event relations", "ERM(Ours)", _relations("ERM(Ours)"), repeats="ear/IX"),
    Table(
        "ear/S-XVIII",
        "thresholds of label migration",
        "tau_a=0.98, tau_v=0.95",
        _sweep(
            {
                "tau_a=0.97, tau_v=0.95": "ear-lower-audio-threshold",
                "tau_a=0.99, tau_v=0.95": "ear-higher-audio-threshold",
                "tau_a=0.98, tau_v=0.92": "ear-much-lower-visual-threshold",
                "tau_a=0.98, tau_v=0.94": "ear-lower-visual-threshold",
                "tau_a=0.98, tau_v=0.96": "ear-higher-visual-threshold",
                "tau_a=0.98, tau_v=0.98": "ear-much-higher-visual-threshold",
                "tau_a=0.98, tau_v=0.95": "ear",
            }
        ),
    ),
    Table(
        "ear/S-XIX",
        "weights of the migrated labels",
        "lambda_a=0.05, lambda_v=0.15",
        _sweep(
            {
                "lambda_a=0, lambda_v=0.15": "ear-without-migrated-audio",
                "lambda_a=0.1, lambda_v=0.15": "ear-audio-weight-0.1",
                "lambda_a=0.15, lambda_v=0.15": "ear-audio-weight-0.15",
                "lambda_a=0.05, lambda_v=0.05": "ear-visual-weight-0.05",
                "lambda_a=0.05, lambda_v=0.25": "ear-visual-weight-0.25",
                "lambda_a=0.05, lambda_v=0.15": "ear",
            }
        ),
    ),
    Table(
        "ear/S-XX",
        "layers of the event relations",
        "3 layers",
        _of({"2 layers": f"{_EAR_WHOLE}-2-layers", "3 layers": _EAR_WHOLE, "4 layers": f"{_EAR_WHOLE}-4-layers"}),
    ),
)


_CAFD = ("mm-cse-mixed", "mm-cse-events", _CSE_WHOLE)
_CAFD_LABELS = ("EVE. ×, BG ×", "EVE. ✓, BG ×", "EVE. ✓, BG ✓")
_FGSE = {
    "full": _CSE_WHOLE,
    "w/o SECM": "mm-cse-without-secm",
    "w/o LGSF": "mm-cse-without-lgsf",
    "w/o intra-FGSE": "mm-cse-without-intra",
    "w/o cross-FGSE": "mm-cse-without-cross",
}
_LOSSES = {
    "1 (L_basic)": "mm-cse-basic-loss",
    "2 (L_basic, L_rec)": "mm-cse-reconstruction-loss",
    "3 (L_basic, L_ort)": "mm-cse-orthogonality-loss",
    "4 (L_basic, L_rec, L_ort)": "mm-cse-without-co-occurrence-loss",
    "5 (L_basic, L_rec, L_ort, L_ec)": _CSE_WHOLE,
}

_MM_CSE = (
    Table(
        "mm-cse/1",
        "MM-CSE and the methods before it",
        "MM-CSE (ours)",
        (
            *_compared("HAN, CVCMS, MA", {}),
            Row("MGN", "mgn-video-labels"),
            *_compared("MM-Pyr, JoMoLD, DHHN, CMPAE, LSLD, VALOR, MM-CSE (ours)", {"MM-CSE (ours)": _CSE_WHOLE}),
            *_absent("VALOR*", "MM-CSE* (ours)", note=OTHER_FEATURES),
        ),
    ),
    Table(
        "mm-cse/2",
        "decoupling the classes",
        f"3 ({_CAFD_LABELS[2]})",
        tuple(
            Row(f"{number} ({label})", experiment)
            for number, (label, experiment) in enumerate(zip(_CAFD_LABELS, _CAFD, strict=True), start=1)
        ),
        score="mean/Type",
    ),
    Table("mm-cse/3", "blocks and modes of the enhancement", "full", _of(_FGSE), score="mean/Type"),
    Table("mm-cse/4", "terms of the loss", tuple(_LOSSES)[-1], _of(_LOSSES), score="mean/Type"),
    Table(
        "mm-cse/5",
        "what it costs",
        "MM-CSE (ours)",
        _of({"VALOR": "valor-zero-shot", "MM-CSE (ours)": _CSE_WHOLE}),
        score="mean/Type",
        repeats="mm-cse/1",
    ),
    Table(
        "mm-cse/6",
        "weights of the loss",
        "λ1 0.1, λ2 0.1",
        (
            Row("λ1 0.1, λ2 0.1", _CSE_WHOLE),
            Row("λ1 0.5, λ2 0.5", "mm-cse-lambda-0.5"),
            Row("row 3", "mm-cse-lambda-1", "its label is lost; we take both weights as 1"),
        ),
    ),
    Table(
        "mm-cse/7",
        "MM-CSE and two related works",
        "MM-CSE(ours)",
        (*_absent("LFAV"), Row("MM-CSE(ours)", _CSE_WHOLE), *_absent("LEAP†", "MM-CSE(ours)†")),
    ),
    Table("mm-cse/8", "decoupling the classes", _CAFD_LABELS[2], _of(dict(zip(_CAFD_LABELS, _CAFD, strict=True))), repeats="mm-cse/2"),
    Table("mm-cse/9", "blocks and modes of the enhancement", "full", _of(_FGSE), repeats="mm-cse/3"),
    Table("mm-cse/10", "terms of the loss", tuple(_LOSSES)[-1], _of(_LOSSES), repeats="mm-cse/4"),
)  # fmt: skip

_BOTH = ("s4", "ms3")


def _selm(number: int, title: str, reference: str, rows: dict[str, str]) -> Table:
    return Table(f"selm/{number}", title, reference, _of(rows), "M_J", _BOTH)


_OTHERS = "3DC, AOT, AVSBench, CATR, AVSegformer"
_OTHERS_BINARY = "LVS, MSSL, 3DC, SST, iGAN, LGVT, AVSBench, AVS-BG, AUTR, AVSC, CATR, ECMVAE, AVSegformer"
_SELM = (
    Table("selm/1", "SelM and the methods before it, AVSS", "SelM",
          (*_absent(*_OTHERS.split(", ")), Row("SelM", "selm")), "M_J", ("avss",)),
    Table("selm/2", "SelM and the methods before it, S4 and MS3", "SelM",
          (*_absent(*_OTHERS_BINARY.split(", ")), Row("SelM", "selm")), "M_J", _BOTH),
    _selm(3, "what each module of SelM is worth", "SelM", {
        "w.o. BCSM": "selm-without-bcsm", "w.o. DAM": "selm-without-dam", "w.o. CLEVER": "selm-without-clever", "SelM": "selm"}),
    _selm(4, "early fusion", "DAM", {"Add": "selm-add", "Concat": "selm-concat", "DAM": "selm"}),
    _selm(5, "whom the decoder asks", "CLEVER", {
        "w.o. Audio CA": "selm-without-audio-attention", "w.o. Video CA": "selm-without-video-attention", "CLEVER": "selm"}),
    _selm(6, "directions of the early fusion", "DAM", {"A2V Block": "selm-dam-a2v", "V2A Block": "selm-dam-v2a", "DAM": "selm"}),
    _selm(7, "directions of the selection", "BCSM", {"A2V-SeM": "selm-bcsm-a2v", "V2A-SeM": "selm-bcsm-v2a", "BCSM": "selm"}),
    _selm(8, "terms of the loss", "+Aux", {"BCE": "selm-bce", "+DICE": "selm-bce-dice", "+Aux": "selm"}),
)  # fmt: skip

TABLES: dict[str, Table] = {table.name: table for table in (*_MUG, *_EAR, *_MM_CSE, *_SELM)}
"""All 43 tables, by name."""
