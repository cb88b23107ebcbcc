"""What the arms of a comparison have in common, and how each of them teaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from kg import Rule, RulekdError
from rulekd.constraints import trainable
from rulekd.distillation.calibration import calibrate
from rulekd.distillation.comparison import SUBJECT, TITLES
from rulekd.distillation.controls import shuffled
from rulekd.distillation.distill import grouped, labels_of, part_of, tying_laws
from rulekd.distillation.labels import Labels
from rulekd.distillation.material import Material, Rows
from rulekd.distillation.rules import Rules
from rulekd.distillation.run import describe_transfer
from rulekd.distillation.soft_labels import SoftLabels
from rulekd.distillation.trainer import Training
from rulekd.distillation.transfers import Targets, Transfer
from rulekd.facts import Facts
from rulekd.predictor import Predictor
from rulekd.scenes import SceneSet


@dataclass(frozen=True)
class Arm:
    """One way of teaching.

    of: its transfers, for a seed. own: do they differ from seed to seed? others: does it see scenes without targets?
    """

    name: str
    of: Callable[[int], Sequence[Transfer]]
    own: bool = False
    others: bool = False

    @property
    def title(self) -> str:
        """What it is called in tables."""
        return TITLES[self.name]


@dataclass(frozen=True)
class Lesson:
    """Scenes, answers and arms.

    train, held, test: parts of the scenes; thresholds are chosen on the held ones. labels: of the train part. soft,
    decisions: what the teacher says about the train part and the held one. training: with its number of steps, the
    same for every arm. notes: what a reader must know, controls that cannot be made among it.
    """

    teacher: Predictor
    train: SceneSet
    held: SceneSet
    test: SceneSet
    labels: Facts | None
    soft: Facts
    decisions: Facts
    arms: tuple[Arm, ...]
    share: float
    training: Training
    about_scenes: str
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        teacher: Predictor,
        student: Predictor,
        scenes: SceneSet,
        transfers: Sequence[Transfer],
        share: float,
        training: Training,
    ) -> Lesson:
        """Check everything, and ask the teacher, once."""
        if not transfers:
            raise RulekdError("the list of transfers is empty", hint="Pass [SoftLabels(), Rules(graph)], say.")
        if not 0 < share <= 1:
            raise RulekdError(f"a share of {share}", hint="Give a share above 0, up to 1.")
        train, held, test = (part_of(scenes, name) for name in ("train", "validate", "test"))
        for name, some in (("train", train), ("test", test)):
            if not len(some):
                raise RulekdError(
                    f"none of the {len(scenes)} scenes is in the {name} part",
                    hint="Pass the whole set, of more groups; it is split by group.",
                )
        teacher.dry_run(train)
        student.dry_run(train)
        notes = []
        if not len(held):
            held = train
            notes.append("the validate part is empty: thresholds were chosen on the train part")
        labels = labels_of(train, student)
        if labels is None:
            notes.append("the scenes have no labels: no arm learns from labels, and shuffled rules cannot be made")
        soft = teacher.facts(train)
        given = tuple(grouped(transfers, soft))
        made = cls(
            teacher=teacher,
            train=train,
            held=held,
            test=test,
            labels=labels,
            soft=soft,
            decisions=teacher.facts(held),
            arms=_arms(given, student, labels is not None, train, soft.exclusive, notes),
            share=share,
            training=training,
            about_scenes=f"{scenes.source}, fingerprint {scenes.fingerprint}",
            notes=tuple(notes),
        )
        steps = made.material(made.arms[-1], [0]).steps_for_all(training.batch_size) * training.epochs
        return replace(made, training=replace(training, steps=training.steps or steps))

    @property
    def rules(self) -> list[Rule]:
        """The axioms that the subject is trained on."""
        return [rule for t in self.arms[-1].of(0) if isinstance(t, Rules) for rule in trainable(t.graph)]

    def rows(self, seed: int) -> Rows:
        """Which scenes of the train part a seed is told about, and which are left."""
        return Rows(*self.train.divided(self.share, seed))

    def material(self, arm: Arm, seeds: Sequence[int]) -> Material:
        """What an arm learns from, a run a seed."""

        def seen(rows: Rows) -> Rows:
            return rows if arm.others else Rows(rows.taught, rows.others[:0])

        return Material(
            self.train.scenes.with_labels({}),
            None if self.labels is None else Targets.of(self.labels),
            Targets.of(self.soft),
            tuple(seen(self.rows(seed)) for seed in seeds),
        )

    def training_of(self, arm: Arm) -> Training:
        """The same number of scenes with targets a step in every arm."""
        if self.share == 1 or arm.others:
            return self.training
        return replace(self.training, batch_size=max(1, self.training.batch_size // 2))

    def calibrate_(self, student: Predictor, arm: Arm, seed: int) -> None:
        """Set the student's thresholds, in place. Shuffled laws tie none: that would be a handicap of its own."""
        laws = () if arm.own else tying_laws(arm.of(seed))
        student.thresholds = calibrate(student.facts(self.held), self.decisions, laws)

    def key(self, student: Predictor) -> dict[str, Any]:
        """What decides the outcome, as plain values."""
        return {
            "arms": {arm.name: [describe_transfer(t) for t in arm.of(0)] for arm in self.arms},
            "training": asdict(self.training),
            "share": self.share,
            "scenes": self.about_scenes,
            "teacher": self.teacher.fingerprint,
            "student": [f"{name} {tuple(t.shape)}" for name, t in student.module.state_dict().items()],
        }

    def about(self) -> Mapping[str, str]:
        """Where data and teacher come from."""
        return {
            "scenes": self.about_scenes,
            "teacher": f"{self.teacher.parameters:,} parameters, fingerprint {self.teacher.fingerprint}",
        }


