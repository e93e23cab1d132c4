package main

import (
	"context"
	"fmt"
	"io"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/retry"
)

// service stands for yours.
type service struct{ out io.Writer }

func (s service) allow(request string)     { fmt.Fprintln(s.out, "allowed:", request) }
func (s service) deny(request, why string) { fmt.Fprintln(s.out, "denied:", request, why) }
func (s service) linked(device string)     { fmt.Fprintln(s.out, "linked:", device) }
func (s service) signOut(userHash string)  { fmt.Fprintln(s.out, "signed out:", userHash) }
func (s service) tellSomebody(kind string) { fmt.Fprintf(s.out, "not known: %q\n", kind) }

// handle runs once for each genuine event. What is not an authorization authorizes nothing.
func (s service) handle(_ context.Context, v *truhook.Verified) error {
	event, err := transunion.Parse(v)
	if err != nil {
		return retry.Permanent(err) // an authorization that cannot be read: nobody is authorized
	}
	switch e := event.(type) {
	case transunion.AuthorizationResponse:
		if !e.Authorized() { // type AUTHORIZED and reason APPROVED, both
			s.deny(e.AuthRequest, e.Reason)
			return nil
		}
		s.allow(e.AuthRequest)
	case transunion.DeviceLinked:
		s.linked(e.DeviceID)
	case transunion.SessionEnded:
		s.signOut(e.ServiceUserHash)
	case transunion.Unknown:
		s.tellSomebody(e.Type)
	}
	return nil
}
