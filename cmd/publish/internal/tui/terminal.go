package tui

import "golang.org/x/term"

// defaultWidth is the width of a terminal that does not tell its width.
const defaultWidth = 80

// descriptor returns the file descriptor of a stream, or of the stream that it wraps.
func descriptor(stream any) (fd int, ok bool) {
	for {
		switch s := stream.(type) {
		case interface{ Fd() uintptr }:
			return int(s.Fd()), true
		case interface{ Unwrap() any }:
			stream = s.Unwrap()
		default:
			return 0, false
		}
	}
}

// IsTerminal reports whether a stream is a terminal.
func IsTerminal(stream any) bool {
	fd, ok := descriptor(stream)
	return ok && term.IsTerminal(fd)
}

// Width returns the number of columns of a terminal, and 0 for every other stream.
func Width(stream any) int {
	if !IsTerminal(stream) {
		return 0
	}
	fd, _ := descriptor(stream)
	if width, _, err := term.GetSize(fd); err == nil && width > 0 {
		return width
	}
	return defaultWidth
}

// Height returns the number of lines of a terminal, and 0 for every other stream and for a
// terminal that does not tell its height.
func Height(stream any) int {
	if !IsTerminal(stream) {
		return 0
	}
	fd, _ := descriptor(stream)
	if _, height, err := term.GetSize(fd); err == nil {
		return max(0, height)
	}
	return 0
}
