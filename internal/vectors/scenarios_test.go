package vectors

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial/internal/wire"
)

// rawScenario is a scenario as a program of another language reads it.
type rawScenario struct {
	Name     string                       `json:"name"`
	Level    string                       `json:"level"`
	Keys     []hexBytes                   `json:"keys_hex"`
	SignKeys []hexBytes                   `json:"sign_keys_hex"`
	Steps    []map[string]json.RawMessage `json:"steps"`
}

func rawScenarios(t *testing.T) (all []rawScenario) {
	t.Helper()
	for line := range bytes.Lines(files()["scenarios.jsonl"]) {
		var s rawScenario
		require.NoError(t, json.Unmarshal(line, &s))
		all = append(all, s)
	}
	return all
}

// TestScenarios_StepsCanBeDone checks what a runner counts on: each step has one key, no step
// writes to a server that does not run, and each scenario ends with what must hold.
func TestScenarios_StepsCanBeDone(t *testing.T) {
	t.Parallel()
	servers := map[string]string{"kill": "", "pause": "", "restart": "kill", "restart_empty": "kill", "resume": "pause"}
	for _, s := range rawScenarios(t) {
		down := "" // what was done to a server that does not answer
		for i, step := range s.Steps {
			require.Len(t, step, 1, "%s: step %d", s.Name, i)
			for key, text := range step {
				switch key {
				case "set", "publish", "announce", "delete", "wrong_type", "drop_connections":
					assert.Empty(t, down, "%s: step %d", s.Name, i)
				case "server":
					var what string
					require.NoError(t, json.Unmarshal(text, &what))
					after, known := servers[what]
					assert.True(t, known, "%s: step %d", s.Name, i)
					assert.Equal(t, after, down, "%s: step %d", s.Name, i)
					if down = what; after != "" {
						down = ""
					}
				default:
					assert.Contains(t, []string{"restart_subscriber", "expect"}, key, "%s: step %d", s.Name, i)
				}
			}
		}
		assert.Contains(t, s.Steps[len(s.Steps)-1], "expect", s.Name)
	}
}

// TestScenarios_AreShort checks that a busy machine has time for each step, and that an idle one
// is soon done.
func TestScenarios_AreShort(t *testing.T) {
	t.Parallel()
	for _, s := range rawScenarios(t) {
		held := int64(0)
		for _, step := range s.Steps {
			if step["expect"] == nil {
				continue
			}
			var e expect
			require.NoError(t, json.Unmarshal(step["expect"], &e))
			assert.GreaterOrEqual(t, e.Within, int64(3000), s.Name)
			assert.LessOrEqual(t, e.Within, int64(15_000), s.Name)
			assert.Contains(t, []string{"live", "stale", "missing", "rejected", "empty"}, e.State, s.Name)
			held += e.Hold
		}
		assert.LessOrEqual(t, held, int64(2500), s.Name)
	}
}

// TestScenarios_Keys checks that the trusted key of a scenario is that of its first private key.
func TestScenarios_Keys(t *testing.T) {
	t.Parallel()
	signed := 0
	for _, s := range rawScenarios(t) {
		assert.Equal(t, s.Level == "L3", s.Keys != nil, s.Name)
		if s.Keys == nil {
			continue
		}
		signed++
		require.Len(t, s.SignKeys, 2, s.Name)
		first := ed25519.NewKeyFromSeed(s.SignKeys[0]).Public().(ed25519.PublicKey)
		assert.Equal(t, []byte(first), []byte(s.Keys[0]), s.Name)
	}
	assert.GreaterOrEqual(t, signed, 8)
}

// TestScenarios_ReplacedValue checks that the header does not tell the replaced value.
func TestScenarios_ReplacedValue(t *testing.T) {
	t.Parallel()
	a, b := replaced("acme"), replaced("acne")
	require.Len(t, b, len(a))
	assert.NotEqual(t, a, b)
	assert.Equal(t, a[:wire.HeaderBytes], b[:wire.HeaderBytes])
}
