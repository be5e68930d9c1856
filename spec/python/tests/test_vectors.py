"""The tests of spec/vectors. A file that does not exist is skipped."""

import json
import os
import unittest
from pathlib import Path

from fleetdial_ref import decode_revision
from fleetdial_ref.decide import bucket, decide_at, fnv1a
from fleetdial_ref.driver import Driver
from fleetdial_ref.msgpack import Reader
from fleetdial_ref.objects import (
    decision_object,
    parse_instance,
    parse_request,
)

from .scenario import Scenario

VECTORS = Path(
    os.environ.get("FLEETDIAL_VECTORS", Path(__file__).resolve().parents[2] / "vectors")
)


class VectorsTest(unittest.TestCase):
    maxDiff = None

    def lines(self, name):
        path = VECTORS / name
        if not path.exists():
            self.skipTest(f"{name} does not exist")
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        self.assertTrue(lines, f"{name} is empty")
        return lines

    def ask(self, op, line):
        answer = Driver().answer(json.dumps(dict(line, op=op)).encode())
        self.assertNotIn("error", answer)
        return answer

    def check_reader(self, op, key, line):
        answer = self.ask(op, line)
        self.assertEqual(answer["accept"], line["accept"], answer)
        if line["accept"]:
            self.assertEqual(answer[key], line[key])
            return
        # The order of checks is free, so that malformed and invalid are the same.
        reasons = {line["reason"]}
        if reasons & {"malformed", "invalid"}:
            reasons = {"malformed", "invalid"}
        self.assertIn(answer["reason"], reasons, answer)

    def test_values(self):
        for line in self.lines("values.jsonl"):
            with self.subTest(line["name"]):
                self.check_reader("decode", "revision", line)

    def test_samples(self):
        for line in self.lines("samples.jsonl"):
            with self.subTest(line["name"]):
                text = bytes.fromhex(line["text_hex"])
                found = (f"{fnv1a(text):016x}", bucket(text))
                self.assertEqual(found, (line["hash"], line["bucket"]))

    def test_decisions(self):
        sets = {}
        for line in self.lines("decisions.jsonl"):
            with self.subTest(line["name"]):
                if "value_hex" in line:
                    reader = Reader(bytes.fromhex(line["value_hex"]))
                    sets[line["set"]] = decode_revision(reader).directives
                    continue
                found = decide_at(
                    sets[line["set"]],
                    parse_request(line["request"]),
                    parse_instance(line.get("instance")),
                    line["now"],
                )
                self.assertEqual(decision_object(found), line["decision"])

    def test_limits(self):
        for line in self.lines("limits.jsonl"):
            with self.subTest(line["name"]):
                self.assertEqual(self.ask("limit", line)["applied"], line["applied"])

    def test_announcements(self):
        for line in self.lines("announcements.jsonl"):
            with self.subTest(line["name"]):
                answer = self.ask("announcement", line)
                self.assertEqual(answer["announcement"], line["announcement"])

    def test_tokens(self):
        for line in self.lines("tokens.jsonl"):
            with self.subTest(line["name"]):
                self.check_reader("token", "directive", line)

    def test_scenarios(self):
        for line in self.lines("scenarios.jsonl"):
            with self.subTest(line["name"]):
                scenario = Scenario(self, line)
                try:
                    scenario.run()
                finally:
                    scenario.close()


if __name__ == "__main__":
    unittest.main()
