"""What a report says about a comparison."""

from __future__ import annotations

from kg import RulekdError
from rulekd.distillation.comparison import SUBJECT, TITLES, Comparison
from rulekd.distillation.ledger import VACUOUS
from rulekd.distillation.rules import Rules
from rulekd.distillation.verdict import Verdict, interval, together
from rulekd.report.contents import Arm, Report
from rulekd.report.provenance import Fact, augmented, mined, settings, surroundings, taught
from rulekd.report.verdicts import MEASURED, decisive
from rulekd.report.wording import percent, points, points_between, share_between
from rulekd.scenes import SceneSet

#: How each control is taught.
TAUGHT = {
    "labels": "on the labels of the told scenes",
    "soft": "on the teacher's answers about them",
    "soft+augmentation": "the same, inputs transformed by the laws",
    "soft+shuffled": "the same recipe, rules that the truth breaks",
}


def of_comparison(comparison: Comparison, scenes: SceneSet | None = None) -> Report:
    """The report of a comparison: its verdict, every arm, and the rules that it is about.

    scenes: those that were compared on, where they are at hand: their parts are told too.
    """
    parts = () if scenes is None else (_parts(comparison, scenes),)
    ways = ", ".join(transfer.name for transfer in comparison.transfers)
    teacher = Arm("teacher", (comparison.teacher,), about="the same for every seed")
    return Report(
        title="Comparison report",
        lines=(
            ("Asked", _asked(comparison, ways)),
            ("Came out", _came_out(comparison)),
            ("Judged on", _on(comparison)),
        ),
        arms=(teacher, *(_arm(comparison, name, ways) for name in comparison.arms)),
        comparison=comparison,
        graph=comparison.graph,
        plan=tuple(one for t in comparison.transfers if isinstance(t, Rules) for one in t.constraints.planned),
        facts=(
            *comparison.about.items(),
            *parts,
            *mined(comparison.graph),
            ("taught by", taught(comparison.transfers)),
            ("training", f"{settings(comparison.training)}; the same for every arm"),
            ("told", f"{comparison.told} of {comparison.trained} scenes, a share of {comparison.share:g}"),
            ("seeds", ", ".join(map(str, comparison.seeds))),
            *surroundings(),
        ),
        notes=(*comparison.notes, *augmented(comparison.transfers)),
    )


def _parts(comparison: Comparison, scenes: SceneSet) -> Fact:
    """How many scenes each part has; other scenes than those of the comparison are refused."""
    if scenes.fingerprint not in comparison.about.get("scenes", ""):
        raise RulekdError(
            f"these scenes have the fingerprint {scenes.fingerprint}; the comparison was made on "
            f"{comparison.about.get('scenes', 'others')}",
            hint="Pass the scenes that were compared on, or none.",
        )
    return "parts", ", ".join(f"{(scenes.parts == name).sum()} {name}" for name in ("train", "validate", "test"))


def _arm(comparison: Comparison, name: str, ways: str) -> Arm:
    students = comparison.of(name)
    return Arm(
        TITLES[name],
        tuple(student.measures for student in students),
        tuple(student.history for student in students),
        tuple(warning for student in students for warning in student.warnings),
        f"on {ways}" if name == SUBJECT else TAUGHT.get(name, ""),
        comparison.liveliness(name),
    )


def _asked(comparison: Comparison, ways: str) -> str:
    size = comparison.students[0].measures.parameters
    return (
        f"Is a student of {size:,} parameters that learns from {ways} better than the same student taught in other "
        f"ways, and than its teacher of {comparison.teacher.parameters:,} parameters?"
    )


def _came_out(comparison: Comparison) -> str:
    """The verdicts in sentences, each with the difference that decides it."""
    measure = comparison.measure
    values = comparison.values(SUBJECT, measure)
    said = [f"It reaches {_level(values)} {MEASURED[measure]}" if values else "Nothing could be measured"]
    controls = [one for one in comparison.differences() if one.base != "teacher"]
    if controls:
        word = together([one.verdict for one in controls])
        one = decisive(word, controls)
        how = {Verdict.BEATS: "it BEATS every control", Verdict.LOSES: "it LOSES to a control"}
        amount = f"{points(one.mean)} points{points_between(one.interval)} against {TITLES[one.base]}"
        said.append(f"{how.get(word, 'against the controls it is INCONCLUSIVE')}, {amount}")
    beside = comparison.difference("teacher")
    if beside is not None:
        how = {Verdict.BEATS: "it BEATS its teacher", Verdict.LOSES: "it LOSES to its teacher"}
        amount = f"{points(beside.mean)} points{points_between(beside.interval)}"
        said.append(f"{how.get(beside.verdict, 'against its teacher it is INCONCLUSIVE')}, {amount}")
    broken = comparison.values(SUBJECT, "violation")
    if broken:
        said.append(f"rules violated {_level(broken)}, by the teacher {percent(comparison.teacher.violation)}")
    if SUBJECT in comparison.vacuous:
        said.append(f"VACUOUS: under {VACUOUS:.0%} of the teacher's groundings put its rules to the test")
    return ". ".join(sentence[0].upper() + sentence[1:] for sentence in said) + "."


def _level(values: tuple[float, ...]) -> str:
    return f"{percent(sum(values) / len(values))}{share_between(interval(values))}"


def _on(comparison: Comparison) -> str:
    seeds = f"{len(comparison.seeds)} seeds" if len(comparison.seeds) > 1 else "one seed, which proves nothing"
    return (
        f"{comparison.tested} scenes that nobody learned from; {seeds}. Each seed is told about {comparison.told} of "
        f"{comparison.trained} scenes, the same for every arm."
    )
