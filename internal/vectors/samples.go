package vectors

import (
	"fmt"
	"strings"
)

// sample is a line of samples.jsonl.
type sample struct {
	vector
	Text   hexBytes `json:"text_hex"`
	Hash   string   `json:"hash"`
	Bucket int      `json:"bucket"`
}

// fnv1a returns the 64-bit FNV-1a hash of a text.
func fnv1a(text string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return h
}

// bucket returns the bucket of a text.
func bucket(text string) int { return int(fnv1a(text) % 1000) }

// withBucket returns the first id with a prefix, a dash and a number that has the bucket.
func withBucket(prefix string, want int) string {
	for i := 0; ; i++ {
		if id := fmt.Sprintf("%s-%d", prefix, i); bucket(id) == want {
			return id
		}
	}
}

// boundaries are the buckets at which samples begin and end.
var boundaries = []int{0, 1, 2, 9, 10, 37, 99, 100, 249, 250, 499, 500, 501, 749, 750, 899, 900, 989, 990, 997, 998, 999}

// samples returns the lines of samples.jsonl.
func samples() (all []sample) {
	add := func(name, text string) {
		all = append(all, sample{
			vector: named(name, "S1"), Text: hexBytes(text), Hash: fmt.Sprintf("%016x", fnv1a(text)), Bucket: bucket(text),
		})
	}
	add("empty", "")
	for _, text := range []string{"a", "b", "foobar", "req-1", "c8f6a2d4-4b5e-4f4c-9d3e-0a1b2c3d4e5f", "0", "REQ-1", "req-1 "} {
		add(fmt.Sprintf("text %q", text), text)
	}
	for n := range 35 {
		add(fmt.Sprintf("%d letters", n+2), letters(n+2))
	}
	add("1 KiB", letters(1024))
	add("1 KiB of one letter", strings.Repeat("x", 1024))
	add("1025 bytes", letters(1025))
	for _, text := range []string{"Störung", "日本語", "\U0001f600", "e\u0301", "\u00e9", "\ufeff", "\u2028"} {
		add(fmt.Sprintf("UTF-8 %+q", text), text)
	}
	for _, text := range []string{"\x00", "\x00\x00", "\x7f", "\x80", "\xff", "\xff\xfe\xfd", "a\x00b", "\n"} {
		add(fmt.Sprintf("bytes %x", text), text)
	}
	for _, b := range boundaries {
		add(fmt.Sprintf("bucket %d", b), withBucket("req", b))
		add(fmt.Sprintf("another text of bucket %d", b), withBucket("0b7e1f3c-web", b))
	}
	return all
}
