package crash

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
)

// A process is the receiver, which is killed and started again.
type process struct {
	env      []string
	url      atomic.Pointer[string] // of the one that runs
	cmd      *exec.Cmd
	lifeline io.Closer
}

func (p *process) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self) //nolint:gosec // this very program
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if p.lifeline, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd = cmd
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return errors.Join(fmt.Errorf("crash: the receiver does not start: %w", err), p.kill())
	}
	url := "http://" + line[:len(line)-1] + "/"
	p.url.Store(&url)
	return nil
}

// kill ends the receiver by SIGKILL.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.lifeline.Close()
	return err
}
