package recorded

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	capturedPrefix = "refused-"
	capturedSuffix = ".http"
)

// captured is one of our files, by its name: the time and the reason are in it.
type captured struct {
	name, reason string
	at           time.Time
}

func capturedName(at time.Time, serial int, reason string) string {
	return fmt.Sprintf("%s%d-%d-%d-%s%s", capturedPrefix, at.UnixMilli(), os.Getpid(), serial, reason, capturedSuffix)
}

func parseCaptured(name string) (captured, bool) {
	rest, ours := strings.CutPrefix(name, capturedPrefix)
	rest, ends := strings.CutSuffix(rest, capturedSuffix)
	parts := strings.SplitN(rest, "-", 4)
	if !ours || !ends || len(parts) != 4 {
		return captured{}, false
	}
	at, err := strconv.ParseInt(parts[0], 10, 64)
	return captured{name: name, reason: parts[3], at: time.UnixMilli(at)}, err == nil
}

// leastMissed returns the oldest file of the reason that has the most.
func leastMissed(kept []captured) captured {
	count := map[string]int{}
	for _, f := range kept {
		count[f.reason]++
	}
	victim := kept[0]
	for _, f := range kept {
		if count[f.reason] > count[victim.reason] {
			victim = f
		}
	}
	return victim
}
