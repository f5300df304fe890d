"""tools/plant --generated: how a program makes flaws, and which suites are asked about one."""

import unittest

from plant_catalogue import by_file
from plant_mutations import changes, mutations, not_taken
from plant_parsing import parsing_errors
from plant_reach import Reach, ReachingSuites, nearest, together
from plant_tests import NotYet
from support import ROOT, FolderTestCase


def made(text: str) -> list[tuple[str, str, str]]:
    """What a line becomes, in the order of its words."""
    return [(change.what, text[change.begin:change.end], change.flawed) for change in changes(text)]


class ChangesTests(unittest.TestCase):
    def test_a_comparison_reaches_as_far_as_what_binds_more_tightly(self) -> None:
        self.assertEqual(made("let a = b ?? c + d < e.f(g, h) && i\n"), [
            ("sum", "c + d", "c - d"), ("comparison", "b ?? c + d < e.f(g, h)", "b ?? c + d <= e.f(g, h)"),
            ("logic", "b ?? c + d < e.f(g, h) && i", "b ?? c + d < e.f(g, h) || i")])

    def test_a_sum_ends_at_the_next_one_and_has_all_before_it(self) -> None:
        self.assertEqual(made("return a - b * c + d\n"), [
            ("sum", "a - b * c", "a + b * c"), ("sum", "a - b * c + d", "a - b * c - d")])

    def test_a_choice_and_a_label_are_its_limits(self) -> None:
        self.assertEqual(made("f(first: a == b ? c : d)\nx\n")[0], ("comparison", "a == b", "a != b"))

    def test_constants_but_no_indices_of_tuples(self) -> None:
        self.assertEqual(made("let a = t.0 * 7 * 0.5 * -3\n"), [("constant", "7", "8"), ("constant", "0.5", "2 * 0.5")])

    def test_words_of_texts_are_left_alone_and_their_ends_are_found(self) -> None:
        self.assertEqual(made('let a = "1 < 2 \\(b["x < \\(3)"]) 4" + c\n'),
                         [("sum", '"1 < 2 \\(b["x < \\(3)"]) 4" + c', '"1 < 2 \\(b["x < \\(3)"]) 4" - c')])
        self.assertEqual(made('let a = #"\\" < "# // 1 < 2\nlet b = """\n  1 < 2\n  """\n'), [])

    def test_a_condition_never_holds_or_one_of_its_clauses_always_does(self) -> None:
        self.assertEqual(made("if isSmall { return }\n"), [("condition", "isSmall", "false")])
        self.assertEqual(made("guard let a = b, isSmall, a.c() else { return }\n"),
                         [("condition", "isSmall", "true"), ("condition", "a.c()", "true")])

    def test_the_smaller_is_the_larger(self) -> None:
        self.assertEqual(made("let a = min(b, c(d))\n"), [("extreme", "min(b, c(d))", "max(b, c(d))")])
        self.assertEqual(made("let a = b.min()\n"), [])

    def test_a_statement_is_left_out_where_it_is_not_alone(self) -> None:
        self.assertEqual(made("func f() {\n  a.b(c)\n  d += e\n}\n"), [("statement", "a.b(c)", ""), ("statement", "d += e", "")])
        # Alone, it may be what the function returns.
        self.assertEqual(made("func f() -> Int {\n  a.b(c)\n}\n"), [])
        # Its other lines would be left.
        self.assertEqual(made("func f() {\n  a.b(\n    c)\n  .d()\n}\n"), [])


