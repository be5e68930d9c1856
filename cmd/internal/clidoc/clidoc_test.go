package clidoc

import (
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const described = "## root\n\nDo things.\n\n```text\nroot COMMAND [flags]\n```\n\n" +
	"| command | purpose |\n|---|---|\n| [root a](#root-a) | Do a\\|A |\n| [root b](#root-b) | Do b |\n| [root c](#root-c) | Do c |\n\n" +
	"### Flags of all commands\n\n| flag | meaning | default |\n|---|---|---|\n| `-o, --output string` | format, also `ROOT_OUTPUT` | `table` |\n\n" +
	"### Common flags\n\nEach command names those of these flags that it has.\n\n" +
	"| flag | meaning | default |\n|---|---|---|\n| `--as string` | author, see [publish add](#publish-add) | user@host |\n\n" +
	"### root a\n\nDo a|A.\n\n```text\nroot a [flags]\n```\n\nAll \\*, as `--as` says.\n\n```text\nkey  value\n```\n\n" +
	"```sh norun: needs a fleet and files\nroot a --file x.json\n```\n\n" +
	"| flag | meaning | default |\n|---|---|---|\n| `--all` | everything |  |\n| `--file FILE` | file FILE, such as `x.json`, of redis-cli | required |\n\n" +
	"[Common flags](#common-flags): `--as`.\n\n" +
	"### root b\n\nDo b.\n\n```text\nroot b [flags]\n```\n\n[Common flags](#common-flags): `--as`.\n\n" +
	"### root c\n\nDo c.\n\n```text\nroot c [flags]\n```\n\n[Common flags](#common-flags): `--as`.\n\n"

func TestMarkdown(t *testing.T) {
	t.Parallel()
	run := func(*cobra.Command, []string) {}
	root := &cobra.Command{Use: "root COMMAND", Short: "Do things"}
	root.PersistentFlags().StringP("output", "o", "table", "format, also ROOT_OUTPUT")
	for _, sub := range []*cobra.Command{
		{Use: "a", Short: "Do a|A", Long: "All *, as --as says.\n\n  key  value", Example: "  root a --file x.json", Run: run},
		{Use: "b", Short: "Do b", Run: run},
		{Use: "c", Short: "Do c", Run: run},
		{Use: "hidden", Short: "Do nothing", Run: run, Hidden: true},
	} {
		sub.Flags().String("as", "", "author, see publish add --help (default user@host)")
		root.AddCommand(sub)
	}
	first := root.Commands()[0]
	first.Flags().String("file", "", "file `FILE`, such as x.json, of redis-cli (required)")
	first.Flags().Bool("all", false, "everything")
	assert.Equal(t, described, Markdown(root))
}

func TestReplace(t *testing.T) {
	t.Parallel()
	page, err := Replace("head\n<!-- a -->\nold\n<!-- end of a -->\ntail\n", "a", "new\n")
	require.NoError(t, err)
	assert.Equal(t, "head\n<!-- a -->\nnew\n<!-- end of a -->\ntail\n", page)
	_, err = Replace("<!-- a -->\n", "a", "new\n")
	assert.Error(t, err)
	_, err = Replace(page, "b", "new\n")
	assert.Error(t, err)
}
