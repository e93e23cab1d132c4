package main

import (
	"bufio"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestServer_AnswersEachHandlerOverLoopback(t *testing.T) {
	t.Parallel()
	lines, in := io.Pipe()
	out, answers := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- serveLoopback(lines, answers) }()
	p := &serverProcess{in: in, out: bufio.NewScanner(out)}
	address, err := p.line()
	require.NoError(t, err)
	l, err := connect(address, 3)
	require.NoError(t, err)
	defer l.close()
	for _, s := range handlers() {
		request := requestTo(address, s)
		times, err := l.run(request, time.Now())
		require.NoError(t, err, s.name)
		require.Len(t, times, 3, s.name)
		request[len(request)-3]++
		_, err = l.run(request, time.Now())
		require.ErrorContains(t, err, "401", s.name)
	}
	spent, err := p.processorTime()
	require.NoError(t, err)
	require.Positive(t, spent)
	require.NoError(t, in.Close())
	require.NoError(t, <-ended)
}

func TestMiddle_IsTheMedianOfEachUnit(t *testing.T) {
	t.Parallel()
	all := []turn{{perSecond: 9, perRequest: 1}, {perSecond: 1, perRequest: 5}, {perSecond: 4, perRequest: 30}}
	require.Equal(t, map[string]float64{perSecond: 4, perRequest: 5}, middle(all))
	require.Equal(t, map[string]float64{perSecond: 5, perRequest: 3}, middle(all[:2]))
	require.Equal(t, map[string]float64{perSecond: 9, perRequest: 1}, middle(all[:1]))
}