class MutationTests(FolderTestCase):
    def test_the_sources_can_be_read_with_all_of_them(self) -> None:
        flaws = mutations(ROOT, 1_000_000, 1)
        self.assertGreater(len(flaws), 3000)
        self.assertEqual(len({(flaw.file, flaw.line) for flaw in flaws}), len(flaws))
        for name, here in by_file(flaws).items():
            text = (ROOT / name).read_text()
            for flaw in here:
                self.assertTrue(text.startswith(flaw.original, flaw.place(text)))
                self.assertEqual(text.count("\n", 0, flaw.place(text)) + 1, flaw.line)
        self.assertEqual(parsing_errors(self.folder, flaws), [])

    def test_a_seed_gives_the_same_ones_and_a_floor_its_own(self) -> None:
        self.assertEqual(mutations(ROOT, 40, 7, {"HDF5"}), mutations(ROOT, 40, 7, {"HDF5"}))
        self.assertNotEqual(mutations(ROOT, 40, 7, {"HDF5"}), mutations(ROOT, 40, 8, {"HDF5"}))
        self.assertEqual({flaw.floor for flaw in mutations(ROOT, 40, 7, {"HDF5", "Jobs"})}, {"HDF5", "Jobs"})

    def test_what_the_compiler_does_not_take_is_found_by_its_line(self) -> None:
        flaws = mutations(ROOT, 60, 7, {"HDF5"})
        one = next(flaw for flaw in flaws if flaw.kind == "expression")
        words = f"/x/package/{one.file}:{one.line + 1}:9: error: binary operator '-' cannot be applied\n"
        self.assertEqual(not_taken(flaws, words), {one.name})
        statement = next(flaw for flaw in flaws if flaw.kind == "statement")
        words = f"/x/package/{statement.file}:1:3: error: return from initializer without initializing all stored properties\n"
        self.assertLessEqual({statement.name}, not_taken(flaws, words))
        self.assertEqual(not_taken(flaws, "error: no space left on device\n"), set())


class FakeSuite:
    def __init__(self, fails: str | None):
        self.fails = fails
        self.asked: list[str] = []

    def asks(self, flaw: object, limit: float, filter: str) -> str | None:
        self.asked.append(filter)
        return f"{self.fails} fails" if self.fails is not None and self.fails in filter else None


class ReachTests(unittest.TestCase):
    flaw = mutations(ROOT, 1, 7, {"HDF5"})[0]
    reaches = [Reach("A.WholeRuns", frozenset(range(1, 90)), 60), Reach("A.Near", frozenset({1, 2}), 2), Reach("A.Other", frozenset({2}), 1),
               Reach("A.Next", frozenset({1, 2, 3}), 19)]

    def test_the_nearest_is_about_little_else_and_quick(self) -> None:
        self.assertEqual([each.suite for each in nearest(self.flaw, self.reaches)], ["A.Near", "A.Next", "A.WholeRuns"])

    def test_few_are_asked_at_first(self) -> None:
        groups = together([Reach("A", frozenset(), 8), Reach("B", frozenset(), 6), Reach("C", frozenset(), 50), Reach("D", frozenset(), 200)])
        self.assertEqual([[each.suite for each in group] for group in groups], [["A"], ["B", "C"], ["D"]])

    def test_those_that_come_to_it_are_asked_until_one_fails(self) -> None:
        suite = FakeSuite("Next")
        asking = ReachingSuites(suite, self.reaches)
        with self.assertRaisesRegex(NotYet, "1 of 3 suites"):
            asking.notices(self.flaw)
        self.assertEqual(asking.notices(self.flaw), "Next fails")
        self.assertEqual(suite.asked, [r"^A\.Near(/|$)", r"^A\.Next(/|$)"])

    def test_what_no_suite_notices_is_missed_when_all_were_asked(self) -> None:
        suite = FakeSuite(None)
        asking = ReachingSuites(suite, self.reaches)
        for _ in range(2):
            self.assertRaises(NotYet, asking.notices, self.flaw)
        self.assertIsNone(asking.notices(self.flaw))
        self.assertEqual(len(suite.asked), 3)

    def test_a_place_that_no_suite_comes_to_is_missed_at_once(self) -> None:
        suite = FakeSuite("A")
        self.assertIsNone(ReachingSuites(suite, [self.reaches[2]]).notices(self.flaw))
        self.assertEqual(suite.asked, [])


if __name__ == "__main__":
    unittest.main()
