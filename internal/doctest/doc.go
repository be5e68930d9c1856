// Package doctest tests the documents, which are all Markdown files of the repository. The
// package has no code except tests.
//
// # Links
//
// Each relative link names a file of the repository, and each anchor a heading of its page.
//
// # Blocks
//
// Each fenced block names its language after the backquotes:
//
//	go       a whole program, or statements of a function. Its types are checked. Statements
//	         may use the names that testdata/fragment.go declares.
//	sh       a script. It is run, and must succeed.
//	console  a transcript. Each line that begins with "$ " is run. The lines after it are
//	         lines of its output, in their order. A line "…" stands for any lines. Numbers,
//	         times, ids and authors may differ.
//	json     JSON. If it has the key directives, it is a valid publish body.
//	yaml     the same in YAML.
//	text     is not tested.
//
// The blocks of one page are run in their order, in one directory with the files of the
// repository, and with one empty redis-server, to which redis-cli and publish connect. publish
// and proxy are in the PATH.
//
// If a block cannot run or compile here, the language is followed by "norun:" and the reason:
//
//	```sh norun: installs packages
package doctest
