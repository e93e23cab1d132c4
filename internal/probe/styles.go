package probe

const (
	html = "<>&"
	gson = "<>&='"
	dot  = "<>&'\"+`" // System.Text.Json
)

// styles are the JSON writers that are known, those that send most webhooks first. Where two write a body alike, the
// first one is named. No page of a provider says what writes its JSON, and the bodies on those pages are laid out for
// readers, so no provider has an order of its own.
var styles = []style{
	{name: "Python", item: ", ", colon: ": ", ascii: true, del: true},
	{name: "JavaScript", item: ",", colon: ":"},
	{name: "Python, compact", item: ",", colon: ":", ascii: true, del: true},
	{name: "PHP", item: ",", colon: ":", ascii: true, slash: true},
	{name: "Go", item: ",", colon: ":", unicode: html, lines: true}, // and Ruby on Rails
	{name: "Python, ensure_ascii=False", item: ", ", colon: ": "},
	{name: "Newtonsoft", item: ",", colon: ":", lines: true, nextLine: true},
	{name: "Jackson", item: ",", colon: ":", upper: true},
	{name: "Jackson, ASCII", item: ",", colon: ":", upper: true, ascii: true},
	{name: "System.Text.Json", item: ",", colon: ":", unicode: dot, ascii: true, upper: true, del: true},
	{name: "PHP, JSON_UNESCAPED_UNICODE", item: ",", colon: ":", slash: true, lines: true},
	{name: "PHP, JSON_UNESCAPED_SLASHES", item: ",", colon: ":", ascii: true},
	{name: "Gson", item: ",", colon: ":", unicode: gson, lines: true},
	{name: "PHP, JSON_HEX", item: ",", colon: ":", ascii: true, slash: true, hex: true, unicode: html + "'\""},
	{name: "Go, ASCII", item: ",", colon: ":", unicode: html, ascii: true},

	{name: "JavaScript, indent 2", colon: ": ", indent: "  "}, // and newer Ruby, pretty
	{name: "Ruby, pretty", colon: ": ", indent: "  ", openEmpty: true},
	{name: "JavaScript, indent 4", colon: ": ", indent: "    "},
	{name: "JavaScript, indent tab", colon: ": ", indent: "\t"},
	{name: "Python, indent 2", colon: ": ", indent: "  ", ascii: true, del: true},
	{name: "Python, indent 4", colon: ": ", indent: "    ", ascii: true, del: true},
	{name: "Python, indent tab", colon: ": ", indent: "\t", ascii: true, del: true},
	{name: "Go, indent 2", colon: ": ", indent: "  ", unicode: html, lines: true},
	{name: "Go, indent 4", colon: ": ", indent: "    ", unicode: html, lines: true},
	{name: "Go, indent tab", colon: ": ", indent: "\t", unicode: html, lines: true},
	{name: "PHP, pretty", colon: ": ", indent: "    ", ascii: true, slash: true},
	{name: "PHP, pretty, JSON_UNESCAPED_SLASHES", colon: ": ", indent: "    ", ascii: true},
	{name: "Jackson, pretty", colon: " : ", indent: "  ", upper: true, flatArrays: true, spacedEmpty: true},
	{name: "Newtonsoft, indented", colon: ": ", indent: "  ", lines: true, nextLine: true},
	{name: "Newtonsoft, indented, CR LF", colon: ": ", indent: "  ", newline: "\r\n", lines: true, nextLine: true},
	{name: "System.Text.Json, indented", colon: ": ", indent: "  ", unicode: dot, ascii: true, upper: true, del: true},
	{name: "System.Text.Json, indented, CR LF", colon: ": ", indent: "  ", newline: "\r\n", unicode: dot, ascii: true, upper: true, del: true},
}
