package review

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParsePerMille(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"0": 0, "1": 1, "100": 100, "1000": 1000, "10%": 100, "0.1%": 1, "100%": 1000, "12.5%": 125,
		"0.1": 100, ".5": 500, "0.001": 1, "1.0": 1000, "0.29": 290, "0.0": 0, "007": 7,
	} {
		got, err := ParsePerMille(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"1001", "100.1%", "101%", "1.001", "99999999999999999999"} {
		_, err := ParsePerMille(text)
		assert.ErrorIs(t, err, ErrPerMilleRange, text)
	}
	for _, text := range []string{"0.0001", "0.01%", "12.34%", "0.9999"} {
		_, err := ParsePerMille(text)
		assert.EqualError(t, err, "must be a whole number per mille, such as 1, 0.1% or 0.001", text)
	}
	for _, text := range []string{"", "%", "-1", "+1", "1e2", "0x10", "1.", ".", "1.%", ".5%", "1_0", "inf", "NaN", " 1", "1 %", "1%%", "٣"} {
		_, err := ParsePerMille(text)
		assert.EqualError(t, err, "must be a number per mille (100), a percentage (10%) or a fraction (0.1)", text)
	}
}
