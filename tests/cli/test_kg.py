"""`rulekd kg`: what it lists, what it changes in the file, and that it is quick."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kg import (
    Choice,
    Definition,
    Evidence,
    KnowledgeGraph,
    Ledger,
    Provenance,
    Rule,
    Status,
    Threshold,
    Vocabulary,
    parse,
)
from tests.cli.shell import assert_refused, fresh_rulekd, rulekd, seconds_of_a_process

WORDS = Vocabulary({"left_of": 2, "right_of": 2, "near": 2})
INVERSE, TRANSITIVE = "left_of(a, b) <-> right_of(b, a)", "left_of(a, b) & left_of(b, c) -> left_of(a, c)"
FOLLOWS, SYMMETRIC = "right_of(a, b) & right_of(b, c) -> right_of(a, c)", "near(a, b) -> near(b, a)"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Four rules: two mined ones with evidence, one that follows from them, one written by hand."""
    seen = Evidence(teacher=Ledger(200, 1, 40, 0.01, (0.001, 0.04)), tolerance=0.02, confirmed=True, examined=7)
    doubtful = Evidence(teacher=Ledger(10, 4, 3, 0.4, (0.1, 0.8)), tolerance=0.02)
    rules = [
        Rule(parse(INVERSE), evidence=seen),
        Rule(parse(TRANSITIVE), evidence=doubtful),
        Rule(parse(FOLLOWS), evidence=seen),
        Rule(parse(SYMMETRIC), status=Status.ACCEPTED),
    ]
    path = tmp_path / "rooms.kg.json"
    KnowledgeGraph(WORDS, rules).with_entailment().save(path)
    return path


def test_lists_axioms_and_on_request_all(file: Path) -> None:
    graph = KnowledgeGraph.load(file)
    hidden = [rule.name for rule in graph.rules() if rule.entailed]
    assert len(hidden) == 1
    listed = rulekd("kg", "list", file)
    assert (listed.code, listed.err) == (0, "")
    assert hidden[0] not in listed.out
    assert "1 more follow from these: --all lists them" in listed.out
    assert "0.10 to 4.00 %" in listed.out
    every = rulekd("kg", "list", file, "--all").out
    assert hidden[0] in every
    doubtful = next(line for line in every.splitlines() if " transitive(left_of) " in line)
    assert doubtful.endswith("not confirmed")


def test_json_is_the_promised_object(file: Path) -> None:
    rules = rulekd("kg", "list", file, "--json", "--all").value["rules"]
    assert len(rules) == 4
    keys = "id name text confidence rate interval support status kind confirmed tolerance entailed_by"
    assert [" ".join(rule) for rule in rules] == [keys] * 4
    inverse = next(rule for rule in rules if rule["text"] == INVERSE)
    assert inverse["confidence"] == 199 / 200
    assert (inverse["rate"], inverse["interval"], inverse["support"]) == (0.01, [0.001, 0.04], 200)
    assert (inverse["status"], inverse["confirmed"]) == ("suggested", True)
    by_hand = next(rule for rule in rules if rule["text"] == SYMMETRIC)
    assert (by_hand["rate"], by_hand["interval"], by_hand["status"]) == (None, None, "accepted")
    entailed = next(rule for rule in rules if rule["entailed_by"])
    assert set(entailed["entailed_by"]) <= {rule["id"] for rule in rules}


def test_filters_by_status(file: Path) -> None:
    assert [rule["text"] for rule in rulekd("kg", "list", file, "--json", "--status", "accepted").value["rules"]] == [
        SYMMETRIC
    ]
    assert rulekd("kg", "list", file, "--status", "rejected").out == "no rules\n"


