import unittest

from fleetdial_ref import Rejected, Revision, read_value
from fleetdial_ref.objects import revision_object
from fleetdial_ref.value import MAX_BYTES

from .encode import ID, Raw, directive, pack, revision

# The example of docs/protocol.md, with the times 1790000000000 and 1790000493840.
EXAMPLE = bytes.fromhex(
    "87a6666f726d617401a26964d920" + "3061" * 16 + "a776657273696f6e2a"
    "ac7075626c69736865645f6174cf000001a0c4506c00a97075626c6973686572a3616e61"
    "a6726561736f6ea0aa6469726563746976657391"
    "87a26964a161a56c6576656ca55368617065b073616d706c655f7065725f6d696c6c65cd03e8"
    "aa657870697265735f6174cf000001a0c457f510ab72696e675f627566666572c2"
    "a763617074757265c2a674656e616e74a461636d65"
)


class ValueTest(unittest.TestCase):
    def accept(self, item):
        return read_value(item if isinstance(item, bytes) else pack(item))

    def reject(self, item, text, reasons=("malformed", "invalid")):
        with self.assertRaises(Rejected) as caught:
            self.accept(item)
        self.assertIn(caught.exception.reason, reasons)
        self.assertIn(text, str(caught.exception))
        return caught.exception

    def test_example_of_the_protocol(self):
        self.assertEqual(
            revision_object(self.accept(EXAMPLE)),
            {
                "version": 42,
                "id": ID,
                "published_at": 1790000000000,
                "publisher": "ana",
                "reason": "",
                "directives": [directive(tenant="acme")],
            },
        )

    def test_empty_value_is_the_empty_set(self):
        self.assertEqual(self.accept(b""), Revision(0, ""))

    def test_all_keys(self):
        full = directive(
            tenant="t",
            index="é",
            principal="p",
            endpoint="Search",
            instances={"names": ["web-1"], "labels": {"zone": "eu"}, "per_mille": 100},
            max_per_second=10,
        )
        got = self.accept(revision(full, directive(id="b")))
        self.assertEqual(revision_object(got)["directives"], [full, directive(id="b")])

    def test_every_truncation_and_every_appended_byte(self):
        for end in range(1, len(EXAMPLE)):
            self.reject(EXAMPLE[:end], "")
        for byte in range(256):
            if byte != 0x80:  # a second map that is empty is well-formed (G7)
                self.reject(EXAMPLE + bytes([byte]), "", ("malformed",))

    def test_every_single_byte_never_raises_another_error(self):
        for at in range(len(EXAMPLE)):
            for byte in (0x00, 0x80, 0x90, 0xC0, 0xC1, 0xCB, 0xDB, 0xDD, 0xDF, 0xFF):
                try:
                    read_value(EXAMPLE[:at] + bytes([byte]) + EXAMPLE[at + 1 :])
                except Rejected:
                    pass

    def test_integers_of_every_width(self):
        for raw in ("2a", "cc2a", "cd002a", "ce0000002a", "cf000000000000002a", "d02a",
                    "d1002a", "d20000002a", "d3000000000000002a"):
            got = self.accept(revision(version=Raw(bytes.fromhex(raw))))
            self.assertEqual(got.version, 42)

    def test_strings_of_every_width(self):
        for raw in ("a161", "d90161", "da000161", "db0000000161"):
            self.assertEqual(self.accept(revision(reason=Raw(bytes.fromhex(raw)))).reason, "a")

    def test_large_value(self):
        self.reject(bytes(MAX_BYTES + 1), "more than", ("too_large",))
        self.reject(bytes(MAX_BYTES), "not a map")

    def test_declared_lengths_beyond_the_value(self):
        for raw in ("dfffffffff", "87a6666f726d617401dbffffffff61"):
            self.reject(bytes.fromhex(raw), "")

    def test_keys_of_a_revision(self):
        self.reject(revision(reason=None), "6 keys")
        self.reject(revision(more=1), "8 keys")
        pairs = list(revision().items())
        self.reject(pack(tuple(pairs[:3] + pairs[4:5] + pairs[3:4] + pairs[5:])), "in the place")
        self.reject(pack(tuple(pairs[:6] + pairs[5:6])), "in the place")

    def test_types_and_bounds_of_a_revision(self):
        cases = {
            "id": ["A" * 32, "a" * 31, "g" * 32, 1, b"a" * 32],
            "version": [0, -1, 100_000_000_000_000, 1.0, "1", None],
            "published_at": [0, 100_000_000_000_000, True],
            "publisher": ["x" * 257, Raw(b"\xa1\xff"), Raw(b"\xa3\xed\xa0\x80"), b"x"],
            "reason": ["x" * 1025, Raw(b"\xc0"), Raw(b"\xa2\xc0\x80")],
            "directives": [{}, "x", [1], [[]]],
        }
        for key, values in cases.items():
            for value in values:
                with self.subTest(key=key, value=value):
                    pairs = [(k, value if k == key else v) for k, v in revision().items()]
                    self.reject(pack(tuple(pairs)), "")

    def test_types_and_bounds_of_a_directive(self):
        cases = {
            "id": ["", "x" * 129, 1],
            "level": ["shape", "Any", "", 1],
            "sample_per_mille": [-1, 1001, 1.0],
            "expires_at": [0, 100_000_000_000_000],
            "ring_buffer": [0, "true"],
            "tenant": ["", "x" * 257],
            "endpoint": ["Any", "search", ""],
            "max_per_second": [0, 1_000_001],
            "instances": [
                {}, [], {"more": 1}, {"names": []}, {"names": ["a", "a"]}, {"names": ["a b"]},
                {"names": ["x" * 129]}, {"names": ["é"]}, {"labels": {}}, {"labels": {"": "a"}},
                {"labels": {"a": ""}}, {"labels": {"x" * 65: "a"}}, {"labels": {"a": "x" * 257}},
                {"labels": (("a", "b"), ("a", "b"))}, {"per_mille": 1001},
                (("per_mille", 1), ("per_mille", 1)), {"names": [str(n) for n in range(101)]},
                {"labels": {str(n): "a" for n in range(17)}},
            ],
        }
        for key, values in cases.items():
            for value in values:
                with self.subTest(key=key, value=value):
                    self.reject(revision(directive(**{key: value})), "directives[0]")

    def test_keys_of_a_directive(self):
        for key in directive():
            self.reject(revision(directive(**{key: None})), f"{key} is missing")
        self.reject(revision(directive(ttl_secs=1)), "unknown key 'ttl_secs'")
        repeated = tuple(list(directive().items()) + [("id", "b")])
        self.reject(revision(repeated), "repeated key 'id'")
        self.reject(revision(directive(), directive()), "the id 'a' is repeated")

    def test_format_2_keys_in_format_1(self):
        self.reject(revision(directive(max_per_second=1), format=1), "needs format 2")
        self.reject(revision(directive(instances={"per_mille": 1}), format=1), "needs format 2")
        self.accept(revision(directive(), format=2))

    def test_unknown_format_tells_the_version(self):
        for found in (revision(format=3), revision(format=3, more=1.5)):
            error = self.reject(found, "3 is not known (2 is the highest")
            self.assertEqual((error.version, error.id), (42, ID))
        self.reject(revision(format=0), "not known")
        self.reject(revision(format="1"), "not an integer")

    def test_too_many_directives(self):
        many = [directive(id=str(number)) for number in range(10_001)]
        self.reject(revision(*many), "10001 items")
        self.assertEqual(len(self.accept(revision(*many[1:])).directives), 10_000)


if __name__ == "__main__":
    unittest.main()
