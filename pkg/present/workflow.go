package present

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/poststack/poststack/pkg/event"
)

// command is a workflow command of GitHub Actions in one line, with its line end.
func command(name, title string, at event.Place, text string) string {
	var properties []string
	add := func(key, value string) {
		if value != "" {
			properties = append(properties, key+"="+property(value))
		}
	}
	add("file", at.File)
	if at.File != "" && at.Line > 0 {
		add("line", strconv.Itoa(at.Line))
	}
	add("title", title)
	if len(properties) > 0 {
		name += " " + strings.Join(properties, ",")
	}
	return "::" + name + "::" + data(text) + "\n"
}

// data escapes the text of a command. Source: escapeData in actions/toolkit, packages/core/src/command.ts.
func data(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(bare(text))
}

// property escapes a property of a command. Source: escapeProperty, as above.
func property(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data(text))
}

// harmless is text of others, such as a build's output, that the runner of GitHub Actions takes for nothing but
// text. The runner looks for "::" where a line begins, behind any space, and for "##[" anywhere in it
// (actions/runner, src/Runner.Common/ActionCommand.cs, TryParseV2 and TryParse): a space goes between. The other
// way that GitHub documents, stop-commands, would mute our own commands too if this process were killed before
// it can end that, and would get into $(mage db:url).
func harmless(text string) string {
	lines := strings.Split(bare(text), "\n")
	for i, line := range lines {
		line = strings.ReplaceAll(line, "##[", "# #[")
		if rest := strings.TrimLeftFunc(line, unicode.IsSpace); strings.HasPrefix(rest, "::") {
			line = line[:len(line)-len(rest)] + ": " + rest[1:]
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}

// bare is text without escape sequences and other characters that do not show: the runner compares texts as the
// culture does, which passes over those. Every kind of line end is a line feed afterwards.
func bare(text string) string {
	text = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|\x1b.`).ReplaceAllString(text, "") // ECMA-48
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(text, "\uFFFD"))
	return strings.Map(func(r rune) rune {
		hidden := unicode.In(r, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point,
			unicode.Variation_Selector)
		if hidden && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}
