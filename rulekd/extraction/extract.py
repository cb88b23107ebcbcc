"""What is called from outside: laws of facts, and of a network that is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version

import torch

from kg import ArityError, KnowledgeGraph, Provenance, RulekdError, Transform, Vocabulary, parse_transform
from rulekd.extraction.account import settled
from rulekd.extraction.families.transforms import DEFAULT_TRANSFORMS
from rulekd.extraction.mining import Request, Told, read
from rulekd.extraction.probing.counterexamples import Effort, hunted
from rulekd.extraction.probing.probes import probed
from rulekd.extraction.stopwatch import Report, Watch
from rulekd.facts import Facts
from rulekd.predictor import Predictor, labels_as_facts
from rulekd.scenes import SceneSet
from rulekd.scenes.objects import check_names_differ
from rulekd.scenes.transforms import unacted


def mine(
    facts: Facts,
    labels: Facts | None = None,
    *,
    tolerance: float | None = None,
    families: Sequence[str] | None = None,
    budget_seconds: float | None = None,
    progress: Report | None = None,
) -> KnowledgeGraph:
    """Read the laws out of truth tensors from anywhere.

    facts: what a network said, or what is given. labels: the truth about the same scenes, for the second ledger;
    their groups and names are those of the facts.
    tolerance: largest violation rate of a law; None = 10 % and what errors of the facts explain beside it, where
    undoubted facts do not refute the rule: ``evidence.tolerance`` says how much that was.
    The scenes are split by group into discovery (40 %) and confirmation with a fixed hash. Where too few units are left
    for any level, down to a single graph, rules that are no chance are listed with ``confirmed`` false.
    families: None = all, without what would take long (the notes say what that was). budget_seconds: cheap families
    come first; when the time is used up the others are not examined, and the notes say which. progress: told of the
    number of candidates before they are counted, and as they are.

    >>> import torch
    >>> x = torch.rand(60, 6, generator=torch.Generator().manual_seed(0))
    >>> graph = mine(Facts({"left_of": x[:, :, None] < x[:, None, :], "right_of": x[:, :, None] > x[:, None, :]}))
    >>> [rule.name for rule in graph.axioms()][:2]
    ['transitive(left_of)', 'inverse(left_of, right_of)']
    """
    for what, given in (("facts", facts), *([] if labels is None else [("labels", labels)])):
        if not isinstance(given, Facts):
            raise RulekdError(
                f"{what} are a {type(given).__name__}", hint="Give rulekd.Facts({'left_of': tensor, ...})."
            )
    _check_known("values", facts)
    check_names_differ(facts.names or ())
    notes: tuple[str, ...] = ()
    if labels is not None:
        labels, notes = matched(labels, facts)
    asked = Request.of(tolerance, families)
    facts, labels = _detached(facts), None if labels is None else _detached(labels)
    whole, watch = Told(facts, {}, labels, {}, None), Watch.of(progress, budget_seconds)
    return read(whole, asked, Provenance(source="mined"), notes, facts.vocabulary, watch)


def _detached(facts: Facts) -> Facts:
    """The facts without a gradient: rules are counted."""
    if not any(value.requires_grad for value in facts.values.values()):
        return facts
    return replace(facts, values={name: value.detach() for name, value in facts.values.items()})


def matched(labels: Facts, facts: Facts) -> tuple[Facts, tuple[str, ...]]:
    """The labels of what the facts speak of, on their device and under their groups and names; notes of what is not.

    Raises RulekdError where both are not about the same objects, scenes, units and predicates.
    """
    labels = labels.to(facts.objects.device)
    _check_known("labels", labels)
    if not torch.equal(labels.objects, facts.objects):
        raise RulekdError(
            f"labels of shape {tuple(labels.objects.shape)} and facts of shape {tuple(facts.objects.shape)} are not "
            "about the same objects",
            hint="Give both the same scenes, padding and mask.",
        )
    for title, theirs, own in (("names", labels.names, facts.names), ("group", labels.group, facts.group)):
        if theirs is None or (title == "names" and own is None):
            continue
        same = list(theirs) == list(own or ()) if title == "names" else torch.equal(labels.units, facts.units)
        if not same:
            raise RulekdError(
                f"labels and facts have different {title}: they are not about the same scenes in the same order",
                hint=f"Give both the same {title}, or the facts alone: labels take those of the facts.",
            )
    shared = [name for name in labels.values if name in facts.values]
    if not shared:
        raise RulekdError(
            f"labels speak of {', '.join(labels.values)}, and the facts of {', '.join(facts.values)}: of nothing both",
            hint="Call what they both mean by one name.",
        )
    for name in shared:
        if labels.values[name].dim() != facts.values[name].dim():
            raise ArityError(
                f"labels of {name!r} have shape {tuple(labels.values[name].shape)}, and its values "
                f"{tuple(facts.values[name].shape)}",
                hint="Give both as many object axes, or rename one of them.",
            )
    beyond = [
        f"labels of {name}: not read, the facts do not speak of it" for name in labels.values if name not in shared
    ]
    return replace(labels.only(shared), group=facts.group, names=facts.names), tuple(beyond)


def _check_known(what: str, facts: Facts) -> None:
    """Raise on a value that is no number and may be asked about."""
    for name, value in facts.values.items():
        bad = (torch.isnan(value) & facts.validity(name)).nonzero()
        if len(bad):
            raise RulekdError(
                f"{what} of {name!r} are nan in scene {facts.name(int(bad[0, 0]))!r}, objects {bad[0, 1:].tolist()}",
                hint="Look for a division by zero or an overflow where they come from.",
            )


def extract(
    teacher: Predictor,
    scenes: SceneSet,
    *,
    tolerance: float | None = None,
    families: Sequence[str] | None = None,
    transforms: Sequence[Transform | str] = DEFAULT_TRANSFORMS,
    seed: int = 0,
    hunt: Effort | None = None,
    probe: Effort | None = None,
    budget_seconds: float | None = None,
    progress: Report | None = None,
) -> KnowledgeGraph:
    """Ask a network about scenes, and read the laws that it obeys out of its answers.

    Scenes of the test part are dropped. The network is asked once about the scenes, and once about their image
    under each transform. Where scenes carry labels, each rule gets a second ledger, and a rule that holds in the
    network's answers but not in the data is kept as a habit, not confirmed.

    seed: of the random translation and scaling. hunt: look for made scenes that break the axioms. probe: make scenes in
    which rules are live that few given scenes speak of; both are kept apart from the evidence of the given scenes.
    tolerance, families: as for ``mine``; so is budget_seconds, which counts the asking too. A hunt and a probe have
    seconds of their own.
    """
    asked = Request.of(tolerance, families)
    started, watch = time.monotonic(), Watch.of(progress, budget_seconds)
    if not isinstance(teacher, Predictor):
        raise RulekdError(
            f"the teacher is a {type(teacher).__name__}",
            hint="Wrap it: rulekd.Predictor(network, vocabulary, inputs=...).",
        )
    if not isinstance(scenes, SceneSet):
        raise RulekdError(f"scenes are a {type(scenes).__name__}", hint="Give a SceneSet: rulekd.SceneSet(scenes).")
    teacher.dry_run(scenes)
    kept = scenes.select(torch.from_numpy(scenes.parts != "test"))
    notes = [f"{len(scenes) - len(kept)} of {len(scenes)} scenes belong to the test part and were not read"]
    if not len(kept):
        raise RulekdError(
            f"all {len(scenes)} scenes belong to the test part, which extraction never reads",
            hint="Pass the whole set; it is split by group.",
        )
    wanted = transforms if "transforms" in asked.families else ()
    whole = _asked(teacher, kept, wanted, seed, notes, watch)
    notes += settled(whole.facts)
    provenance = Provenance(
        source="mined",
        teacher=teacher.fingerprint,
        data=scenes.fingerprint,
        part="discover / confirm of train and validate",
        seed=seed,
        versions=(("rulekd", version("rulekd")), ("torch", torch.__version__)),
        queries=len(kept) * (1 + len(whole.images)),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    graph = read(
        whole,
        asked,
        provenance,
        tuple(notes),
        teacher.vocabulary,
        watch,
        kept,
        lambda made: teacher.facts(SceneSet(made)),
    )
    if probe is not None:
        graph = probed(graph, teacher, kept, probe, tolerance=asked.tolerance, progress=_told(progress, "probes"))
    if hunt is not None:
        graph = hunted(graph, teacher, kept, hunt, progress=_told(progress, "hunts"))
    return graph.with_notes(f"extraction took {time.monotonic() - started:.1f} s")


def _asked(
    teacher: Predictor,
    kept: SceneSet,
    transforms: Sequence[Transform | str],
    seed: int,
    notes: list[str],
    watch: Watch,
) -> Told:
    """What the network says about the scenes and their images, and the labels of both; what cannot be is noted."""
    labelled = _labels(kept, teacher.vocabulary)

    def ask(what: str, some: SceneSet) -> Facts:
        return teacher.facts(some, progress=lambda done: watch.tell(what, done, len(some)))

    said = ask("scenes", kept)
    undefined = [] if labelled is None else sorted(labelled.values.keys() - kept.definitions.keys())
    if undefined and transforms:
        notes.append(
            f"laws under transforms are not judged by labels: {', '.join(undefined[:3])}"
            f"{' and others' if len(undefined) > 3 else ''} have no definition to label a transformed scene by; "
            "SceneSet(..., definitions={name: formula}) gives one"
        )
    images, label_images = {}, {}
    for transform in [parse_transform(each) if isinstance(each, str) else each for each in transforms]:
        reason = _untestable(transform, kept)
        if reason:
            notes.append(f"under {transform}: not testable, {reason}")
            continue
        if watch.over:
            notes.append(f"under {transform}: not asked, the time was used up")
            continue
        moved = kept.transformed(transform, seed=seed)
        images[transform] = ask(f"under {transform}", moved)
        if labelled is not None and not undefined:
            label_images[transform] = labels_as_facts(moved, labelled.vocabulary)
    return Told(said, images, labelled, label_images, kept.scenes)


def _told(progress: Report | None, what: str) -> Callable[[int, int], None] | None:
    return None if progress is None else partial(progress, what)


def _labels(scenes: SceneSet, vocabulary: Vocabulary) -> Facts | None:
    """The labels of those predicates that the network speaks and the scenes have; None when there are none."""
    shared = {name: p for name, p in vocabulary.items() if name in scenes.scenes.labels}
    return labels_as_facts(scenes, Vocabulary(shared)) if shared else None


def _untestable(transform: Transform, scenes: SceneSet) -> str:
    """Why a transform cannot be asked about; empty when it can."""
    beyond = unacted(transform, scenes.scenes)
    return f"it does not act on {', '.join(beyond)}" if beyond else ""