def test_filters_by_confirmation_and_predicate(file: Path) -> None:
    def texts(*options: str) -> set[str]:
        return {rule["text"] for rule in rulekd("kg", "list", file, "--json", "--all", *options).value["rules"]}

    assert texts("--confirmed") == {INVERSE, FOLLOWS}
    assert texts("--predicate", "near") == {SYMMETRIC}
    assert texts("--predicate", "right_of", "--confirmed") == {INVERSE, FOLLOWS}
    assert_refused(rulekd("kg", "list", file, "--predicate", "nea"), "predicate 'nea'", "Did you mean 'near'")


def test_facts_without_a_teacher_are_called_so(tmp_path: Path) -> None:
    told, path = Evidence(teacher=Ledger(200, 1, 40, 0.01, (0.001, 0.04))), tmp_path / "facts.kg.json"
    for teacher, word, other in (("", "facts", "teacher"), ("abc", "teacher", "facts")):
        whole = Provenance(source="mined", teacher=teacher)
        KnowledgeGraph(WORDS, [Rule(parse(INVERSE), evidence=told)], provenance=whole).save(path)
        shown = rulekd("kg", "show", path, INVERSE).out
        assert any(line.startswith(word) for line in shown.splitlines())
        assert not any(line.startswith(other) for line in shown.splitlines())


@pytest.mark.parametrize("reference", ["id", "name", "text", "other spelling"])
def test_shows_one_rule_however_it_is_named(file: Path, reference: str) -> None:
    rule = KnowledgeGraph.load(file).rule(INVERSE)
    named = {"id": rule.id, "name": rule.name, "text": INVERSE, "other spelling": "right_of(x, y) <=> left_of(y, x)"}
    shown = rulekd("kg", "show", file, named[reference])
    assert shown.code == 0
    assert rule.id in shown.out
    assert "1 of 200 live groundings break it, in 40 units" in shown.out
    value = rulekd("kg", "show", file, named[reference], "--json").value
    assert value["evidence"]["teacher"]["violations"] == 1
    assert value["in_words"].endswith(".")


def test_accepts_and_rejects_in_the_file(file: Path) -> None:
    done = rulekd("kg", "reject", file, "symmetric(near)", TRANSITIVE, "--reason", "only in this building", "--json")
    assert done.code == 0
    assert [rule["status"] for rule in done.value["rules"]] == ["rejected", "rejected"]
    graph = KnowledgeGraph.load(file)
    assert {rule.text for rule in graph.rules(Status.REJECTED)} == {SYMMETRIC, TRANSITIVE}
    assert graph.rule(SYMMETRIC).provenance.why == "only in this building"
    assert rulekd("kg", "accept", file, "symmetric(near)").out.startswith("accepted")
    assert KnowledgeGraph.load(file).rule(SYMMETRIC).status is Status.ACCEPTED


def test_a_wrong_name_changes_nothing(file: Path) -> None:
    before = file.read_bytes()
    assert_refused(rulekd("kg", "reject", file, INVERSE, "symetric(near)"), "'symetric(near)'", "symmetric(near)")
    assert file.read_bytes() == before


@pytest.mark.parametrize("damage", ["", "{", '{"format": "something else"}', "cut"])
def test_a_damaged_file_is_refused_and_left_alone(file: Path, damage: str) -> None:
    file.write_text(file.read_text()[:500] if damage == "cut" else damage)
    before = file.read_bytes()
    for words in (["list", file], ["show", file, "x"], ["accept", file, "x"]):
        assert_refused(rulekd("kg", *words), str(file.name))
    assert file.read_bytes() == before


def test_loads_no_torch_and_opens_at_once(file: Path) -> None:
    code = "import json\nprint(json.dumps([m for m in sys.modules if '.' not in m]), file=sys.stderr)"
    listed = fresh_rulekd("kg", "list", file, after=code)
    assert listed.code == 0
    assert {"torch", "numpy", "scipy", "sklearn", "matplotlib", "sympy"} & set(json.loads(listed.err)) == set()
    assert seconds_of_a_process(lambda: fresh_rulekd("kg", "list", file)) < 1.2  # 0.4 were seen


