package plain

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPrintable_QuotesControlCharacters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ cell, lines string }{
		"größer → 5":   {"größer → 5", "größer → 5"},
		"a\nb":         {`"a\nb"`, "a\nb"},
		"a\tb":         {`"a\tb"`, `a\tb`},
		"a\n\x1b[2J":   {`"a\n\x1b[2J"`, "a\n" + `\x1b[2J`},
		"a\r\nb":       {`"a\r\nb"`, `a\r` + "\nb"},
		"a\u202eb":     {`"a\u202eb"`, `a\u202eb`},
		"a\x9b2J":      {`"a\x9b2J"`, `a\x9b2J`},
		"a\u200bb":     {`"a\u200bb"`, `a\u200bb`},
		"a\u3164b":     {`"a\u3164b"`, `a\u3164b`},
		"a\U000e0100b": {`"a\U000e0100b"`, `a\U000e0100b`},
	} {
		assert.Equal(t, want.cell, Printable(text), "Printable(%q)", text)
		assert.Equal(t, want.lines, PrintableLines(text), "PrintableLines(%q)", text)
	}
}

func TestPrintable_QuotesWhatLooksLikeAnotherText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"acme": "acme", "acme corp": "acme corp", "größer": "größer", "задача": "задача", "東京": "東京", "a*": "a*",
		"acme ": `"acme "`, " acme": `" acme"`, "acme  corp": `"acme  corp"`, "acme\u00a0corp": `"acme\u00a0corp"`,
		"": `""`, "any": `"any"`, "Any": `"Any"`, "none": `"none"`, "-": `"-"`, "*": `"*"`,
		`"acme "`:   `"\"acme \""`,
		"а\u0441me": `"\u0430\u0441me"`, "асе": `"\u0430\u0441\u0435"`, "gro\u0308ßer": `"gro\u0308\u00dfer"`,
		"acme‐1": `"acme\u20101"`, "ａcme": `"\uff41cme"`, "acme\ufe0f": `"acme\ufe0f"`,
	} {
		assert.Equal(t, want, Printable(text), "Printable(%q)", text)
	}
	assert.Equal(t, `"a index=b"`, Word("a index=b"))
	assert.Equal(t, "acme-search", Word("acme-search"))
	assert.Equal(t, `"acme"`, Quoted("acme"))
	assert.Equal(t, `"\u0430cme"`, Quoted("аcme"))
	assert.Equal(t, "-", Cell(""))
	assert.Equal(t, `"-"`, Cell("-"))
}

// TestPrintable_Unique checks that two texts never look the same.
func TestPrintable_Unique(t *testing.T) {
	t.Parallel()
	characters := []rune{'a', ' ', '"', '\\', '-', '*', 'x', '1', 'b', '\n', '\x1b', '\u200b', '\u202e', '\u3164', 'а', 'n'}
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.StringOfN(rapid.SampledFrom(characters), 0, 5, -1)
		a, b := texts.Draw(t, "a"), texts.Draw(t, "b")
		if a != b {
			require.NotEqual(t, Printable(a), Printable(b))
			require.NotEqual(t, Word(a), Word(b))
		}
		require.NotContains(t, Printable(a), "\x1b")
	})
}

func TestEscapeJSON_KeepsMeaning(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.String().Draw(t, "text") + rapid.SampledFrom([]string{"\u202e", "\x7f", "\u009b", "\U000e0001", "ö"}).Draw(t, "more")
		encoded, err := json.MarshalIndent(map[string]string{"text": want}, "", "  ")
		require.NoError(t, err)
		escaped := EscapeJSON(encoded)
		var got map[string]string
		require.NoError(t, json.Unmarshal(escaped, &got))
		require.Equal(t, want, got["text"])
		require.Equal(t, string(escaped), PrintableLines(string(escaped)))
	})
}

func TestRate_KeepsThreeDigits(t *testing.T) {
	t.Parallel()
	for rate, want := range map[float64]string{
		0: "0/s", 0.1234: "0.123/s", 1.234: "1.23/s", 12.34: "12.3/s", 123.45: "123.5/s", 50000.4: "50000/s",
	} {
		assert.Equal(t, want, Rate(rate))
	}
}
