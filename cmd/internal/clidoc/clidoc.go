// Package clidoc describes a command and its subcommands in Markdown, for docs/cli.md. Only
// tests import it.
package clidoc

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// enough is the number of commands from which on a flag is described once for all of them.
const enough = 3

// page is the description of a command and its subcommands.
type page struct {
	strings.Builder
	// common are the flags that several commands have with the same meaning, by their text.
	common map[string]*pflag.Flag
}

// Markdown returns a section for the command and one for each subcommand, except hidden ones
// and help. The flags of all commands, and those of several commands, are described once, in
// the section of the root.
func Markdown(root *cobra.Command) string {
	p := page{common: commonFlags(root)}
	p.command(root, 2)
	return p.String()
}

// Replace returns the page with another text between the two markers of the section,
// <!-- NAME --> and <!-- end of NAME -->.
func Replace(page, section, text string) (string, error) {
	begin, end := "<!-- "+section+" -->\n", "<!-- end of "+section+" -->"
	before, rest, found := strings.Cut(page, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", fmt.Errorf("the page has no section %q", section)
	}
	return before + begin + text + end + after, nil
}

// subcommands returns the subcommands that the page describes.
func subcommands(cmd *cobra.Command) []*cobra.Command {
	if cmd.Name() == "completion" {
		return nil // its usage lists the shells
	}
	return slices.DeleteFunc(slices.Clone(cmd.Commands()), func(sub *cobra.Command) bool {
		return sub.Hidden || sub.Name() == "help"
	})
}

// each calls f for a command and all its subcommands.
func each(cmd *cobra.Command, f func(*cobra.Command)) {
	f(cmd)
	for _, sub := range subcommands(cmd) {
		each(sub, f)
	}
}

// ownFlags returns the flags of a command that are not those of all commands.
func ownFlags(cmd *cobra.Command) (flags []*pflag.Flag) {
	cmd.LocalNonPersistentFlags().VisitAll(func(flag *pflag.Flag) {
		if flag.Name != "help" {
			flags = append(flags, flag)
		}
	})
	return flags
}

// text tells flags apart that have the same name.
func text(flag *pflag.Flag) string {
	return strings.Join([]string{flag.Name, flag.Value.Type(), flag.DefValue, flag.Usage}, "\n")
}

func commonFlags(root *cobra.Command) map[string]*pflag.Flag {
	all, users := make(map[string]*pflag.Flag), make(map[string]int)
	each(root, func(cmd *cobra.Command) {
		for _, flag := range ownFlags(cmd) {
			all[text(flag)] = flag
			users[text(flag)]++
		}
	})
	for text, n := range users {
		if n < enough {
			delete(all, text)
		}
	}
	return all
}

// command writes the section of a command and those of its subcommands.
func (p *page) command(cmd *cobra.Command, depth int) {
	subs := subcommands(cmd)
	fmt.Fprintf(p, "%s %s\n\n%s.\n\n", strings.Repeat("#", depth), cmd.CommandPath(), cmd.Short)
	fmt.Fprintf(p, "```text\n%s\n```\n\n", cmd.UseLine())
	if cmd.Long != "" {
		fmt.Fprintf(p, "%s\n\n", prose(cmd.Long))
	}
	if cmd.Example != "" {
		fmt.Fprintf(p, "```sh norun: needs a fleet and files\n%s\n```\n\n", unindent(cmd.Example))
	}
	if len(subs) > 0 {
		p.WriteString("| command | purpose |\n|---|---|\n")
		for _, sub := range subs {
			fmt.Fprintf(p, "| %s | %s |\n", link(sub.CommandPath()), cell(sub.Short))
		}
		p.WriteString("\n")
	}
	p.flags(cmd)
	if !cmd.HasParent() {
		p.sharedFlags(cmd, depth+1)
	}
	for _, sub := range subs {
		p.command(sub, depth+1)
	}
}

