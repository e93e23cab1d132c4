package truhook_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// What a stranger can write into a header of 8 KiB costs no memory beside the refusal.
func TestForwarded_HostileHeadersCostNothing(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	client := netip.MustParsePrefix("192.0.2.0/24")
	fill := func(one func(i int) string) string {
		var b strings.Builder
		for i := 0; b.Len() < 8150; i++ {
			b.WriteString(one(i))
		}
		return b.String()[:8150]
	}
	same := func(text string) func(int) string { return func(int) string { return text } }
	tests := map[string]struct {
		lines []string
		rfc   bool
		want  truhook.Reason
	}{
		"parameters":            {[]string{"for=192.0.2.1" + fill(func(i int) string { return fmt.Sprintf(";p%d=1", i) })}, true, truhook.HeaderTooLong},
		"one parameter again":   {[]string{fill(same("for=1;"))}, true, truhook.SourceNotAllowed},
		"elements":              {[]string{fill(same("for=127.0.0.1,"))}, true, truhook.HeaderTooLong},
		"empty elements":        {[]string{fill(same(","))}, true, truhook.SourceNotAllowed},
		"a quoted string":       {[]string{`for="` + fill(same(`\"`)) + `"`}, true, truhook.SourceNotAllowed},
		"quoted strings":        {[]string{fill(same(`a="\\";`))}, true, truhook.SourceNotAllowed},
		"an open quote":         {[]string{`for="` + fill(same("x"))}, true, truhook.SourceNotAllowed},
		"blanks":                {[]string{fill(same(" "))}, true, truhook.SourceNotAllowed},
		"lines":                 {strings.Split(fill(same("for=127.0.0.1\n")), "\n"), true, truhook.HeaderTooLong},
		"empty lines":           {strings.Split(fill(same("\n")), "\n"), true, truhook.SourceNotAllowed},
		"too many bytes":        {[]string{"for=" + fill(same("1")) + fill(same("1"))}, true, truhook.HeaderTooLong},
		"entries":               {[]string{fill(same("1,"))}, false, truhook.HeaderTooLong},
		"empty entries":         {[]string{fill(same(","))}, false, truhook.HeaderTooLong},
		"one entry":             {[]string{fill(same("1"))}, false, truhook.SourceNotAllowed},
		"entries of blanks":     {[]string{fill(same("          ,"))}, false, truhook.HeaderTooLong},
		"addresses":             {[]string{fill(same("127.0.0.1,"))}, false, truhook.HeaderTooLong},
		"lines of one address":  {strings.Split(fill(same("127.0.0.1\n")), "\n"), false, truhook.HeaderTooLong},
		"too many bytes, plain": {[]string{fill(same("1")) + fill(same("1"))}, false, truhook.HeaderTooLong},
	}
	for name, test := range tests {
		check, header := truhook.ClientAddrIn(proxies, client), "X-Forwarded-For"
		if test.rfc {
			check, header = truhook.ClientAddrInForwarded(proxies, client), "Forwarded"
		}
		d := &truhook.Delivery{RemoteAddr: "127.0.0.1:1", Header: http.Header{header: test.lines}}
		require.Equal(t, test.want, truhook.ReasonOf(check.Run(t.Context(), d)), name)
		allocs := testing.AllocsPerRun(20, func() { _ = check.Run(t.Context(), d) })
		assert.LessOrEqual(t, allocs, 5.0, name)
	}
}

func TestForwarded_SixteenParametersAreRead(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	check := truhook.ClientAddrInForwarded(proxies, netip.MustParsePrefix("192.0.2.0/24"))
	element := "for=192.0.2.1"
	for i := range 15 {
		element += fmt.Sprintf(`;p%d="\a,b"`, i)
	}
	run := func(line string) error {
		return check.Run(t.Context(), &truhook.Delivery{RemoteAddr: "127.0.0.1:1", Header: http.Header{"Forwarded": {line}}})
	}
	require.NoError(t, run(element))
	require.NoError(t, run(element+","+element+", for=127.0.0.2"))
	require.ErrorIs(t, run(element+";more=1"), truhook.HeaderTooLong)
	require.ErrorIs(t, run(element+";FOR=1"), truhook.HeaderTooLong)
	require.ErrorIs(t, run("for=192.0.2.1;a=1;A=1"), truhook.SourceNotAllowed)
}

func TestForwarded_OnlySeparatorsStandBetweenParameters(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	check := truhook.ClientAddrInForwarded(proxies, netip.MustParsePrefix("192.0.2.0/24"))
	for line, want := range map[string]truhook.Reason{
		"for=192.0.2.1;by=x":            "",
		"for=192.0.2.1 ; by=x":          "",
		"for=127.0.0.2 , for=192.0.2.1": "",
		"for=192.0.2.1 by=x":            truhook.SourceNotAllowed,
		"by=x xfor=192.0.2.1":           truhook.SourceNotAllowed,
		`by="x"for=192.0.2.1`:           truhook.SourceNotAllowed,
		`for=192.0.2.1"x"`:              truhook.SourceNotAllowed,
		"for=192.0.2.1:by=x":            truhook.SourceNotAllowed,
		"for=192.0.2.1=by=x":            truhook.SourceNotAllowed,
	} {
		d := &truhook.Delivery{RemoteAddr: "127.0.0.1:1", Header: http.Header{"Forwarded": {line}}}
		require.Equal(t, want, truhook.ReasonOf(check.Run(t.Context(), d)), line)
	}
}