def test_the_beginning_of_an_id_stands_for_it_where_no_other_begins_so(file: Path) -> None:
    graph = KnowledgeGraph.load(file)
    rule = graph.rule(INVERSE)
    assert rulekd("kg", "show", file, rule.id[:5], "--json").value["id"] == rule.id
    assert rule.id[:5] not in graph  # a name for a person, not another name of the rule
    assert_refused(rulekd("kg", "show", file, rule.id[:3]), "unknown rule", "kg list")
    twice = [parse(f"p{number}(a) -> q(a)") for number in range(2000)]
    by_start: dict[str, list[Rule]] = {}
    for one in map(Rule, twice):
        by_start.setdefault(one.id[:4], []).append(one)
    start, same = next((start, found) for start, found in by_start.items() if len(found) > 1)
    KnowledgeGraph.of(same).save(file)
    refused = rulekd("kg", "show", file, start)
    assert_refused(refused, f"{len(same)} rules have an id that begins with '{start}'", same[0].id)


def test_accepting_says_what_speaks_against_a_rule(file: Path) -> None:
    denied = Evidence(Ledger(200, 1, 40, 0.01, (0.0, 0.04)), Ledger(180, 90, 40, 0.5, (0.4, 0.6)), tolerance=0.1)
    KnowledgeGraph.load(file).add(Rule(parse("near(a, b) -> left_of(a, b)"), evidence=denied)).save(file)
    told = rulekd("kg", "accept", file, TRANSITIVE, "implies(near, left_of)", INVERSE)
    assert told.code == 0
    notes = told.err.splitlines()
    assert len(notes) == 2, "the inverse is confirmed and nothing denies it"
    assert notes[0].startswith("note: transitive(left_of): not confirmed at a tolerance of 2.0 %: 4 of 10 live")
    assert notes[1].startswith("note: implies(near, left_of): the labels break it in 90 of 180 live groundings")
    assert rulekd("kg", "reject", file, TRANSITIVE).err == "note: transitive(left_of): it was accepted before\n"
    assert rulekd("kg", "reject", file, TRANSITIVE).err == ""


def test_scenes_are_no_graph_and_a_graph_is_no_scenes(file: Path, tmp_path: Path) -> None:
    scenes = tmp_path / "rooms.jsonl"
    scenes.write_text('{"id": 1}\n{"id": 2}\n', encoding="utf-8")
    assert_refused(rulekd("kg", "list", scenes), "is not a knowledge graph, but may be scenes", "rulekd saved")
    assert_refused(rulekd("scenes", "show", file), "is a graph and holds no scenes", "the scenes")


def test_a_definition_is_shown_with_what_was_measured_and_what_else_there_was(file: Path) -> None:
    known = Definition(
        fidelity=0.991,
        truth=1.0,
        thresholds=(Threshold("x(a) - x(b) <= 0.5", 0.5, 0.48, 0.51, unit="m"),),
        front=(Choice("x(a) <= x(b)", 1, 0.83), Choice("x(a) - x(b) <= 0.5", 1, 0.991)),
        why="1 literal: no other formula found has fewer errors",
        queries=1,
    )
    meant = parse("near(a, b) <-> x(a) - x(b) <= 0.5")
    evidence = Evidence(Ledger(200, 1, 40, 0.01, (0.001, 0.04)), definition=known)
    KnowledgeGraph.load(file).add(Rule(meant, evidence=evidence)).save(file)
    shown = rulekd("kg", "show", file, str(meant)).out
    assert "macro-F1      99.1 % of the teacher's answers and 100 % of the labels\n" in shown
    assert "thresholds    x(a) - x(b) <= 0.5: 0.5 m in [0.48, 0.51]\n" in shown
    assert "best by size  83.0 % with 1 literal: x(a) <= x(b)\n              99.1 % with 1 literal: x(a)" in shown
    assert "chosen        1 literal: no other formula found has fewer errors\nasked         1 made row\n" in shown