def _arms(
    transfers: Sequence[Transfer],
    student: Predictor,
    labelled: bool,
    train: SceneSet,
    exclusive: tuple[tuple[str, ...], ...],
    notes: list[str],
) -> tuple[Arm, ...]:
    """The controls that can be made, and the subject; of the others the notes tell."""
    soft = next((t for t in transfers if isinstance(t, SoftLabels)), SoftLabels(groups=exclusive))
    rules = next((t for t in transfers if isinstance(t, Rules)), None)
    arms = [Arm("labels", lambda seed: [Labels()])] if labelled else []
    arms.append(Arm("soft", lambda seed: [soft]))
    if rules is None:
        notes.append("no rules are among the transfers: there is nothing to shuffle or to augment by")
    else:
        rules.check_geometry(train.scenes.select([0]))
        if rules.of_geometry:
            notes.append(
                f"{len(rules.of_geometry)} rules speak of geometry: where boxes are known they label scenes that "
                "nobody labelled, in the judged arm only"
            )
        alone = replace(rules, weight=0.0, augment=True)
        if alone.augmentation(list(student.vocabulary)) is not None:
            arms.append(Arm("soft+augmentation", lambda seed: [soft, alone]))
        else:
            notes.append("the rules hold no law under a transform: there is no augmentation to stand alone")
        if labelled:
            # the others of the subject stay as they are: only what the rules say is changed
            kept = [t for t in transfers if not isinstance(t, Rules)]
            wanted = trainable(rules.graph)

            @cache
            def drawn(seed: int) -> Rules:
                return replace(rules, graph=tuple(shuffled(wanted, train, seed)))

            try:
                count = len(trainable(drawn(0).graph))
            except RulekdError as error:
                notes.append(f"no control with shuffled rules: {error.message}")
            else:
                arms.append(Arm("soft+shuffled", lambda seed: [*kept, drawn(seed)], own=True, others=True))
                if count < len(wanted):
                    notes.append(f"{count} of {len(wanted)} rules have a shuffled counterpart that the truth breaks")
    arms.append(Arm(SUBJECT, lambda seed: transfers, others=rules is not None))
    return tuple(arms)
