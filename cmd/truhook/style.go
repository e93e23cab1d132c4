package main

import (
	"io"
	"os"

	"github.com/truhook/truhook"
)

// A style colours text on a terminal and leaves it plain elsewhere. NO_COLOR (no-color.org) turns colours off.
type style struct{ coloured bool }

func (t *tool) style(w io.Writer) style {
	return style{coloured: isTerminal(w) && t.getenv("NO_COLOR") == "" && t.getenv("TERM") != "dumb"}
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull) // a device too, and nobody types there
	return err != nil || !os.SameFile(info, null)
}

func (s style) paint(code, text string) string {
	if !s.coloured {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s style) bold(text string) string   { return s.paint("1", text) }
func (s style) red(text string) string    { return s.paint("31", text) }
func (s style) green(text string) string  { return s.paint("32", text) }
func (s style) yellow(text string) string { return s.paint("33", text) }

func (s style) severity(v truhook.Severity, text string) string {
	switch v {
	case truhook.SeverityError:
		return s.red(text)
	case truhook.SeverityWarning:
		return s.yellow(text)
	}
	return text
}
