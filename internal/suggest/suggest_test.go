package suggest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/fleetdial/fleetdial/internal/suggest"
)

func TestClosest(t *testing.T) {
	t.Parallel()
	commands := []string{"add", "remove", "status", "wait", "watch", "get"}
	for word, want := range map[string]string{
		"statsu": "status", "STATUS": "status", "remov": "remove", "gte": "get", "wach": "watch", "waits": "wait",
		"nonsense": "", "": "", "x": "", "statistics": "",
	} {
		assert.Equal(t, want, suggest.Closest(word, commands), "Closest(%q)", word)
	}
	assert.Empty(t, suggest.Closest("a", nil))
	assert.Equal(t, "acme-Search", suggest.Closest("acme-serch", []string{"globex", "acme-Search"}))
}
