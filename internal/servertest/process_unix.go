//go:build unix && !linux

package servertest

import "syscall"

func processAttributes(user *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: user, Setpgid: true}
}

// childrenOf returns none: they end by themselves when they notice.
func childrenOf(int) []int { return nil }
