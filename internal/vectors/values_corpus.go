package vectors

import (
	_ "embed"
	"encoding/hex"
	"iter"
	"strings"
)

// corpusText holds what fuzzers found, one input per line: what read it, its name, the reason of
// the rejection and the bytes in hex.
//
//go:embed corpus.txt
var corpusText string

type fuzzed struct {
	name, reason string
	bytes        []byte
}

// corpusOf returns the inputs of one kind.
func corpusOf(kind string) iter.Seq[fuzzed] {
	return func(yield func(fuzzed) bool) {
		for line := range strings.Lines(corpusText) {
			words := strings.Fields(line)
			if words[0] != kind {
				continue
			}
			packed, err := hex.DecodeString(words[3])
			if err != nil {
				panic(err) // the file is part of the package
			}
			if !yield(fuzzed{words[1], words[2], packed}) {
				return
			}
		}
	}
}

// corpus returns the values of the fuzzers, and those of golden tests.
func corpus() (all []value) {
	for c := range corpusOf("decode") {
		all = append(all, rejected("fuzzed value "+c.name, "V15", c.reason, c.bytes))
	}
	for c := range corpusOf("header") {
		all = append(all, rejected("fuzzed header "+c.name, "V15", c.reason, c.bytes))
	}
	for c := range corpusOf("verify") {
		all = append(all, verified(rejected("fuzzed signature "+c.name, "G5", c.reason, c.bytes), 1))
	}
	incident := revision{
		Version: 42, ID: "00112233445566778899aabbccddeeff", PublishedAt: 1_790_000_000_123,
		Publisher: pointer("ops@host"), Reason: pointer("Störung bei acme"),
	}
	for _, until := range []int64{1_790_000_600_000, 18_282_675_016_640} {
		rev := incident
		rev.Directives = []directive{
			{ID: "acme-search", Level: "ShapeTiming", SamplePerMille: 100, ExpiresAt: until, Tenant: "acme", Endpoint: "Search"},
			{
				ID: "all", Level: "Off", SamplePerMille: 1000, ExpiresAt: maxMillis, RingBuffer: true, Capture: true, Tenant: "acme",
				Index: "orders", Principal: "svc", Endpoint: "Unknown",
			},
		}
		name := "an incident until " + hex.EncodeToString(bigEndian(uint64(until), 8))
		all = append(all, accepted(name, "V6", rev.pack(), rev))
		all = append(all, verified(accepted(name+", signed", "G3", sign(rev.pack(), redisKey, 1), rev), 1))
	}
	return all
}
