"""What a report says about a comparison."""

from __future__ import annotations

from rulekd.distillation.comparison import SUBJECT, TITLES, Comparison
from rulekd.distillation.measures import VACUOUS
from rulekd.distillation.rules import Rules
from rulekd.distillation.verdict import Verdict, interval, together
from rulekd.report.contents import Arm, Report
from rulekd.report.provenance import augmented, mined, settings, surroundings, taught
from rulekd.report.verdicts import MEASURED, decisive
from rulekd.report.wording import percent, points, points_between, share_between

#: How each control is taught.
TAUGHT = {
    "labels": "on the labels of the told scenes",
    "soft": "on the teacher's answers about them",
    "soft+augmentation": "the same, inputs transformed by the laws",
    "soft+shuffled": "the same recipe, rules that the truth breaks",
}


def of_comparison(comparison: Comparison) -> Report:
    """The report of a comparison: its verdict, every arm, and the rules that it is about."""
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
            *mined(comparison.graph),
            ("taught by", taught(comparison.transfers)),
            ("training", f"{settings(comparison.training)}; the same for every arm"),
            ("told", f"{comparison.told} of {comparison.trained} scenes, a share of {comparison.share:g}"),
            ("seeds", ", ".join(map(str, comparison.seeds))),
            *surroundings(),
        ),
        notes=(*comparison.notes, *augmented(comparison.transfers)),
    )


def _arm(comparison: Comparison, name: str, ways: str) -> Arm:
    students = comparison.of(name)
    return Arm(
        TITLES[name],
        tuple(student.measures for student in students),
        tuple(student.history for student in students),
        tuple(dict.fromkeys(warning for student in students for warning in student.warnings)),
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
    """The verdict in a sentence, with the difference that decides it."""
    measure = comparison.measure
    controls = [one for one in comparison.differences() if one.base != "teacher"]
    values = comparison.values(SUBJECT, measure)
    said = f"{MEASURED[measure]} {_level(values)}" if values else "Nothing could be measured"
    if controls:
        word = together([one.verdict for one in controls])
        one = decisive(word, controls)
        how = {Verdict.BEATS: "it BEATS every control", Verdict.LOSES: "it LOSES to a control"}
        said += f"; {how.get(word, 'against the controls it is INCONCLUSIVE')}, by {points(one.mean)} points"
        said += f"{points_between(one.interval)} against {TITLES[one.base]}"
    beside = comparison.difference("teacher")
    if beside is not None:
        said += f"; against the teacher {beside.verdict.value}, {points(beside.mean)}{points_between(beside.interval)}"
    broken = comparison.values(SUBJECT, "violation")
    if broken:
        said += f". Rules violated {_level(broken)}; the teacher {percent(comparison.teacher.violation)}"
    if SUBJECT in comparison.vacuous:
        said += f". VACUOUS: under {VACUOUS:.0%} of the teacher's groundings put its rules to the test"
    return said + "."


def _level(values: tuple[float, ...]) -> str:
    return f"{percent(sum(values) / len(values))}{share_between(interval(values))}"


def _on(comparison: Comparison) -> str:
    seeds = f"{len(comparison.seeds)} seeds" if len(comparison.seeds) > 1 else "one seed, which proves nothing"
    return (
        f"{comparison.tested} scenes that nobody learned from; {seeds}. Each seed is told about {comparison.told} of "
        f"{comparison.trained} scenes, the same for every arm."
    )