// flags writes the table of the command's own flags, and names the common ones.
func (p *page) flags(cmd *cobra.Command) {
	var own, common []*pflag.Flag
	for _, flag := range ownFlags(cmd) {
		if p.common[text(flag)] != nil {
			common = append(common, flag)
		} else {
			own = append(own, flag)
		}
	}
	p.table(own)
	if len(common) == 0 {
		return
	}
	var names []string
	for _, flag := range common {
		names = append(names, "`--"+flag.Name+"`")
	}
	fmt.Fprintf(p, "[Common flags](#common-flags): %s.\n\n", strings.Join(names, ", "))
}

// sharedFlags writes the flags of all commands, and the common ones.
func (p *page) sharedFlags(root *cobra.Command, depth int) {
	var global, common []*pflag.Flag
	root.PersistentFlags().VisitAll(func(flag *pflag.Flag) { global = append(global, flag) })
	for _, flag := range p.common {
		common = append(common, flag)
	}
	slices.SortFunc(common, func(a, b *pflag.Flag) int { return strings.Compare(text(a), text(b)) })
	if len(global) > 0 {
		fmt.Fprintf(p, "%s Flags of all commands\n\n", strings.Repeat("#", depth))
		p.table(global)
	}
	if len(common) > 0 {
		fmt.Fprintf(p, "%s Common flags\n\nEach command names those of these flags that it has.\n\n", strings.Repeat("#", depth))
		p.table(common)
	}
}

// required is the end of the usage of a flag without a default.
const required = " (required)"

var inUsage = regexp.MustCompile(` *\(default ([^)]*)\)`)

// table writes a table of flags.
func (p *page) table(flags []*pflag.Flag) {
	if len(flags) == 0 {
		return
	}
	p.WriteString("| flag | meaning | default |\n|---|---|---|\n")
	for _, flag := range flags {
		value, usage := pflag.UnquoteUsage(flag)
		name := "--" + flag.Name
		if flag.Shorthand != "" {
			name = "-" + flag.Shorthand + ", " + name
		}
		if value != "" {
			name += " " + value
		}
		def := ""
		if found := inUsage.FindStringSubmatch(usage); found != nil {
			usage, def = strings.Replace(usage, found[0], "", 1), prose(found[1])
		} else if strings.HasSuffix(usage, required) {
			usage, def = strings.TrimSuffix(usage, required), strings.Trim(required, " ()")
		} else if !slices.Contains([]string{"", "false", "0", "[]"}, flag.DefValue) {
			def = "`" + flag.DefValue + "`"
		}
		fmt.Fprintf(p, "| `%s` | %s | %s |\n", cell(name), cell(prose(usage)), cell(def))
	}
	p.WriteString("\n")
}

var (
	special = regexp.MustCompile(`[*<\[\]\\]`)
	// code is what prose shows as code: flags, fields, and names of variables and of files.
	code = regexp.MustCompile(`(^|[\s("])((?:--?[a-z][a-z-]*|[A-Z]+(?:_[A-Z]+)+|[a-z]+(?:_[a-z]+)+|[a-z][\w./-]*\.(?:json|yaml|pem|md))\b|/[a-z][a-z/]*)`)
	help = regexp.MustCompile(`\b(publish [a-z]+) --help`)
)

// prose returns the text of a help as Markdown. A paragraph that is indented is a block.
func prose(text string) string {
	paragraphs := strings.Split(strings.TrimRight(text, "\n"), "\n\n")
	for i, paragraph := range paragraphs {
		if strings.HasPrefix(paragraph, "  ") {
			paragraphs[i] = "```text\n" + unindent(paragraph) + "\n```"
			continue
		}
		paragraph = special.ReplaceAllString(paragraph, `\$0`)
		paragraph = help.ReplaceAllStringFunc(paragraph, func(words string) string {
			return link(strings.TrimSuffix(words, " --help"))
		})
		paragraphs[i] = code.ReplaceAllString(paragraph, "$1`$2`")
	}
	return strings.Join(paragraphs, "\n\n")
}

// link returns a link to the section of a command.
func link(path string) string {
	return fmt.Sprintf("[%s](#%s)", path, strings.ReplaceAll(path, " ", "-"))
}

// unindent removes the two spaces before each line.
func unindent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "  ")
	}
	return strings.Join(lines, "\n")
}

// cell returns a text for a cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
