package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestConnection_ShowsPassword(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"redis://h":                          false,
		"redis://ann@h":                      false,
		"redis://ann:p@h":                    true,
		"redis+sentinel://:p@h:1,h:2/main/0": true,
		"redis+cluster://:p@[::1]:1,[::1]:2": true,
		"redis+cluster://[::1]:1,[::1]:2":    false,
	} {
		c := connection{redisURL: url, urlIsArgument: true}
		assert.Equal(t, want, c.showsPassword(), "%s as an argument", url)
		c.urlIsArgument = false
		assert.False(t, c.showsPassword(), "%s from the environment", url)
	}
}
