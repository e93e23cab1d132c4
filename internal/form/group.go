package form

import (
	"time"

	"github.com/truhook/truhook"
)

// Group is one list of signatures and the time that they sign.
type Group struct {
	Timestamp string // as sent, as that is what is signed
	Time      time.Time
	refused   truhook.Reason // the group does not count
	signed    bool           // it has a signature
}

// Live reports whether the signatures of the group count.
func (g *Group) Live() bool { return g.signed && g.refused == "" }

// readTimes judges the time of each group. One that is not live takes its signatures with it.
func (f *Format) readTimes(d *truhook.Delivery, now time.Time, h *Head) error {
	if !f.Groups {
		text, err := f.value(d, &f.stamp, truhook.MissingTimestamp, truhook.MalformedTimestamp)
		if err != nil {
			return err
		}
		h.Groups[0].Timestamp = text
	}
	first := truhook.Reason("")
	live := false
	for i := range h.Groups[:h.GroupCount] {
		g := &h.Groups[i]
		if g.refused == "" {
			g.refused = f.judge(g, now)
		}
		live = live || g.Live()
		if first == "" && g.signed {
			first = g.refused
		}
	}
	if !live {
		return f.refuse(first, f.stamp.cause)
	}
	h.merge()
	return nil
}

func (f *Format) judge(g *Group, now time.Time) truhook.Reason {
	if g.Timestamp == "" {
		return truhook.MissingTimestamp
	}
	at, ok := parseTime(f.TimeFormat, g.Timestamp, f.exactSeconds)
	if !ok {
		return truhook.MalformedTimestamp
	}
	g.Time = at
	if f.Tolerance == NoWindow {
		return ""
	}
	switch age := now.Sub(at); {
	case age > f.Tolerance:
		return truhook.Expired
	case age < -f.Tolerance:
		return truhook.NotYetValid
	}
	return ""
}

// merge makes groups of one time one group, so that the text that they sign is hashed once.
func (h *Head) merge() {
	for i := 1; i < h.GroupCount; i++ {
		for j := range i {
			if h.Groups[i].Live() && h.Groups[j].Live() && h.Groups[i].Timestamp == h.Groups[j].Timestamp {
				for k := range h.count {
					if h.signatures[k].group == i {
						h.signatures[k].group = j
					}
				}
				h.Groups[i].signed = false
			}
		}
	}
}
